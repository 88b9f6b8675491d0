//! What stands between sqlx and the network: a relay that counts.
//!
//! sqlx holds a whole message in memory before anybody can look at it, and reserves what a message
//! merely announces. So it speaks to a socket inside this process, and the relay passes on no more
//! than the leg allows and no head of a message that announces more. It also lets the exporter
//! make the outward connection, and its encryption, itself.
//!
//! The socket has an abstract name (it needs no directory and vanishes with the listener), and
//! only this very process is let in. All of it runs in the task of the run.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::messages::Messages;

/// A socket that waits for sqlx.
pub(super) struct Relay {
    listener: UnixListener,
    directory: PathBuf,
}

/// How a relay ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Relayed {
    /// One side closed.
    Closed,
    /// The server sent more than it may, or announced it.
    TooMuch,
    /// A message announced a length that none has.
    Malformed(usize),
}

impl Relay {
    /// `port` is what the options of sqlx hold, because it is part of the socket's name.
    pub(super) fn open(port: u16) -> io::Result<Self> {
        // The name is no secret: it only must not collide.
        let unique = RandomState::new().build_hasher().finish();
        let directory = PathBuf::from(format!("\0readiness-exporter-{}-{unique:016x}", std::process::id()));
        let listener = UnixListener::bind(format!("{}/.s.PGSQL.{port}", directory.display()))?;
        Ok(Self { listener, directory })
    }

    /// What sqlx takes for the directory of the socket.
    pub(super) fn directory(&self) -> &PathBuf {
        &self.directory
    }

    /// Passes on both ways until one side closes or the server has sent `limit` bytes. Sets
    /// `authenticated` as soon as the server has accepted the credentials.
    pub(super) async fn run<S>(self, server: S, limit: usize, authenticated: &AtomicBool) -> io::Result<Relayed>
    where
        S: AsyncRead + AsyncWrite,
    {
        let mut client = self.accept().await?;
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = tokio::io::split(server);
        let upward = async {
            tokio::io::copy(&mut from_client, &mut to_server).await?;
            to_server.shutdown().await?;
            // Only the server's side ends the relay: it may still have something to say.
            std::future::pending::<io::Result<Relayed>>().await
        };
        let downward = async {
            let (mut left, mut messages) = (limit, Messages::default());
            let mut buffer = vec![0; 16 * 1024];
            loop {
                let read = from_server.read(&mut buffer).await?;
                let Some(rest) = left.checked_sub(read) else { return Ok(Relayed::TooMuch) };
                let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
                    return Ok(Relayed::Closed);
                };
                if let Err(wrong) = messages.follow(bytes, limit) {
                    return Ok(wrong);
                }
                authenticated.fetch_or(messages.authenticated(), Ordering::Relaxed);
                to_client.write_all(bytes).await?;
                left = rest;
            }
        };
        tokio::select! {
            ended = upward => ended,
            ended = downward => ended,
        }
    }

    async fn accept(&self) -> io::Result<UnixStream> {
        let own = i32::try_from(std::process::id()).ok();
        loop {
            let (client, _) = self.listener.accept().await?;
            if client.peer_cred().is_ok_and(|peer| peer.pid() == own) {
                return Ok(client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Both ends of a relay with this limit: what sqlx would hold, and what the server would.
    async fn ends(limit: usize) -> (UnixStream, TcpStream, impl Future<Output = io::Result<Relayed>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        here.set_nonblocking(true).unwrap();
        let (there, _) = listener.accept().await.unwrap();
        let relay = Relay::open(5432).unwrap();
        let name = format!("{}/.s.PGSQL.5432", relay.directory().display());
        let client = UnixStream::connect(name).await.unwrap();
        static AUTHENTICATED: AtomicBool = AtomicBool::new(false);
        (client, there, relay.run(TcpStream::from_std(here).unwrap(), limit, &AUTHENTICATED))
    }

    #[tokio::test]
    async fn bytes_pass_both_ways_and_the_last_words_are_heard() {
        let (mut client, mut server, relayed) = ends(100).await;
        let talk = async {
            client.write_all(b"ask").await.unwrap();
            let mut asked = [0; 3];
            server.read_exact(&mut asked).await.unwrap();
            server.write_all(b"N\0\0\0\x06no").await.unwrap();
            drop(server);
            asked
        };
        let (ended, asked) = tokio::join!(relayed, talk);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!((ended.unwrap(), &asked, answer.as_str()), (Relayed::Closed, b"ask", "N\0\0\0\x06no"));
    }

    #[tokio::test]
    async fn more_than_the_limit_ends_it() {
        let (_client, mut server, relayed) = ends(10).await;
        let (ended, ()) = tokio::join!(relayed, async { server.write_all(b"N\0\0\0\x0aeleven").await.unwrap() });
        assert_eq!(ended.unwrap(), Relayed::TooMuch);
    }

    #[tokio::test]
    async fn a_head_that_announces_gigabytes_is_not_passed_on() {
        let (mut client, mut server, relayed) = ends(1000).await;
        let (ended, ()) = tokio::join!(relayed, async { server.write_all(b"R\x7f\xff\xff\xff").await.unwrap() });
        assert_eq!(ended.unwrap(), Relayed::Malformed(0x7fff_ffff));
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    }
}
