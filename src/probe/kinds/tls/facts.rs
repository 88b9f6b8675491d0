//! What the handshakes showed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TlsFacts {
    /// `host:port` as configured.
    pub(super) address: String,
    /// Agreed version, such as `1.3`; absent if the handshake did not get that far.
    pub(super) version: Option<String>,
    pub(super) cipher: Option<String>,
    /// Protocol agreed on by ALPN.
    pub(super) alpn: Option<String>,
    /// True if the chain ends at a trusted root, is in date and is for the name.
    pub(super) verified: bool,
    /// Why it does not verify.
    pub(super) verify_error: Option<String>,
    /// The same as a reason, such as `tls_expired`.
    pub(super) verify_reason: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) names: Vec<String>,
    /// Seconds since the epoch.
    pub(super) not_before_s: Option<i64>,
    /// Seconds since the epoch.
    pub(super) not_after_s: Option<i64>,
    pub(super) days_left: Option<f64>,
    /// Certificates sent.
    pub(super) chain_length: u32,
    pub(super) client_cert_requested: bool,
    /// `refused` or `accepted`: what became of a client without a certificate; absent if not tried.
    pub(super) without_client_cert: Option<String>,
    /// Every version the server was seen to agree on.
    pub(super) accepted_versions: Vec<String>,
    /// Versions of `reject_versions` whose answer could not be understood or did not come.
    pub(super) undecided_versions: Vec<String>,
}
