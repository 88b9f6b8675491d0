//! The TCP ports on which this host (or the container the exporter runs in) listens.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Facts, proc};
use crate::model::{Proof, Reason, Verdict};
use crate::probe::ProbeError;

/// Sockets kept.
const LISTENERS: usize = 1024;

/// A socket that accepts connections.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Listener {
    pub(super) port: u16,
    /// Local address; `0.0.0.0` and `::` are all of them.
    address: String,
    loopback: bool,
}

/// Call it on a blocking thread only.
pub(super) fn look() -> Result<Facts, ProbeError> {
    let mut listeners = Vec::new();
    let mut read = false;
    for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        // Without IPv6 there is no second table.
        let raw = match proc::read(Path::new(table), proc::SOCKET_BYTES) {
            Ok(raw) => raw,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                let sentence = format!("{table} cannot be read: {}", error.kind());
                return Err(ProbeError::observer(Reason::PermissionDenied, sentence));
            }
        };
        if raw.len() as u64 == proc::SOCKET_BYTES {
            return Err(ProbeError::observer(Reason::TooLarge, format!("{table} is too long to be read")));
        }
        read = true;
        listeners.extend(String::from_utf8_lossy(&raw).lines().skip(1).filter_map(listener));
    }
    if !read {
        return Err(ProbeError::observer(Reason::PermissionDenied, "the sockets of this host cannot be read"));
    }
    listeners.sort();
    listeners.dedup();
    if listeners.len() > LISTENERS {
        return Err(ProbeError::observer(
            Reason::TooLarge,
            format!("there are {} sockets that listen", listeners.len()),
        ));
    }
    Ok(Facts { listeners, ..Facts::default() })
}

pub(super) fn judge(only: &[u16], facts: &Facts) -> Verdict {
    let mut surplus: Vec<&Listener> =
        facts.listeners.iter().filter(|seen| !seen.loopback && !only.contains(&seen.port)).collect();
    surplus.dedup_by_key(|seen| seen.port);
    let names = only.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let names = if only.is_empty() { "no port".to_owned() } else { format!("only the ports {names}") };
    let expected = format!("expected {names} to listen on other addresses than loopback");
    if surplus.is_empty() {
        let sentence = format!("{expected}, saw no other");
        return Verdict::pass(Proof::of("listeners", names, "no other"), sentence);
    }
    let shown: Vec<String> = surplus.iter().take(20).map(|seen| format!("{} on {}", seen.port, seen.address)).collect();
    let more = if surplus.len() > 20 { " and more" } else { "" };
    Verdict::fail(Reason::Assertion, format!("{expected}, saw {}{more}", shown.join(", ")))
}

fn listener(line: &str) -> Option<Listener> {
    const LISTEN: &str = "0A";
    let mut fields = line.split_whitespace();
    let (address, port) = fields.nth(1)?.rsplit_once(':')?;
    let state = fields.nth(1)?;
    if state != LISTEN {
        return None;
    }
    let address = parse(address)?;
    let loopback = match address {
        IpAddr::V4(four) => four.is_loopback(),
        IpAddr::V6(six) => six.is_loopback() || six.to_ipv4_mapped().is_some_and(|four| four.is_loopback()),
    };
    Some(Listener { port: u16::from_str_radix(port, 16).ok()?, address: address.to_string(), loopback })
}

/// The kernel prints each 32-bit word in the byte order of the machine.
fn parse(hex: &str) -> Option<IpAddr> {
    let words: Option<Vec<[u8; 4]>> = hex
        .as_bytes()
        .chunks(8)
        .map(|word| Some(u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?.to_ne_bytes()))
        .collect();
    match words?.as_slice() {
        [four] => Some(Ipv4Addr::from(*four).into()),
        [a, b, c, d] => <[u8; 16]>::try_from([*a, *b, *c, *d].concat()).ok().map(|bytes| Ipv6Addr::from(bytes).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_both_tables_are_read() {
        let line =
            |local: &str, state: &str| format!("   0: {local} 00000000:0000 {state} 00000000:00000000 00:0 0 0 0 42");
        let seen = |local: &str| listener(&line(local, "0A")).map(|seen| (seen.port, seen.address, seen.loopback));
        assert_eq!(seen("0100007F:1F90"), Some((8080, "127.0.0.1".to_owned(), true)));
        assert_eq!(seen("00000000:0016"), Some((22, "0.0.0.0".to_owned(), false)));
        assert_eq!(seen("00000000000000000000000001000000:1F90"), Some((8080, "::1".to_owned(), true)));
        assert_eq!(seen("00000000000000000000000000000000:01BB"), Some((443, "::".to_owned(), false)));
        assert_eq!(seen("0000000000000000FFFF00000100007F:01BB").map(|seen| seen.2), Some(true));
        assert_eq!(listener(&line("0100007F:1F90", "01")), None);
        assert_eq!(listener("garbage"), None);
        assert_eq!(seen("xyz:1"), None);
    }

    #[test]
    fn what_listens_on_loopback_only_is_no_surplus() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let facts = look().unwrap();
        assert!(facts.listeners.iter().any(|seen| seen.port == port && seen.loopback));
        let outside: Vec<u16> = facts.listeners.iter().filter(|seen| !seen.loopback).map(|seen| seen.port).collect();
        assert_eq!(judge(&outside, &facts).reason(), None);
        let open = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        let port = open.local_addr().unwrap().port();
        let verdict = judge(&outside, &look().unwrap());
        assert_eq!(verdict.reason(), Some(Reason::Assertion));
        assert!(verdict.sentence().contains(&format!("{port} on 0.0.0.0")), "{}", verdict.sentence());
    }
}
