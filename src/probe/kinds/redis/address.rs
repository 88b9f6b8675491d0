//! The address of a Redis target: where, whether encrypted, and as which user.

use percent_encoding::percent_decode_str;

use crate::probe::ProbeError;
use crate::probe::net::parse_address;

/// Holds no password.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// A name or an IP address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
    pub(super) user: Option<String>,
    /// `host:port`, for sentences.
    pub(super) peer: String,
}

impl Address {
    /// Takes `redis://[user@]host[:port][/database]`, the same with `rediss`, or `host:port`. The
    /// number of a database is let through and not used: no command of the kind depends on it.
    /// Anything else is the configuration's fault; the address is never repeated, because it may
    /// hold what it must not.
    pub(super) fn parse(text: &str) -> Result<Self, ProbeError> {
        let wrong = |what: &str| ProbeError::unconfigured(format!("the address of the target cannot be used: {what}"));
        let address = parse_address(text).map_err(|why| wrong(&why))?;
        let tls = match address.scheme.as_deref() {
            None | Some("redis") => false,
            Some("rediss") => true,
            Some(_) => return Err(wrong("it must begin with redis:// or rediss://")),
        };
        let peer = address.to_string();
        let user = address.user.as_deref().map(|user| percent_decode_str(user).decode_utf8_lossy().into_owned());
        Ok(Self { host: address.host, port: address.port, tls, user, peer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_are_read() {
        let full = Address::parse("rediss://re%40d@cache.example:7000/3").unwrap();
        assert_eq!(
            (full.host.as_str(), full.port, full.tls, full.user.as_deref()),
            ("cache.example", 7000, true, Some("re@d"))
        );
        let short = Address::parse("redis://[::1]").unwrap();
        assert_eq!((short.peer.as_str(), short.tls, short.user), ("[::1]:6379", false, None));
        assert_eq!(Address::parse("rediss://h").unwrap().port, 6380);
        assert!(!Address::parse("h:6380").unwrap().tls);
    }

    #[test]
    fn what_is_wrong_is_named_without_repeating_the_address() {
        for (text, part) in [
            ("redis://:hunter22@h", "credential"),
            ("http://hunter22.example", "redis://"),
            ("unix:///run/hunter22.sock", "host"),
            ("hunter22", "host:port"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.detail.contains(part) && !error.detail.contains("hunter22"), "{text}: {error}");
        }
    }
}
