//! Does a server still accept TLS 1.0 or 1.1? Our TLS library cannot offer them, so the first
//! message is written by hand and only the kind of answer is read.

use aws_lc_rs::rand;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::OldVersion;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Accepted,
    /// An alert, a close, or another version.
    Rejected,
    /// Something that is not TLS.
    Unclear,
}

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;
const SERVER_HELLO: u8 = 2;

/// Suites every implementation of these versions has, strong and weak.
const SUITES: [u16; 12] = [
    0xC00A, 0xC009, 0xC014, 0xC013, 0x0039, 0x0033, 0x0035, 0x002F, 0xC012, 0x0016, 0x000A,
    // Renegotiation is not wanted.
    0x00FF,
];

impl OldVersion {
    fn minor(self) -> u8 {
        match self {
            OldVersion::V1_0 => 1,
            OldVersion::V1_1 => 2,
        }
    }
}

/// Offers only `version` and reads the head of the answer. The caller bounds the time.
pub(super) async fn offer(stream: &mut TcpStream, version: OldVersion, name: &str) -> Answer {
    if stream.write_all(&client_hello(version, name)).await.is_err() {
        return Answer::Rejected;
    }
    let mut record = [0; 5];
    if let Err(error) = stream.read_exact(&mut record).await {
        return if is_close(&error) { Answer::Rejected } else { Answer::Unclear };
    }
    match record {
        [ALERT, 3, ..] => Answer::Rejected,
        [HANDSHAKE, 3, ..] => {
            let mut hello = [0; 6];
            match stream.read_exact(&mut hello).await {
                Ok(_) => match hello {
                    [SERVER_HELLO, _, _, _, 3, minor] if minor == version.minor() => Answer::Accepted,
                    [SERVER_HELLO, ..] => Answer::Rejected,
                    _ => Answer::Unclear,
                },
                Err(_) => Answer::Unclear,
            }
        }
        _ => Answer::Unclear,
    }
}

fn is_close(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Kind;
    matches!(error.kind(), Kind::UnexpectedEof | Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe)
}

fn client_hello(version: OldVersion, name: &str) -> Vec<u8> {
    let mut random = [0; 32];
    // Not secret and never used again: if the system has no randomness, zeros do.
    let _ = rand::fill(&mut random);
    let mut hello = vec![3, version.minor()];
    hello.extend_from_slice(&random);
    hello.push(0);
    let suites: Vec<u8> = SUITES.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    put(&mut hello, &suites);
    hello.extend_from_slice(&[1, 0]);
    put(&mut hello, &extensions(name));

    let mut handshake = vec![1, 0];
    put(&mut handshake, &hello);
    let mut record = vec![HANDSHAKE, 3, 1];
    put(&mut record, &handshake);
    record
}

fn extensions(name: &str) -> Vec<u8> {
    let mut all = Vec::new();
    if name.parse::<std::net::IpAddr>().is_err() && name.len() <= 255 {
        let mut entry = vec![0];
        put(&mut entry, name.as_bytes());
        let mut list = Vec::new();
        put(&mut list, &entry);
        extension(&mut all, 0, &list);
    }
    // Groups: P-256, P-384, P-521, x25519. Points: uncompressed.
    extension(&mut all, 10, &[0, 8, 0, 23, 0, 24, 0, 25, 0, 29]);
    extension(&mut all, 11, &[1, 0]);
    all
}

fn extension(all: &mut Vec<u8>, number: u16, content: &[u8]) {
    all.extend_from_slice(&number.to_be_bytes());
    put(all, content);
}

/// With its length in two bytes. Nothing here comes near 64 KiB.
fn put(to: &mut Vec<u8>, content: &[u8]) {
    to.extend_from_slice(&(content.len() as u16).to_be_bytes());
    to.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_the_hello_add_up() {
        let hello = client_hello(OldVersion::V1_1, "example.org");
        let record = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
        assert_eq!(record + 5, hello.len());
        let handshake = usize::from(u16::from_be_bytes([hello[7], hello[8]]));
        assert_eq!((hello[5], hello[6], handshake + 9), (1, 0, hello.len()));
        assert_eq!(&hello[9..11], [3, 2]);
        assert!(hello.windows(11).any(|part| part == b"example.org"));
    }

    #[test]
    fn an_address_is_not_sent_as_a_name() {
        assert!(!client_hello(OldVersion::V1_0, "127.0.0.1").windows(9).any(|part| part == b"127.0.0.1"));
    }
}
