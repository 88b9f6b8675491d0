//! From a name to a connected socket.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Clients, Took, from_io, spoken};
use crate::model::Reason;
use crate::probe::{Blame, ProbeCx, ProbeError};

/// The next address is tried after this long without an answer from the ones before (RFC 8305).
const STAGGER: Duration = Duration::from_millis(250);

/// A connected socket, and how long each step took.
pub struct Dialed {
    pub stream: TcpStream,
    pub peer: SocketAddr,
    pub dns: Duration,
    pub connect: Duration,
}

impl Clients {
    /// Resolves and connects, within the deadline of the run.
    pub async fn dial(&self, cx: &ProbeCx, host: &str, port: u16) -> Result<Dialed, ProbeError> {
        let budget = cx.remaining();
        let begun = Instant::now();
        let literal = host.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, port));
        let (one, several);
        let peers: &[SocketAddr] = match literal {
            Some(literal) => {
                one = [literal];
                &one
            }
            None => {
                let addresses = self.resolve(cx, host).await?;
                several = addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect::<Vec<_>>();
                &several
            }
        };
        let resolved = Instant::now();
        let what = name_of(host, port, literal, peers);
        let connected = timeout_at(cx.deadline(), connect_any(peers, &what)).await;
        let (stream, peer) = connected.map_err(|_| {
            ProbeError::target(
                Reason::Timeout,
                format!("{what} did not accept the connection within {}", spoken(budget)),
            )
        })??;
        let connect = resolved.elapsed();
        match literal {
            Some(_) => cx.note("connect", format_args!("{what} in {}", Took(connect))),
            None => cx.note("connect", format_args!("{peer} in {}", Took(connect))),
        }
        Ok(Dialed { stream, peer, dns: resolved - begun, connect })
    }
}

/// How sentences name the peer: the name as configured, with the address if it is only one.
fn name_of(host: &str, port: u16, literal: Option<SocketAddr>, peers: &[SocketAddr]) -> String {
    match peers {
        // As it would be written, but for less.
        [SocketAddr::V4(_)] if literal.is_some() => format!("{host}:{port}"),
        [only] if literal.is_some() => only.to_string(),
        [only] => format!("{host}:{port} ({})", only.ip()),
        _ => format!("{host}:{port}"),
    }
}

async fn connect_any(peers: &[SocketAddr], what: &str) -> Result<(TcpStream, SocketAddr), ProbeError> {
    if let [only] = peers {
        return connect(*only, what).await;
    }
    let mut waiting = peers.iter();
    let mut attempts = FuturesUnordered::new();
    let mut worst: Option<ProbeError> = None;
    attempts.extend(waiting.next().map(|peer| connect(*peer, what)));
    loop {
        let next_in_line = !waiting.as_slice().is_empty();
        tokio::select! {
            biased;
            finished = attempts.next() => match finished {
                Some(Ok(connected)) => return Ok(connected),
                Some(Err(error)) => {
                    if worst.as_ref().is_none_or(|worst| weight(&error) > weight(worst)) {
                        worst = Some(error);
                    }
                    attempts.extend(waiting.next().map(|peer| connect(*peer, what)));
                }
                None => {
                    let none = || ProbeError::internal(format!("no address of {what} was tried"));
                    return Err(worst.unwrap_or_else(none));
                }
            },
            () = sleep(STAGGER), if next_in_line => {
                attempts.extend(waiting.next().map(|peer| connect(*peer, what)));
            }
        }
    }
}

/// Of several failures the weightiest is told, so that "refused" means that every address that
/// could be reached refused.
fn weight(error: &ProbeError) -> u8 {
    match (error.blame, error.reason) {
        (Blame::Observer, _) => 4,
        (_, Reason::Timeout) => 3,
        (_, Reason::Unreachable) => 0,
        (_, Reason::Refused) => 1,
        _ => 2,
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where outward connections are made")]
async fn connect(peer: SocketAddr, what: &str) -> Result<(TcpStream, SocketAddr), ProbeError> {
    let stream = TcpStream::connect(peer).await.map_err(|error| from_io(&error, what))?;
    // Without it small requests wait for the peer's delayed acknowledgement.
    stream.set_nodelay(true).map_err(|error| from_io(&error, what))?;
    Ok((stream, peer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::fixture;
    use crate::probe::net::peers;

    #[tokio::test]
    async fn connects_by_name_and_by_literal() {
        let peer = peers::silent().await;
        let cx = fixture::cx(2000);
        for host in ["127.0.0.1", "localhost"] {
            let dialed = cx.clients().dial(&cx, host, peer.port()).await.unwrap();
            assert_eq!(dialed.peer, peer);
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_refused_by_every_address() {
        let port = peers::closed_port().await;
        let cx = fixture::cx(2000);
        let error = cx.clients().dial(&cx, "localhost", port).await.err().unwrap();
        assert_eq!((error.reason, error.blame), (Reason::Refused, Blame::Target));
        assert!(error.detail.contains("refused the connection"), "{error}");
    }

    #[tokio::test]
    async fn a_full_backlog_is_a_timeout() {
        let full = peers::full_backlog().await;
        let cx = fixture::cx(300);
        let begun = Instant::now();
        let error = cx.clients().dial(&cx, "127.0.0.1", full.port()).await.err().unwrap();
        assert_eq!(error.reason, Reason::Timeout);
        assert!(begun.elapsed() < Duration::from_millis(800));
    }

    #[test]
    fn the_observers_own_fault_outweighs_the_targets() {
        let refused = ProbeError::target(Reason::Refused, "");
        let own = ProbeError::observer(Reason::Other, "");
        assert!(weight(&own) > weight(&refused));
        assert!(weight(&refused) > weight(&ProbeError::target(Reason::Unreachable, "")));
    }
}
