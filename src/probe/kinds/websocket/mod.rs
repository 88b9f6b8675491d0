//! `websocket`: a server upgrades to WebSocket and talks as expected, or refuses.
//!
//! A pass proves that this connection was upgraded by the rules (status 101, the right answer to the
//! key), and that each of the steps, the ping and the close went as written. It does not prove that
//! messages nobody asked for would come.
//!
//! A check that sends messages counts as a change, and is opt-in, unless its author declares it
//! `read_only`. Pings and closes change nothing.

mod facts;
pub(super) mod handshake;
mod judge;
mod look;
mod step;
mod talk;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use facts::Facts;
use step::Step;

use super::http::request::parse_header;
use super::http::{SecretHeader, Tls};
use crate::expect::Gap;
use crate::model::{Access, Reason, Timestamp, Verdict};
use crate::probe::net::parse_address;
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

/// Upgrades to WebSocket, and sends and expects messages.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WebSocket {
    /// Name of a target; its address is a URL of `ws://`, `wss://`, `http://` or `https://`.
    target: Option<String>,
    /// URL instead of a target.
    url: Option<String>,
    /// Appended to the path of the address; may hold a query.
    path: Option<String>,
    /// Request headers, such as `Origin`. Secrets belong into `secret_headers` or `bearer`.
    headers: BTreeMap<String, String>,
    /// Request headers that hold a secret: `{ X-Api-Key: { credential: name, prefix: "" } }`.
    secret_headers: BTreeMap<String, SecretHeader>,
    /// Name of a credential sent as a bearer token.
    bearer: Option<String>,
    /// Subprotocols that are offered. The server must choose one of them.
    subprotocols: Vec<String>,
    /// What is sent and what must come then, one after the other.
    steps: Vec<Step>,
    /// The author declares that what `steps` send changes nothing. Without it a check that sends has
    /// to be enabled as one that changes its target.
    read_only: bool,
    /// Sends a ping after the steps; the right pong must come.
    ping: bool,
    /// The server must answer our close (1000) with this code; 1000 where servers keep to the rules.
    close_code: Option<u16>,
    /// How often to connect, one after the other, each time with all steps.
    connections: u32,
    /// Cookies that an answer sets are sent with the connections that follow.
    keep_cookies: bool,
    /// Turns the check around: the upgrade must be refused with one of these statuses.
    refused_with: Vec<u16>,
    /// With `refused_with`: a refused connection counts as well. Where it does, a server that is down
    /// passes.
    or_unreachable: bool,
    /// Seconds that one message, pong or close may take.
    within_s: f64,
    /// Bytes of one message beyond which the check fails.
    max_message: u32,
    /// More messages of one connection than this fail the check.
    max_messages: u32,
    /// TLS files instead of those of the target.
    tls: Tls,
}

const CONNECTIONS_CEILING: u32 = 20;
const MESSAGE_CEILING: u32 = 4 << 20;
const MESSAGES_CEILING: u32 = 1000;
const STEPS_CEILING: usize = 50;
/// The headers that the handshake sets itself.
const OWN_HEADERS: [&str; 4] =
    ["sec-websocket-key", "sec-websocket-version", "sec-websocket-protocol", "sec-websocket-extensions"];

impl Default for WebSocket {
    fn default() -> Self {
        Self {
            target: None,
            url: None,
            path: None,
            headers: BTreeMap::new(),
            secret_headers: BTreeMap::new(),
            bearer: None,
            subprotocols: Vec::new(),
            steps: Vec::new(),
            read_only: false,
            ping: false,
            close_code: None,
            connections: 1,
            keep_cookies: false,
            refused_with: Vec::new(),
            or_unreachable: false,
            within_s: 5.0,
            max_message: 64 << 10,
            max_messages: 100,
            tls: Tls::default(),
        }
    }
}

impl Probe for WebSocket {
    const NAME: &'static str = "websocket";
    const SUMMARY: &'static str = "Upgrades to WebSocket, and sends and expects messages";
    type Facts = Facts;

    fn access(&self) -> Access {
        if !self.read_only && self.steps.iter().any(Step::sends) {
            Access::Mutates
        } else if self.is_negative() && self.logs_in() {
            Access::Authenticates
        } else {
            Access::Read
        }
    }

    fn check(&self, findings: &mut Findings) {
        super::one_place(&self.target, "url", &self.url, findings);
        if let Some(Err(why)) = self.url.as_deref().map(handshake::parse_url) {
            findings.error_with_hint("url", why, "write ws://host:port/path or wss://…");
        }
        self.check_headers(findings);
        for (index, step) in self.steps.iter().enumerate() {
            step.check(index, findings);
        }
        let is_token = |name: &String| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_graphic() && !b"(),/:;<=>?@[\\]{}\"".contains(&byte))
        };
        if let Some(name) = self.subprotocols.iter().find(|name| !is_token(name)) {
            findings.error("subprotocols", format!("`{name}` is not the name of a subprotocol"));
        }
        if self.steps.len() > STEPS_CEILING {
            findings.error("steps", format!("at most {STEPS_CEILING} steps can be written"));
        }
        if self.connections == 0 || self.connections > CONNECTIONS_CEILING {
            findings.error("connections", format!("expected 1 to {CONNECTIONS_CEILING}"));
        }
        if self.max_message == 0 || self.max_message > MESSAGE_CEILING {
            findings.error("max_message", format!("expected 1 to {MESSAGE_CEILING} bytes"));
        }
        if self.max_messages == 0 || self.max_messages > MESSAGES_CEILING {
            findings.error("max_messages", format!("expected 1 to {MESSAGES_CEILING}"));
        }
        if !(self.within_s > 0.0 && self.within_s <= 60.0) {
            findings.error("within_s", "expected more than 0 and at most 60 seconds");
        }
        let talks = !self.steps.is_empty() || self.ping || self.close_code.is_some() || self.connections > 1;
        if self.is_negative() && talks {
            findings.error("refused_with", "where the upgrade is refused there is nobody to talk with");
        }
        if self.refused_with.iter().any(|status| !(300..600).contains(status)) {
            findings.error("refused_with", "expected statuses from 300 to 599");
        }
        if self.or_unreachable && !self.is_negative() {
            findings.error("or_unreachable", "it belongs to `refused_with`");
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn address(&self) -> String {
        self.url.as_deref().and_then(|url| parse_address(url).ok()).map(|at| at.to_string()).unwrap_or_default()
    }

    fn credentials(&self) -> Vec<&str> {
        let headers = self.secret_headers.values().filter(|header| header.when);
        self.bearer.as_deref().into_iter().chain(headers.map(|header| header.credential.as_str())).collect()
    }

    fn expects(&self) -> Option<&'static str> {
        Some(if self.is_negative() { "a refused upgrade" } else { "an upgrade to WebSocket" })
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        look::look(self, cx).await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        judge::judge(self, facts)
    }

    fn gaps(&self, facts: &Facts) -> Vec<Gap> {
        facts.gaps()
    }

    fn judge_error(&self, error: &ProbeError) -> Verdict {
        if !self.is_negative() {
            return error.verdict();
        }
        if self.or_unreachable && error.reason == Reason::Refused {
            return judge::unreachable(error);
        }
        // A connection that fails proves nothing about a refusal.
        error.indeterminate()
    }
}

impl WebSocket {
    fn is_negative(&self) -> bool {
        !self.refused_with.is_empty()
    }

    fn logs_in(&self) -> bool {
        self.bearer.is_some() || self.secret_headers.values().any(|header| header.when)
    }

    fn check_headers(&self, findings: &mut Findings) {
        let own = |name: &str| OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name));
        for (name, value) in &self.headers {
            let place = format!("headers.{name}");
            if own(name) {
                findings.error(&place, "the handshake sets this header; see `subprotocols`");
            } else if let Err(why) = parse_header(name, value) {
                findings.error(&place, why);
            }
        }
        for (name, header) in &self.secret_headers {
            let place = format!("secret_headers.{name}");
            if own(name) {
                findings.error(&place, "the handshake sets this header");
            } else if let Err(why) = parse_header(name, header.prefix()) {
                findings.error(&place, why);
            } else if header.credential.is_empty() {
                findings.error(&place, "expected the name of a `credential`");
            } else if self.headers.keys().any(|other| other.eq_ignore_ascii_case(name)) {
                findings.error(&place, "the header is also among `headers`");
            } else if name.eq_ignore_ascii_case("authorization") && self.bearer.is_some() {
                findings.error(&place, "`bearer` sets this header");
            }
        }
    }
}
