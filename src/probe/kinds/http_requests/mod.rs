//! Several HTTP requests that belong together, each answered as expected.
//!
//! A pass proves that every request of the list, each over a fresh connection, was answered as it
//! says. It does not prove anything about requests that are not on the list. A check that looks for
//! the absence of a weakness says so with `negative`, and then only an answer that really is one
//! counts: none at all, or one that is about something else, proves nothing.

mod conditions;
mod facts;
mod judge;
mod observe;
mod page;
mod request;
mod sign;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use self::conditions::Compiled;
use self::facts::Facts;
use self::request::Request;
use super::http::request::{parse_header, parse_url};
use super::http::{Basic, SecretHeader, Tls};
use crate::model::{Access, Timestamp, Verdict};
use crate::probe::net::parse_address;
use crate::probe::personal::Personal;
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

/// Sends several HTTP requests and judges each answer; all must be as expected.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HttpRequests {
    /// Name of a target; its address is an `http://` or `https://` URL.
    target: Option<String>,
    /// URL instead of a target.
    url: Option<String>,
    /// URLs instead of a target: every request is sent to each of them.
    instances: Vec<String>,
    /// The requests, in their order.
    requests: Vec<Request>,
    /// Headers of every request.
    headers: BTreeMap<String, String>,
    /// Headers of every request that hold a secret: `{ X-Api-Key: { credential: name, prefix: "" } }`.
    secret_headers: BTreeMap<String, SecretHeader>,
    /// Name of a credential sent as a bearer token.
    bearer: Option<String>,
    /// User and password for basic authentication.
    basic: Option<Basic>,
    /// A regular expression that no body may match.
    forbid_body: Option<String>,
    /// Each answer is a page of metrics, no label of which looks like data of people. The pages are not kept.
    personal: Option<Personal>,
    /// The check looks for a weakness that must be absent. Then no answer, a failing baseline, and
    /// the unexpected statuses 401, 403, 407, 429, 502, 503 and 504 prove nothing, and the check
    /// is indeterminate. So it is wherever a request has `refused_with`.
    negative: bool,
    /// More requests than this are never sent; if `each_of` asks for more, nothing is judged.
    max_requests: usize,
    /// Requests sent at the same time, 1 to 16.
    concurrency: usize,
    /// Bytes of one response body beyond which the check fails.
    max_body: u32,
    /// TLS files instead of those of the target.
    tls: Tls,
    #[serde(skip)]
    #[schemars(skip)]
    compiled: Compiled,
}

const REQUESTS_CEILING: usize = 500;
const MAX_BODY_CEILING: u32 = 8 << 20;

impl Default for HttpRequests {
    fn default() -> Self {
        Self {
            target: None,
            url: None,
            instances: Vec::new(),
            requests: Vec::new(),
            headers: BTreeMap::new(),
            secret_headers: BTreeMap::new(),
            bearer: None,
            basic: None,
            forbid_body: None,
            personal: None,
            negative: false,
            max_requests: 40,
            concurrency: 1,
            max_body: 1 << 20,
            tls: Tls::default(),
            compiled: Compiled::default(),
        }
    }
}

impl Probe for HttpRequests {
    const NAME: &'static str = "http_requests";
    const SUMMARY: &'static str = "Several HTTP requests are each answered as expected.";
    type Facts = Facts;

    fn access(&self) -> Access {
        if self.requests.iter().any(|request| request.jwt.is_some()) { Access::Authenticates } else { Access::Read }
    }

    fn check(&self, findings: &mut Findings) {
        if self.instances.is_empty() {
            super::one_place(&self.target, "url", &self.url, findings);
        } else if self.target.is_some() || self.url.is_some() {
            findings.error("instances", "write either `instances`, or `target` or `url`");
        }
        for url in self.url.iter().chain(&self.instances) {
            if let Err(why) = parse_url(url) {
                let field = if self.url.is_some() { "url" } else { "instances" };
                findings.error_with_hint(field, why, "write http://host:port/path or https://…");
            }
        }
        for (name, value) in &self.headers {
            if let Err(why) = parse_header(name, value) {
                findings.error(&format!("headers.{name}"), why);
            }
        }
        if self.bearer.is_some() && self.basic.is_some() {
            findings.error("basic", "write either `bearer` or `basic`, not both");
        }
        if let Some(personal) = &self.personal {
            personal.check(findings);
        }
        if self.requests.is_empty() {
            findings.error("requests", "no request is written");
        }
        if !(1..=REQUESTS_CEILING).contains(&self.max_requests) {
            findings.error("max_requests", format!("expected 1 to {REQUESTS_CEILING}"));
        }
        if !(1..=16).contains(&self.concurrency) {
            findings.error("concurrency", "expected 1 to 16");
        }
        if self.max_body == 0 || self.max_body > MAX_BODY_CEILING {
            findings.error("max_body", format!("expected 1 to {MAX_BODY_CEILING} bytes"));
        }
        for (place, request) in self.requests.iter().enumerate() {
            request.check(place, !self.instances.is_empty(), findings);
        }
        let known = self.requests.iter().map(Request::known).sum::<usize>().saturating_mul(self.instances.len().max(1));
        if known > self.max_requests {
            let message = format!("these are {known} requests, at most {} are sent", self.max_requests);
            findings.error("max_requests", message);
        }
        for (field, message) in self.compiled().errors() {
            findings.error(field, message.clone());
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn address(&self) -> String {
        let first = self.url.as_ref().or(self.instances.first());
        first.and_then(|url| parse_address(url).ok()).map(|at| at.to_string()).unwrap_or_default()
    }

    fn credentials(&self) -> Vec<&str> {
        let basic = self.basic.as_ref().map(|basic| basic.password.as_str());
        let headers = self.secret_headers.values().filter(|header| header.when);
        let signed = self.requests.iter().filter_map(|request| request.hmac.as_ref()?.credential.as_deref());
        let headers = headers.map(|header| header.credential.as_str());
        self.bearer.as_deref().into_iter().chain(basic).chain(headers).chain(signed).collect()
    }

    fn expects(&self) -> Option<&'static str> {
        Some("an HTTP answer")
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        self.look(cx).await
    }

    fn judge(&self, facts: &Facts, now: Timestamp) -> Verdict {
        self.verdict(facts, now)
    }

    fn judge_error(&self, error: &ProbeError) -> Verdict {
        // A connection that fails proves nothing about the absence of something.
        if self.is_negative() { error.indeterminate() } else { error.verdict() }
    }
}

impl HttpRequests {
    fn is_negative(&self) -> bool {
        self.negative || self.requests.iter().any(|request| !request.refused_with.is_empty())
    }
}
