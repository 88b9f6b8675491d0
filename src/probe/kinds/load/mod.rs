//! `load`: so many HTTP requests, at a fixed rate, are all sent in time and answered as expected.
//!
//! Requests are due at fixed instants whether or not earlier ones were answered, and their time
//! counts from the instant they were due: a server that stalls is charged for the requests that had
//! to wait for it. A pass proves that every request of this run was sent in time and answered with an
//! expected status, and the latency of those answers. It does not prove how the target does under more
//! load, for other requests, or seen from another place.
//!
//! With `websocket` it holds so many connections instead. A pass proves that they were established at the
//! asked rate and stayed, and were alive all the time; it does not prove what it costs to send to all of them.
//!
//! Besides the three switches, the `host:port` of the target must be in the setting
//! `engine.load_targets`.

mod drive;
mod facts;
mod held;
#[cfg(test)]
mod held_tests;
mod hold;
mod judge;
mod sockets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use self::facts::Facts;
use self::sockets::Sockets;
use super::http::request::{append, parse_header, parse_method, parse_url};
use super::http::{Http, SecretHeader, Tls};
use super::websocket::handshake;
use crate::expect::Gap;
use crate::model::{Access, Class, Timestamp, Verdict};
use crate::probe::net::parse_address;
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

/// Sends HTTP requests at a fixed rate and measures the answers, or holds connections of WebSocket.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Load {
    /// Name of a target; its address is an `http://` or `https://` URL.
    target: Option<String>,
    /// URL instead of a target.
    url: Option<String>,
    /// Appended to the path of the address; may hold a query.
    path: String,
    /// `GET` or `HEAD`; another method needs a `body`.
    method: Option<String>,
    headers: BTreeMap<String, String>,
    /// Request headers that hold a secret: `{ X-Api-Key: { credential: name, prefix: "" } }`.
    secret_headers: BTreeMap<String, SecretHeader>,
    /// Name of a credential sent as a bearer token.
    bearer: Option<String>,
    body: Option<String>,
    /// Requests a second, at even distances; at most 1000. 0: each connection sends its next request
    /// when the last is answered, and time counts from the sending.
    rate: f64,
    /// How long requests are due, in seconds; 1 to 600. Must fit into the `timeout` of the check, with
    /// a `request_timeout_s` behind it.
    duration_s: u32,
    /// More requests than this are never sent; 1 to 100000.
    max_requests: u32,
    /// Connections at the same time, each with one request at a time; 1 to 500.
    connections: usize,
    /// A request that is sent later than this, in seconds, was not sent in time; 0.01 to 10.
    late_s: f64,
    /// How long one answer may take from the sending, in seconds.
    request_timeout_s: u32,
    /// Statuses that are expected; any 2xx if empty. Redirects are not followed.
    status: Vec<u16>,
    /// As soon as more than this share of the answers is no expected one (of at least 10 answers), no
    /// more is sent; 0 to 1.
    abort_above: f64,
    /// Share of the answers that need not be expected ones.
    max_error_share: f64,
    /// Longest time of each of these parts of the answers.
    max: Bounds,
    /// Fewer answers than this prove nothing about their time.
    min_answers: u64,
    /// So many requests must have been in flight at the same instant.
    min_in_flight: usize,
    /// Bytes of one response body beyond which the answer counts as an error.
    max_body: u32,
    /// This many seconds after the last answer one more request is sent, which must be answered with
    /// 2xx. 0: none.
    then_after_s: u32,
    /// Holds connections instead of sending requests. Of the fields above, those of the request (but no
    /// `method` and no `body`), `late_s`, `request_timeout_s` (of an upgrade and of a close) and `abort_above` count.
    websocket: Option<Sockets>,
    /// TLS files instead of those of the target.
    tls: Tls,
}

/// Seconds; absent: no bound.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Bounds {
    p50_s: Option<f64>,
    p90_s: Option<f64>,
    p95_s: Option<f64>,
    p99_s: Option<f64>,
    max_s: Option<f64>,
}

const MAX_BODY_CEILING: u32 = 8 << 20;

impl Default for Load {
    fn default() -> Self {
        Self {
            target: None,
            url: None,
            path: String::new(),
            method: None,
            headers: BTreeMap::new(),
            secret_headers: BTreeMap::new(),
            bearer: None,
            body: None,
            rate: 10.0,
            duration_s: 10,
            max_requests: 1000,
            connections: 10,
            late_s: 0.25,
            request_timeout_s: 5,
            status: Vec::new(),
            abort_above: 0.1,
            max_error_share: 0.0,
            max: Bounds::default(),
            min_answers: 1,
            min_in_flight: 0,
            max_body: 1 << 20,
            then_after_s: 0,
            websocket: None,
            tls: Tls::default(),
        }
    }
}

impl Probe for Load {
    const NAME: &'static str = "load";
    const SUMMARY: &'static str = "HTTP requests at a fixed rate are all sent in time and answered as expected, or WebSocket connections are held.";
    const CLASS: Class = Class::Load;
    type Facts = Facts;

    fn access(&self) -> Access {
        Access::Loads
    }

    fn check(&self, findings: &mut Findings) {
        super::one_place(&self.target, "url", &self.url, findings);
        if let Some(Err(why)) = self.url.as_deref().map(|url| self.read_url(url)) {
            findings.error_with_hint("url", why, "write http://host:port/path or https://…");
        }
        if let Some(sockets) = &self.websocket {
            sockets.check(findings);
            if self.method.is_some() || self.body.is_some() || self.then_after_s > 0 {
                findings.error("websocket", "an upgrade has no `method`, no `body`, and nothing comes `then_after_s`");
            }
        }
        match parse_method(self.method.as_deref()) {
            Err(why) => findings.error("method", why),
            Ok(method) if method != http::Method::GET && method != http::Method::HEAD && self.body.is_none() => {
                findings.error("method", "a method other than GET and HEAD needs a `body`");
            }
            Ok(_) => {}
        }
        for (name, value) in &self.headers {
            if let Err(why) = parse_header(name, value) {
                findings.error(&format!("headers.{name}"), why);
            }
        }
        self.check_bounds(findings);
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn address(&self) -> String {
        self.url.as_deref().and_then(|url| parse_address(url).ok()).map(|at| at.to_string()).unwrap_or_default()
    }

    fn credentials(&self) -> Vec<&str> {
        let sent = self.secret_headers.values().filter(|header| header.when);
        self.bearer.as_deref().into_iter().chain(sent.map(|header| header.credential.as_str())).collect()
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        self.drive(cx).await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        match (&self.websocket, &facts.websocket) {
            (Some(leg), Some(held)) => held::verdict(leg, held, &facts.url),
            _ => self.verdict(facts),
        }
    }

    fn gaps(&self, facts: &Facts) -> Vec<Gap> {
        let incomplete = facts.unsent + facts.late > 0 || facts.aborted;
        let why = || format!("{} requests were not sent in time", facts.unsent + facts.late);
        let gap = |field| incomplete.then(|| Gap { field, why: why(), hides: true });
        let cut = facts.websocket.as_ref().filter(|held| held.aborted || held.late > 0);
        let why = || "the run was ended early, or the exporter was too slow".to_owned();
        let cut = cut.map(|_| Gap { field: "websocket", why: why(), hides: true });
        ["latency", "target_latency"].into_iter().filter_map(gap).chain(cut).collect()
    }
}

impl Load {
    fn check_bounds(&self, findings: &mut Findings) {
        if !(0.0..=1000.0).contains(&self.rate) {
            findings.error("rate", "expected 0 to 1000 requests a second");
        }
        for (field, value, most) in [
            ("duration_s", self.duration_s, 600),
            ("max_requests", self.max_requests, 100_000),
            ("request_timeout_s", self.request_timeout_s, 60),
            ("max_body", self.max_body, MAX_BODY_CEILING),
        ] {
            if value == 0 || value > most {
                findings.error(field, format!("expected 1 to {most}"));
            }
        }
        if !(0.01..=10.0).contains(&self.late_s) {
            findings.error("late_s", "expected 0.01 to 10 seconds");
        }
        if !(1..=500).contains(&self.connections) {
            findings.error("connections", "expected 1 to 500");
        }
        if self.min_in_flight > self.connections {
            findings.error("min_in_flight", "no more requests than `connections` are in flight");
        }
        if self.then_after_s > 120 {
            findings.error("then_after_s", "expected 0 to 120");
        }
        for (field, share) in [("abort_above", self.abort_above), ("max_error_share", self.max_error_share)] {
            if !(0.0..=1.0).contains(&share) {
                findings.error(field, "expected a share from 0 to 1");
            }
        }
        if self.status.iter().any(|status| !(100..=599).contains(status)) {
            findings.error("status", "expected statuses from 100 to 599");
        }
        if self.rate > 0.0 && self.rate * f64::from(self.duration_s) > f64::from(self.max_requests) {
            findings.error("max_requests", "`rate` times `duration_s` is more than this");
        }
    }

    fn is_expected(&self, status: u16) -> bool {
        if self.status.is_empty() { (200..300).contains(&status) } else { self.status.contains(&status) }
    }

    /// A URL as HTTP has it.
    fn read_url(&self, url: &str) -> Result<Url, String> {
        if self.websocket.is_some() { handshake::parse_url(url) } else { parse_url(url) }
    }

    fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_s.into())
    }

    /// The URL, if its host and port may be put under load.
    fn allowed_url(&self, cx: &ProbeCx) -> Result<Url, ProbeError> {
        let cannot = |why: String| ProbeError::unconfigured(format!("the URL cannot be used: {why}"));
        let base = match &self.url {
            Some(url) => url,
            None => &*cx.target()?.address,
        };
        let base = self.read_url(base).map_err(cannot)?;
        let url = if self.path.is_empty() { base } else { append(&base, &self.path).map_err(cannot)? };
        let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
        if !cx.clients().hazards().may_load(host, port) {
            let text = format!("expected {host}:{port} to be listed in engine.load_targets, and it is not");
            return Err(ProbeError::observer(crate::model::Reason::NotEnabled, text));
        }
        Ok(url)
    }

    /// What an `http` check with these parameters would send.
    fn as_http(&self) -> Http {
        Http {
            target: self.target.clone(),
            method: self.method.clone(),
            headers: self.headers.clone(),
            secret_headers: self.secret_headers.clone(),
            bearer: self.bearer.clone(),
            body: self.body.clone(),
            tls: self.tls.clone(),
            ..Http::default()
        }
    }
}
