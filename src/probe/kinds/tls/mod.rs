//! `tls`: a TLS server shows a certificate that verifies and does not expire soon, and keeps to
//! the versions it may speak.
//!
//! A pass proves what one handshake showed, and for `reject_versions` and `require_client_cert`
//! that the server refused the handshakes it must refuse. It does not prove that other addresses
//! behind the same name show the same.

mod facts;
mod judge;
mod look;
mod old_versions;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use facts::TlsFacts;

use crate::model::{Timestamp, Verdict};
use crate::probe::net::parse_address;
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tls {
    /// Name of a target; its address is `host:port` or a URL.
    target: Option<String>,
    /// `host:port` or a URL, instead of a target.
    address: Option<String>,
    /// Name to send and verify instead of the host.
    server_name: Option<String>,
    /// What comes before TLS on this port.
    starttls: StartTls,
    /// Trusted roots, PEM, instead of the target's or the system's.
    ca: Option<PathBuf>,
    /// Client certificate to show, PEM.
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    /// The lowest version that may be agreed on.
    min_version: Version,
    /// Days of validity the certificate must have left.
    min_days: u32,
    /// Versions the server must refuse.
    reject_versions: Vec<OldVersion>,
    /// The server must refuse the handshake of a client that shows no certificate. A server that
    /// shakes hands and refuses later, as nginx does with status 400, is to be checked with `http`.
    require_client_cert: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum StartTls {
    /// TLS at once.
    #[default]
    None,
    /// PostgreSQL's request for TLS.
    Postgres,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
enum Version {
    #[default]
    #[serde(rename = "1.2")]
    V1_2,
    #[serde(rename = "1.3")]
    V1_3,
}

impl Version {
    fn as_str(self) -> &'static str {
        match self {
            Version::V1_2 => "1.2",
            Version::V1_3 => "1.3",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
enum OldVersion {
    #[serde(rename = "1.0")]
    V1_0,
    #[serde(rename = "1.1")]
    V1_1,
}

impl OldVersion {
    fn as_str(self) -> &'static str {
        match self {
            OldVersion::V1_0 => "1.0",
            OldVersion::V1_1 => "1.1",
        }
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            target: None,
            address: None,
            server_name: None,
            starttls: StartTls::None,
            ca: None,
            client_cert: None,
            client_key: None,
            min_version: Version::V1_2,
            min_days: 21,
            reject_versions: Vec::new(),
            require_client_cert: false,
        }
    }
}

impl Probe for Tls {
    const NAME: &'static str = "tls";
    const SUMMARY: &'static str = "A TLS server shows a valid certificate and keeps to the allowed versions.";
    type Facts = TlsFacts;

    fn check(&self, findings: &mut Findings) {
        super::one_place(&self.target, "address", &self.address, findings);
        if let Some(Err(why)) = self.address.as_deref().map(parse_address) {
            findings.error_with_hint("address", why, "write host:port, such as example.org:443");
        }
        if self.client_cert.is_some() != self.client_key.is_some() {
            findings.error("client_cert", "`client_cert` and `client_key` belong together");
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn address(&self) -> String {
        self.address.as_deref().and_then(|text| parse_address(text).ok()).map(|at| at.to_string()).unwrap_or_default()
    }

    fn expects(&self) -> Option<&'static str> {
        Some("a TLS handshake")
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<TlsFacts, ProbeError> {
        look::look(self, cx).await
    }

    fn judge(&self, facts: &TlsFacts, now: Timestamp) -> Verdict {
        judge::judge(self, facts, now)
    }
}
