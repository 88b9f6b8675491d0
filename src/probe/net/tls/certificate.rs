//! What a certificate says of itself.

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use std::net::IpAddr;

const MAX_NAMES: usize = 64;

/// Facts of one certificate. All text comes from the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// DNS names and IP addresses it is for, at most 64.
    pub(crate) names: Vec<String>,
    /// Seconds since the epoch.
    pub(crate) not_before_s: i64,
    pub(crate) not_after_s: i64,
}

impl Certificate {
    /// `None` if the bytes are not a certificate.
    pub(crate) fn parse(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let names = match certificate.subject_alternative_name() {
            Ok(Some(extension)) => extension.value.general_names.iter().filter_map(name_text).take(MAX_NAMES).collect(),
            _ => Vec::new(),
        };
        Some(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            names,
            not_before_s: certificate.validity().not_before.timestamp(),
            not_after_s: certificate.validity().not_after.timestamp(),
        })
    }
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => ip(bytes).map(|ip| ip.to_string()),
        _ => None,
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(four.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::net::peers::Authority;

    #[test]
    fn reads_names_and_dates() {
        let leaf = Authority::new().leaf(&["a.test", "127.0.0.1"], 1_800_000_000);
        let certificate = Certificate::parse(&leaf.chain[0]).unwrap();
        assert_eq!(certificate.names, ["a.test", "127.0.0.1"]);
        assert_eq!(certificate.not_after_s, 1_800_000_000);
        assert!(certificate.issuer.contains("test authority"));
    }

    #[test]
    fn garbage_is_no_certificate() {
        assert_eq!(Certificate::parse(b"garbage"), None);
        assert_eq!(Certificate::parse(b""), None);
    }
}
