//! `grpc`: a server of gRPC is reached, says that it serves, lists its services, and answers a call.
//!
//! A pass proves what this one fresh connection showed: that the peer began HTTP/2, and whatever of
//! `health`, `services` and `call` was asked. It does not prove that other methods work, nor that
//! other addresses behind the same name do the same. The health of a service is its own claim.
//!
//! Only the method that `call` names is called. One that is not declared `read_only` counts as a
//! change, and is opt-in.

mod call;
mod clear;
mod facts;
mod fault;
mod judge;
mod look;
mod place;
mod reflection;
mod session;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use call::Call;
use facts::Facts;

use super::http::SecretHeader;
use super::http::request::parse_header;
use crate::expect::Gap;
use crate::model::{Access, Timestamp, Verdict};
use crate::probe::guard::lane::Lane;
use crate::probe::net::parse_address;
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

/// Connects to a server of gRPC, and asks for its health, its services, or one method.
///
/// Without `health`, `reflection`, `services` and `call` the connection is all that is checked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Grpc {
    /// Name of a target; its address is `host:port`, `http://host:port` or `https://host:port`. With
    /// `vars` it is a workload, as the kind `env` has them.
    target: Option<String>,
    /// Address instead of a target.
    address: Option<String>,
    /// The address is the value of the first of these variables that is set in the environment of the
    /// target, and then is told in sentences and facts: name no variable that holds a secret.
    vars: Vec<String>,
    /// Addresses instead of the target's own, each of which must refuse. Only with `expect_refused`.
    endpoints: Vec<String>,
    /// Whether the connection is encrypted.
    tls: Encryption,
    /// Trusted roots, PEM, instead of the target's or the system's.
    ca: Option<PathBuf>,
    /// Client certificate to show, PEM, instead of the target's.
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    /// Name to send and verify instead of the host.
    server_name: Option<String>,
    /// Shows no client certificate and sends no `secret_metadata`.
    anonymous: bool,
    /// Services whose health is asked for (`grpc.health.v1`), each of which must be SERVING. "" is the
    /// server as a whole.
    health: Vec<String>,
    /// Asks which services there are, by server reflection: `v1`, or else `v1alpha`.
    reflection: bool,
    /// Services that must be listed; asks by reflection, and for their methods.
    services: Vec<String>,
    /// One unary method to call.
    call: Option<Call>,
    /// Sent with everything that is asked. Secrets belong into `secret_metadata`.
    metadata: BTreeMap<String, String>,
    /// The same for secrets: `{ authorization: { credential: name, prefix: "Bearer " } }`.
    secret_metadata: BTreeMap<String, SecretHeader>,
    /// Turns the check around: the peer must refuse in one of these ways.
    expect_refused: Vec<Refusal>,
    /// Bytes of one message beyond which nothing is judged.
    max_bytes: u32,
    #[serde(skip)]
    #[schemars(skip)]
    lane: Lane,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Encryption {
    /// As the scheme of the address says. Without one TLS is tried first; where the peer does not
    /// speak it the connection is in the clear, and neither secrets nor certificates are shown.
    #[default]
    Auto,
    /// TLS, whatever the scheme.
    On,
    /// In the clear, whatever the scheme.
    Off,
}

/// How a peer refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Refusal {
    /// HTTP/2 in the clear is answered by closing, by an alert of TLS, or by status 400 of HTTP/1. Alone:
    /// nothing else is sent then.
    Plaintext,
    /// TLS ended because of the client certificate that was shown, or because none was.
    Certificate,
    /// What was asked is answered with UNAUTHENTICATED.
    Unauthenticated,
    /// What was asked is answered with PERMISSION_DENIED.
    PermissionDenied,
}

impl Refusal {
    fn as_str(self) -> &'static str {
        match self {
            Refusal::Plaintext => "plaintext",
            Refusal::Certificate => "certificate",
            Refusal::Unauthenticated => "unauthenticated",
            Refusal::PermissionDenied => "permission_denied",
        }
    }
}

const BYTES_CEILING: u32 = 16 << 20;
const ENDPOINTS_CEILING: usize = 16;
/// Services that are asked one by one.
const SERVICES_CEILING: usize = 64;

impl Default for Grpc {
    fn default() -> Self {
        Self {
            target: None,
            address: None,
            vars: Vec::new(),
            endpoints: Vec::new(),
            tls: Encryption::Auto,
            ca: None,
            client_cert: None,
            client_key: None,
            server_name: None,
            anonymous: false,
            health: Vec::new(),
            reflection: false,
            services: Vec::new(),
            call: None,
            metadata: BTreeMap::new(),
            secret_metadata: BTreeMap::new(),
            expect_refused: Vec::new(),
            max_bytes: 1 << 20,
            lane: Lane::default(),
        }
    }
}

impl Probe for Grpc {
    const NAME: &'static str = "grpc";
    const SUMMARY: &'static str = "Connects to a server of gRPC, and asks for its health, its services, or one method";
    type Facts = Facts;

    fn access(&self) -> Access {
        if self.call.as_ref().is_some_and(|call| !call.read_only) {
            Access::Mutates
        } else if !self.expect_refused.is_empty() && !self.anonymous && !self.secret_metadata.is_empty() {
            Access::Authenticates
        } else {
            Access::Read
        }
    }

    fn check(&self, findings: &mut Findings) {
        super::one_place(&self.target, "address", &self.address, findings);
        self.check_places(findings);
        if self.client_cert.is_some() != self.client_key.is_some() {
            findings.error("client_cert", "`client_cert` and `client_key` belong together");
        }
        if self.anonymous && self.client_cert.is_some() {
            findings.error("anonymous", "nobody shows no `client_cert`");
        }
        for (field, list) in [("health", &self.health), ("services", &self.services)] {
            if list.len() > SERVICES_CEILING {
                findings.error(field, format!("at most {SERVICES_CEILING} services can be asked about"));
            }
        }
        if let Some(call) = &self.call {
            call.check(findings);
        }
        self.check_metadata(findings);
        self.check_refusals(findings);
        if self.max_bytes == 0 || self.max_bytes > BYTES_CEILING {
            findings.error("max_bytes", format!("expected 1 to {BYTES_CEILING} bytes"));
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn address(&self) -> String {
        self.address.as_deref().and_then(|text| parse_address(text).ok()).map(|at| at.to_string()).unwrap_or_default()
    }

    fn credentials(&self) -> Vec<&str> {
        let used = self.secret_metadata.values().filter(|secret| secret.when && !self.anonymous);
        used.map(|secret| secret.credential.as_str()).collect()
    }

    fn expects(&self) -> Option<&'static str> {
        Some(if self.expect_refused.is_empty() { "a channel of gRPC" } else { "a refusal" })
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        look::look(self, cx).await
    }

    fn judge(&self, facts: &Facts, now: Timestamp) -> Verdict {
        judge::judge(self, facts, now)
    }

    fn gaps(&self, facts: &Facts) -> Vec<Gap> {
        facts::gaps(self, facts)
    }

    fn judge_error(&self, error: &ProbeError) -> Verdict {
        // A connection that fails proves nothing about a refusal.
        if self.expect_refused.is_empty() { error.verdict() } else { error.indeterminate() }
    }
}

impl Grpc {
    /// Whether reflection is asked, besides for the types of `call`.
    fn lists(&self) -> bool {
        self.reflection || !self.services.is_empty()
    }

    fn refuses(&self, refusal: Refusal) -> bool {
        self.expect_refused.contains(&refusal)
    }

    fn check_places(&self, findings: &mut Findings) {
        if let Some(Err(why)) = self.address.as_deref().map(place::check) {
            findings.error_with_hint("address", why, "write host:port, such as 127.0.0.1:50051");
        }
        if !self.vars.is_empty() && self.target.is_none() {
            findings.error("vars", "name the workload as `target`");
        }
        for (index, address) in self.endpoints.iter().enumerate() {
            if let Err(why) = place::check(address) {
                findings.error_with_hint(&format!("endpoints[{index}]"), why, "write host:port");
            }
        }
        if self.endpoints.len() > ENDPOINTS_CEILING {
            findings.error("endpoints", format!("at most {ENDPOINTS_CEILING} endpoints can be looked at"));
        }
        if !self.endpoints.is_empty() && (self.expect_refused.is_empty() || !self.vars.is_empty()) {
            findings.error("endpoints", "several can only be checked for `expect_refused`, and without `vars`");
        }
    }

    fn check_metadata(&self, findings: &mut Findings) {
        for (name, value) in &self.metadata {
            if let Err(why) = place::metadata_name(name).and_then(|_| parse_header(name, value).map(drop)) {
                findings.error(&format!("metadata.{name}"), why);
            }
        }
        for (name, secret) in &self.secret_metadata {
            let place = format!("secret_metadata.{name}");
            if let Err(why) = place::metadata_name(name) {
                findings.error(&place, why);
            } else if secret.credential.is_empty() {
                findings.error(&place, "expected the name of a `credential`");
            } else if self.metadata.contains_key(name) {
                findings.error(&place, "it is also among `metadata`");
            }
        }
    }

    fn check_refusals(&self, findings: &mut Findings) {
        let Some(first) = self.expect_refused.first() else { return };
        let asks = !self.health.is_empty() || self.lists() || self.call.is_some();
        if self.refuses(Refusal::Plaintext) {
            if self.expect_refused.len() > 1 || asks || self.tls == Encryption::On {
                findings.error("expect_refused", "`plaintext` stands alone: nothing is asked, and `tls` is not `on`");
            }
        } else if !asks && (*first != Refusal::Certificate || self.expect_refused.len() > 1) {
            findings.error_with_hint("expect_refused", "nothing is asked", "add `health`, `services` or `call`");
        }
        if self.tls == Encryption::Off && self.refuses(Refusal::Certificate) {
            findings.error("expect_refused", "no `certificate` is shown in the clear");
        }
    }
}
