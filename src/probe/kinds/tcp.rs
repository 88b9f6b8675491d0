//! `tcp`: a port accepts connections, or refuses them.
//!
//! A pass of `expect: open` proves that the kernel of the target completes a connection, not that
//! the program behind it answers. A pass of `expect: refused` proves an explicit refusal by every
//! address that could be reached; silence (a firewall that drops) proves nothing and is
//! indeterminate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// What must be seen.
    expect: Expect,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Expect {
    /// The connection is accepted.
    #[default]
    Open,
    /// The connection is refused explicitly.
    Refused,
}

/// What one attempt to connect showed.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TcpFacts {
    outcome: Outcome,
    /// `host:port` as configured.
    address: String,
    /// Address that accepted the connection.
    peer: Option<String>,
    /// Seconds to resolve the name.
    dns_s: Option<f64>,
    /// Seconds to connect.
    connect_s: Option<f64>,
    /// What was seen, in words.
    seen: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Open,
    Refused,
    Timeout,
}

impl Tcp {
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
    const SUMMARY: &'static str = "A TCP port accepts connections, or refuses them.";
    type Facts = TcpFacts;

    fn check(&self, findings: &mut Findings) {
        super::one_place(&self.target, "address", &self.address, findings);
        if let Some(Err(why)) = self.address.as_deref().map(parse_address) {
            findings.error_with_hint("address", why, "write host:port, such as 127.0.0.1:5432");
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn address(&self) -> String {
        self.address.as_deref().and_then(|text| parse_address(text).ok()).map(|at| at.to_string()).unwrap_or_default()
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<TcpFacts, ProbeError> {
        let place = self.place(cx)?;
        let address = place.to_string();
        let outcome = match cx.clients().dial(cx, &place.host, place.port).await {
            Ok(dialed) => {
                let seen = format!("{address} accepted the connection in {}", spoken(dialed.connect));
                return Ok(TcpFacts {
                    outcome: Outcome::Open,
                    address,
                    peer: Some(dialed.peer.to_string()),
                    dns_s: Some(dialed.dns.as_secs_f64()),
                    connect_s: Some(dialed.connect.as_secs_f64()),
                    seen,
                });
            }
            Err(error) if error.blame == Blame::Target && error.reason == Reason::Refused => (Outcome::Refused, error),
            Err(error) if error.blame == Blame::Target && error.reason == Reason::Timeout => (Outcome::Timeout, error),
            Err(error) => return Err(error),
        };
        let (outcome, error) = outcome;
        Ok(TcpFacts { outcome, address, peer: None, dns_s: None, connect_s: None, seen: error.detail })
    }

    fn judge(&self, facts: &TcpFacts, _now: Timestamp) -> Verdict {
        let expected = match self.expect {
            Expect::Open => format!("expected {} to accept connections", facts.address),
            Expect::Refused => format!("expected {} to refuse connections", facts.address),
        };
        let sentence = format!("{expected}; {}", facts.seen);
        let proof = |expected: &str| Proof::of("outcome", expected, facts.seen.clone());
        let verdict = match (self.expect, facts.outcome) {
            (Expect::Open, Outcome::Open) => Verdict::pass(proof("open"), sentence),
            (Expect::Open, Outcome::Refused) => Verdict::fail(Reason::Refused, sentence),
            (Expect::Open, Outcome::Timeout) => Verdict::fail(Reason::Timeout, sentence),
            (Expect::Refused, Outcome::Refused) => Verdict::pass(proof("refused"), sentence),
            (Expect::Refused, Outcome::Open) => Verdict::fail(Reason::Assertion, sentence),
            (Expect::Refused, Outcome::Timeout) => Verdict::indeterminate(Reason::Timeout, sentence),
        };
        match facts.connect_s {
            Some(seconds) => verdict.measured("connect_seconds", seconds, None),
            None => verdict,
        }
    }

    fn expects(&self) -> Option<&'static str> {
        Some(match self.expect {
            Expect::Open => "an open port",
            Expect::Refused => "a refused connection",
        })
    }

    fn judge_error(&self, error: &ProbeError) -> Verdict {
        match self.expect {
            Expect::Open => error.verdict(),
            Expect::Refused => error.indeterminate(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::model::Outcome as Look;
    use crate::probe::fixture;
    use crate::probe::net::peers;

    fn probe(expect: Expect) -> Tcp {
        Tcp { target: Some("peer".to_owned()), address: None, expect }
    }

    fn facts(outcome: Outcome) -> TcpFacts {
        let seen = "h:1 did something".to_owned();
        TcpFacts { outcome, address: "h:1".to_owned(), peer: None, dns_s: None, connect_s: None, seen }
    }

    #[test]
    fn judges_every_pair() {
        let cases = [
            (Expect::Open, Outcome::Open, Look::Pass, None),
            (Expect::Open, Outcome::Refused, Look::Fail, Some(Reason::Refused)),
            (Expect::Open, Outcome::Timeout, Look::Fail, Some(Reason::Timeout)),
            (Expect::Refused, Outcome::Refused, Look::Pass, None),
            (Expect::Refused, Outcome::Open, Look::Fail, Some(Reason::Assertion)),
            (Expect::Refused, Outcome::Timeout, Look::Indeterminate, Some(Reason::Timeout)),
        ];
        for (expect, outcome, look, reason) in cases {
            let verdict = probe(expect).judge(&facts(outcome), Timestamp(0));
            assert_eq!((verdict.outcome(), verdict.reason()), (look, reason), "{expect:?} {outcome:?}");
            assert!(verdict.sentence().starts_with("expected h:1 to"));
        }
    }

    #[test]
    fn an_error_proves_no_refusal() {
        let error = ProbeError::target(Reason::Dns, "the name h does not exist");
        assert_eq!(probe(Expect::Open).judge_error(&error).outcome(), Look::Fail);
        assert_eq!(probe(Expect::Refused).judge_error(&error).outcome(), Look::Indeterminate);
    }

    #[tokio::test]
    async fn sees_open_refused_and_silent_ports() {
        let open = peers::silent().await;
        let closed = format!("127.0.0.1:{}", peers::closed_port().await);
        let full = peers::full_backlog().await;
        for (address, outcome) in
            [(open.to_string(), Outcome::Open), (closed, Outcome::Refused), (full.to_string(), Outcome::Timeout)]
        {
            let begun = Instant::now();
            let cx = fixture::cx_for(300, &address);
            let facts = probe(Expect::Open).observe(&cx).await.unwrap();
            assert_eq!(facts.outcome, outcome, "{}", facts.seen);
            assert!(begun.elapsed() < Duration::from_millis(900));
        }
    }

    #[tokio::test]
    async fn an_accepted_connection_passes_whatever_comes_after() {
        for peer in [peers::resets().await, peers::greets(b"SSH-2.0-x\r\n").await] {
            let cx = fixture::cx_for(300, &peer.to_string());
            assert_eq!(probe(Expect::Open).observe(&cx).await.unwrap().outcome, Outcome::Open);
        }
    }

    #[tokio::test]
    async fn no_target_is_unconfigured() {
        let error = probe(Expect::Open).observe(&fixture::cx(300)).await.unwrap_err();
        assert_eq!(error.reason, Reason::Unconfigured);
    }
}
