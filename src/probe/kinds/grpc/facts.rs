//! What one look yields, and what of it is not the whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Grpc, Refusal};
use crate::expect::Gap;
use crate::model::Timestamp;
use crate::probe::net::grpc::Encrypted;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// `host:port`.
    pub(super) endpoint: String,
    /// The peer began HTTP/2.
    pub(super) ready: bool,
    /// From the first packet until then.
    pub(super) ready_s: f64,
    /// Absent for a connection in the clear.
    pub(super) tls: Option<Tls>,
    /// In the order of `health`.
    pub(super) health: Vec<Health>,
    /// `v1` or `v1alpha`; absent if the server offers neither.
    pub(super) reflection: Option<String>,
    /// All services that are listed, with their packages.
    pub(super) services: Vec<String>,
    /// Methods of those in the parameter `services`.
    pub(super) methods: Vec<Method>,
    /// More were listed than are kept.
    pub(super) services_cut: bool,
    pub(super) call: Option<Called>,
    /// With `expect_refused`, what each endpoint did.
    pub(super) refusals: Vec<Endpoint>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Tls {
    /// `1.2` or `1.3`.
    pub(super) version: String,
    /// Protocol agreed on by ALPN; servers of gRPC say `h2`.
    pub(super) alpn: Option<String>,
    pub(super) client_cert_requested: bool,
    pub(super) subject: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) names: Vec<String>,
    /// Seconds since the epoch.
    pub(super) not_after_s: Option<i64>,
    pub(super) days_left: Option<f64>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Health {
    /// As asked for; empty for the server as a whole.
    pub(super) service: String,
    /// `SERVING`, `NOT_SERVING`, `UNKNOWN` or `SERVICE_UNKNOWN`, as the server says; absent if it
    /// answered with an error.
    pub(super) status: Option<String>,
    /// Code of the answer: `OK`; `NOT_FOUND` if the server does not know the service, `UNIMPLEMENTED`
    /// if it has no health service.
    pub(super) code: String,
    pub(super) message: String,
    pub(super) took_s: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Method {
    pub(super) service: String,
    pub(super) name: String,
    /// The client sends many messages.
    pub(super) client_streaming: bool,
    /// The server sends many messages.
    pub(super) server_streaming: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Called {
    /// As written.
    pub(super) method: String,
    /// Such as `OK` or `NOT_FOUND`.
    pub(super) code: String,
    /// What the server says about it.
    pub(super) message: String,
    /// The answer, with the names of fields as their definition has them, and fields that were not sent
    /// with their defaults. Null if it was not OK.
    pub(super) json: Value,
    /// Size of the answer.
    pub(super) bytes: u64,
    pub(super) took_s: f64,
}

/// What came of looking for a refusal.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Endpoint {
    pub(super) endpoint: String,
    /// How it refused.
    pub(super) refused: Option<Refusal>,
    /// It went on where it should have refused.
    pub(super) accepted: bool,
    /// Why it is neither, as a reason.
    pub(super) reason: Option<String>,
    /// What was seen.
    pub(super) seen: String,
}

impl Tls {
    pub(super) fn of(seen: &Encrypted, now: Timestamp) -> Self {
        let certificate = seen.certificate.as_ref();
        Self {
            version: seen.version.to_owned(),
            alpn: seen.alpn.clone(),
            client_cert_requested: seen.client_cert_requested,
            subject: certificate.map(|certificate| certificate.subject.clone()),
            issuer: certificate.map(|certificate| certificate.issuer.clone()),
            names: certificate.map(|certificate| certificate.names.clone()).unwrap_or_default(),
            not_after_s: certificate.map(|certificate| certificate.not_after_s),
            days_left: certificate.map(|certificate| (certificate.not_after_s as f64 - now.as_secs_f64()) / 86_400.0),
        }
    }
}

/// What was not asked must not be taken for what is not there.
pub(super) fn gaps(leg: &Grpc, facts: &Facts) -> Vec<Gap> {
    let hide = |field, why: &str| Gap { field, why: why.to_owned(), hides: true };
    let mut gaps = Vec::new();
    if !leg.lists() {
        gaps.push(hide("services", "neither `reflection` nor `services` is asked"));
        gaps.push(hide("reflection", "neither `reflection` nor `services` is asked"));
    } else if facts.reflection.is_none() {
        gaps.push(hide("services", "the server offers no reflection"));
    } else if facts.services_cut {
        gaps.push(hide("services", "more services were listed than are kept"));
    }
    if leg.services.is_empty() || facts.reflection.is_none() {
        gaps.push(hide("methods", "the methods of no service were asked for"));
    }
    if leg.health.is_empty() {
        gaps.push(hide("health", "no `health` is asked"));
    }
    if facts.tls.is_none() {
        gaps.push(Gap { field: "tls", why: "the connection is in the clear".to_owned(), hides: false });
    }
    if facts.call.is_none() {
        gaps.push(Gap { field: "call", why: "no `call` was made".to_owned(), hides: false });
    }
    if leg.expect_refused.is_empty() {
        gaps.push(hide("refusals", "no `expect_refused` is written"));
    }
    gaps
}
