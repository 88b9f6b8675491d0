//! `jaeger`: what a store of traces has, asked by the query API of Jaeger or of Tempo.
//!
//! A pass proves what the store answers now: that it knows services, that traces of a time are there,
//! and how their spans hang together. Spans that were never made, or not sampled, cannot be missed.

mod facts;
mod jaeger_api;
mod judge;
mod look;
mod sample;
mod structure;
mod tempo_api;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Deserialize;

use super::http::request::parse_url;
use crate::expect::Gap;
use crate::model::{Timestamp, Verdict};
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};
use facts::Facts;
use structure::Structure;

/// Looks at traces, by the query API of Jaeger or Tempo: services, operations, and how spans hang together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Jaeger {
    /// Name of the target. Its address is an `http://` or `https://` URL; its credential, if it has
    /// one, is sent as a bearer token.
    target: Option<String>,
    /// Logs in as this user, with the credential as the password.
    user: Option<String>,
    /// Whose API it is.
    flavor: Flavor,
    /// Services that must be known.
    services: Vec<String>,
    /// Each of `services` must have a trace that is not older.
    max_age_s: Option<u32>,
    /// Operations of `service` that must be known.
    operations: Vec<String>,
    /// The service whose traces are looked at.
    service: Option<String>,
    /// Only traces with an operation that begins so.
    operation_prefix: Option<String>,
    /// Traces of so many seconds are looked at.
    window_s: u32,
    /// Not those of the last seconds, which may still be on their way.
    lag_s: u32,
    /// Traces that are looked at, at most.
    limit: u32,
    /// Fewer traces than this prove nothing.
    min_traces: u32,
    /// What each trace must be like.
    structure: Option<Structure>,
    /// Name of another check of the item that reads a database: its first row says what must have left
    /// a trace, in the columns `operation`, `start_s` and `end_s` (seconds since the epoch).
    execution: Option<String>,
    /// Sends a request with an id of its own, and waits for its trace.
    request: Option<Request>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Flavor {
    #[default]
    Jaeger,
    Tempo,
}

/// A GET request with a header `traceparent` that asks for sampling. The deadline of the check is how
/// long its trace may take.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Request {
    url: String,
    /// Name of a credential sent as a bearer token.
    bearer: Option<String>,
    /// Services that its trace must have spans of.
    min_services: u32,
}

impl Default for Request {
    fn default() -> Self {
        Self { url: String::new(), bearer: None, min_services: 1 }
    }
}

const LIMIT_CEILING: u32 = 200;

impl Default for Jaeger {
    fn default() -> Self {
        Self {
            target: None,
            user: None,
            flavor: Flavor::Jaeger,
            services: Vec::new(),
            max_age_s: None,
            operations: Vec::new(),
            service: None,
            operation_prefix: None,
            window_s: 3600,
            lag_s: 0,
            limit: 20,
            min_traces: 1,
            structure: None,
            execution: None,
            request: None,
        }
    }
}

impl Probe for Jaeger {
    const NAME: &'static str = "jaeger";
    const SUMMARY: &'static str = "Looks at traces, by the query API of Jaeger or Tempo";
    type Facts = Facts;

    fn check(&self, findings: &mut Findings) {
        if self.target.is_none() {
            findings.error_with_hint("target", "no target", "name one of the checklist's targets");
        }
        if self.service.is_none() {
            let needing = [
                ("operations", !self.operations.is_empty()),
                ("structure", self.structure.is_some()),
                ("execution", self.execution.is_some()),
                ("operation_prefix", self.operation_prefix.is_some()),
            ];
            for (field, _) in needing.iter().filter(|(_, set)| *set) {
                findings.error(field, "name the `service` that this is about");
            }
        }
        if !self.operations.is_empty() && self.flavor == Flavor::Tempo {
            findings.error("operations", "Tempo keeps no list of the operations of a service");
        }
        if self.structure.is_some() && self.execution.is_some() {
            findings.error("execution", "`structure` is about all traces, `execution` about one; make two checks");
        }
        if self.max_age_s.is_some() && self.services.is_empty() {
            findings.error("max_age_s", "it is about `services`");
        }
        if !(1..=LIMIT_CEILING).contains(&self.limit) {
            findings.error("limit", format!("expected 1 to {LIMIT_CEILING} traces"));
        }
        if self.min_traces == 0 || self.min_traces > self.limit {
            findings.error("min_traces", "expected 1 to `limit`");
        }
        if self.window_s == 0 {
            findings.error("window_s", "expected at least a second");
        }
        if let Some(structure) = &self.structure {
            structure.check(findings);
        }
        if let Some(Err(why)) = self.request.as_ref().map(|request| parse_url(&request.url)) {
            findings.error_with_hint("request.url", why, "write http://host:port/path or https://…");
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn credentials(&self) -> Vec<&str> {
        self.request.iter().filter_map(|request| request.bearer.as_deref()).collect()
    }

    fn legs(&self) -> Vec<&str> {
        self.execution.as_deref().into_iter().collect()
    }

    fn expects(&self) -> Option<&'static str> {
        Some("an answer about traces")
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        look::look(self, cx).await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        judge::judge(self, facts)
    }

    fn gaps(&self, facts: &Facts) -> Vec<Gap> {
        facts::gaps(self, facts)
    }
}

impl Jaeger {
    /// Whether traces of `service` are searched for.
    fn searches(&self) -> bool {
        self.service.is_some() && (self.operations.is_empty() || self.structure.is_some() || self.execution.is_some())
    }
}
