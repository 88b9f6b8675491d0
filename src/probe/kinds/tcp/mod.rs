//! `tcp`: a port accepts connections, or refuses them; or of many ports of one host only the
//! intended ones answer.
//!
//! A pass of `expect: open` proves that the kernel of the target completes a connection, not that
//! the program behind it answers. A pass of `expect: refused` proves an explicit refusal by every
//! address that could be reached; silence (a firewall that drops) proves nothing and is
//! indeterminate. A pass of `expect: closed` proves that no connection was made; whether anybody is there at
//! all, and whether the exporter has a network, it does not. A pass of `allow` and `deny` proves what one host lets through to the place of the
//! exporter; there silence is what a firewall should answer, if the host is known to be there.

mod answer;
mod closes;
mod ports;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expect::Gap;
use crate::model::{Proof, Reason, Timestamp, Verdict};
use crate::probe::net::{Address, parse_address, spoken};
use crate::probe::{Blame, Findings, Probe, ProbeCx, ProbeError};

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tcp {
    /// Name of a target; its address is `host:port` or a URL.
    target: Option<String>,
    /// `host:port` or a URL, instead of a target.
    address: Option<String>,
    /// What must be seen, of one port.
    expect: Expect,
    /// Instead of the one port of the address: ports of that host that must be open. Only with
    /// `target`, so that a deployment has named every host of which many ports are tried.
    allow: Vec<u16>,
    /// Ports of that host that must not be open: refused, or silent for 2 s while another port of the
    /// host answers.
    deny: Vec<u16>,
    /// A connection on which nothing more comes is kept for a while, and then closed by the server.
    closes: Option<closes::Closes>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Expect {
    /// The connection is accepted.
    #[default]
    Open,
    /// The connection is refused explicitly.
    Refused,
    /// The connection is refused, or nothing answers for 2 s. Where everything is silent this passes as
    /// well: another leg must show that the network works.
    Closed,
}

/// What one attempt to connect showed.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TcpFacts {
    /// Null if many ports were tried.
    outcome: Option<Outcome>,
    /// `host:port` as configured; of many ports, the host.
    address: String,
    /// Address that accepted the connection; of many ports, all addresses of the host.
    peer: Option<String>,
    /// Seconds to resolve the name.
    dns_s: Option<f64>,
    /// Seconds to connect.
    connect_s: Option<f64>,
    /// What was seen, in words.
    seen: String,
    /// Ports of `allow` and `deny` that accepted the connection.
    open: Vec<u16>,
    /// Ports that refused it.
    refused: Vec<u16>,
    /// Ports that did not answer, or answered that there is no way to them.
    silent: Vec<u16>,
    /// Ports for which no time was left.
    untried: Vec<u16>,
    /// With `closes`.
    #[serde(default)]
    closing: Option<closes::Closing>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Open,
    Refused,
    Timeout,
}

impl Tcp {
    fn of_many(&self) -> bool {
        !self.allow.is_empty() || !self.deny.is_empty()
    }

    fn place(&self, cx: &ProbeCx) -> Result<Address, ProbeError> {
        let text = match &self.address {
            Some(address) => address,
            None => &*cx.target()?.address,
        };
        parse_address(text).map_err(|why| ProbeError::unconfigured(format!("the address cannot be used: {why}")))
    }
}

impl Probe for Tcp {
    const NAME: &'static str = "tcp";
    const SUMMARY: &'static str =
        "A TCP port accepts connections, or refuses them; of many, only the intended ones are open.";
    type Facts = TcpFacts;

    fn check(&self, findings: &mut Findings) {
        super::one_place(&self.target, "address", &self.address, findings);
        if let Some(Err(why)) = self.address.as_deref().map(parse_address) {
            findings.error_with_hint("address", why, "write host:port, such as 127.0.0.1:5432");
        }
        ports::check(self, findings);
        closes::check(self, findings);
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn address(&self) -> String {
        self.address.as_deref().and_then(|text| parse_address(text).ok()).map(|at| at.to_string()).unwrap_or_default()
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<TcpFacts, ProbeError> {
        let place = self.place(cx)?;
        if self.of_many() {
            return ports::observe(self, cx, &place).await;
        }
        if let Some(closes) = &self.closes {
            return closes::observe(closes, cx, &place).await;
        }
        if self.expect == Expect::Closed {
            return ports::closed(cx, &place).await;
        }
        let address = place.to_string();
        let outcome = match cx.clients().dial(cx, &place.host, place.port).await {
            Ok(dialed) => {
                let seen = [&address, " accepted the connection in ", &spoken(dialed.connect)].concat();
                return Ok(TcpFacts {
                    outcome: Some(Outcome::Open),
                    address,
                    peer: Some(dialed.peer.to_string()),
                    dns_s: Some(dialed.dns.as_secs_f64()),
                    connect_s: Some(dialed.connect.as_secs_f64()),
                    seen,
                    ..TcpFacts::default()
                });
            }
            Err(error) if error.blame == Blame::Target && error.reason == Reason::Refused => (Outcome::Refused, error),
            Err(error) if error.blame == Blame::Target && error.reason == Reason::Timeout => (Outcome::Timeout, error),
            Err(error) => return Err(error),
        };
        let (outcome, error) = outcome;
        Ok(TcpFacts { outcome: Some(outcome), address, seen: error.detail, ..TcpFacts::default() })
    }

    fn judge(&self, facts: &TcpFacts, _now: Timestamp) -> Verdict {
        let Some(outcome) = facts.outcome else { return ports::judge(self, facts) };
        if let (Some(closes), Some(closing)) = (&self.closes, &facts.closing) {
            return closes::judge(closes, facts, closing);
        }
        let what = match self.expect {
            Expect::Open => " to accept connections; ",
            Expect::Refused => " to refuse connections; ",
            Expect::Closed => " to let no connection in; ",
        };
        let sentence = ["expected ", &facts.address, what, &facts.seen].concat();
        let proof = |expected: &str| Proof::of("outcome", expected, &facts.seen);
        let verdict = match (self.expect, outcome) {
            (Expect::Open, Outcome::Open) => Verdict::pass(proof("open"), sentence),
            (Expect::Open, Outcome::Refused) => Verdict::fail(Reason::Refused, sentence),
            (Expect::Open, Outcome::Timeout) => Verdict::fail(Reason::Timeout, sentence),
            (Expect::Refused, Outcome::Refused) => Verdict::pass(proof("refused"), sentence),
            (Expect::Refused | Expect::Closed, Outcome::Open) => Verdict::fail(Reason::Assertion, sentence),
            (Expect::Closed, Outcome::Refused | Outcome::Timeout) => Verdict::pass(proof("closed"), sentence),
            (Expect::Refused, Outcome::Timeout) => Verdict::indeterminate(Reason::Timeout, sentence),
        };
        match facts.connect_s {
            Some(seconds) => verdict.measured("connect_seconds", seconds, None),
            None => verdict,
        }
    }

    fn gaps(&self, _: &TcpFacts) -> Vec<Gap> {
        if self.of_many() {
            return Vec::new();
        }
        let gap = |field| Gap { field, why: "only one port was tried".to_owned(), hides: true };
        ["open", "refused", "silent", "untried"].map(gap).into()
    }

    fn expects(&self) -> Option<&'static str> {
        Some(match self.expect {
            _ if self.of_many() => "only the intended ports to be open",
            _ if self.closes.is_some() => "a connection that is closed in time",
            Expect::Open => "an open port",
            Expect::Refused => "a refused connection",
            Expect::Closed => "a closed port",
        })
    }

    fn judge_error(&self, error: &ProbeError) -> Verdict {
        match self.expect {
            Expect::Open if self.deny.is_empty() => error.verdict(),
            Expect::Open | Expect::Refused | Expect::Closed => error.indeterminate(),
        }
    }
}
