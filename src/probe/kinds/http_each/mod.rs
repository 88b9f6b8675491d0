//! `http_each`: each address that another leg of the item saw is asked, and told by whether it answers as
//! expected.
//!
//! It is a survey: a pass proves that every address was asked, not that any of them answered. What the
//! answers must be is said by a condition, or by a `compare` of `answered` with what the other leg saw. A
//! target that refuses, or does not answer in time, counts among `silent`.

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::compare::side::Side;
use super::http::Http;
use super::http::request::parse_url;
use crate::model::{Proof, Reason, Timestamp, Verdict};
use crate::probe::line::line;
use crate::probe::{Blame, Findings, Probe, ProbeCx, ProbeError};

/// Sends one GET to each address that another leg saw.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HttpEach {
    /// Where the addresses stand: IP addresses, without a port.
    each: Side,
    /// `http` or `https`.
    scheme: String,
    port: u16,
    /// Begins with `/`.
    path: String,
    /// Statuses that count as an answer; 200 if empty.
    status: Vec<u16>,
    /// Seconds that one address may take; 1 to 60.
    within_s: u32,
    /// With more addresses nothing is asked; 1 to 200.
    max_addresses: usize,
}

impl Default for HttpEach {
    fn default() -> Self {
        Self {
            each: Side::default(),
            scheme: "http".to_owned(),
            port: 80,
            path: "/".to_owned(),
            status: Vec::new(),
            within_s: 3,
            max_addresses: 50,
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// Addresses that answered with an expected status.
    answered: Vec<String>,
    /// The others.
    silent: Vec<Silent>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Silent {
    address: String,
    /// Absent if there was no answer.
    status: Option<u16>,
    why: String,
}

const CONCURRENT: usize = 8;
const MAX_BODY: u32 = 64 << 10;
const SAID: usize = 200;

impl Probe for HttpEach {
    const NAME: &'static str = "http_each";
    const SUMMARY: &'static str = "Asks each address that another leg of the item saw";
    type Facts = Facts;

    fn check(&self, findings: &mut Findings) {
        self.each.check("each", findings);
        if !matches!(self.scheme.as_str(), "http" | "https") {
            findings.error("scheme", "expected http or https");
        }
        if !self.path.starts_with('/') || parse_url(&self.url(IpAddr::from([127, 0, 0, 1]))).is_err() {
            findings.error("path", "expected a path that begins with /");
        }
        if self.port == 0 {
            findings.error("port", "expected 1 to 65535");
        }
        if self.status.iter().any(|status| !(100..600).contains(status)) {
            findings.error("status", "expected statuses from 100 to 599");
        }
        if !(1..=60).contains(&self.within_s) {
            findings.error("within_s", "expected 1 to 60 seconds");
        }
        if !(1..=200).contains(&self.max_addresses) {
            findings.error("max_addresses", "expected 1 to 200");
        }
    }

    fn legs(&self) -> Vec<&str> {
        vec![&self.each.leg]
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        let wanted = self.each.values(cx)?;
        if wanted.len() > self.max_addresses {
            let detail = format!("{} saw more than {} addresses", self.each.leg, self.max_addresses);
            return Err(ProbeError::observer(Reason::TooLarge, detail));
        }
        let address = |text: &String| {
            text.parse::<IpAddr>().map_err(|_| {
                let detail = format!("expected IP addresses of {}, saw `{}`", self.each.leg, line(text, SAID));
                ProbeError::observer(Reason::NoData, detail)
            })
        };
        let addresses: Vec<IpAddr> = wanted.iter().map(address).collect::<Result<_, _>>()?;
        let mut asked = stream::iter(addresses.into_iter().map(|at| self.ask(cx, at))).buffered(CONCURRENT);
        let mut facts = Facts::default();
        while let Some(said) = asked.next().await {
            match said? {
                Ok(address) => facts.answered.push(address),
                Err(silent) => facts.silent.push(silent),
            }
        }
        Ok(facts)
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        let (answered, silent) = (facts.answered.len(), facts.silent.len());
        if answered + silent == 0 {
            let sentence = format!("expected addresses to ask, saw none of {}", self.each.leg);
            return Verdict::indeterminate(Reason::NoData, sentence);
        }
        let mut sentence =
            format!("expected each address to be asked, saw {answered} that answer and {silent} that do not");
        if let Some(first) = facts.silent.first() {
            sentence = format!("{sentence}: {}: {}", first.address, first.why);
        }
        Verdict::pass(Proof::of("addresses", "asked", format!("{answered} and {silent}")), sentence)
    }
}

impl HttpEach {
    fn url(&self, at: IpAddr) -> String {
        let host = if at.is_ipv6() { format!("[{at}]") } else { at.to_string() };
        format!("{}://{host}:{}{}", self.scheme, self.port, self.path)
    }

    /// An error of ours says nothing about the address, so it is one of the whole look.
    async fn ask(&self, cx: &ProbeCx, at: IpAddr) -> Result<Result<String, Silent>, ProbeError> {
        let url = Some(self.url(at));
        let http = Http { url, follow_redirects: 0, max_body: MAX_BODY, ..Http::default() };
        // With less time silence would say nothing about the address.
        if cx.remaining() < Duration::from_secs(self.within_s.into()) {
            let text = format!("the timeout leaves less than {} s for some of the addresses", self.within_s);
            return Err(ProbeError::observer(Reason::ObserverTimeout, text));
        }
        let deadline = (Instant::now() + Duration::from_secs(self.within_s.into())).min(cx.deadline());
        let address = at.to_string();
        let expected = |status: u16| if self.status.is_empty() { status == 200 } else { self.status.contains(&status) };
        match http.observe(&cx.step(deadline)).await {
            Ok(facts) if expected(facts.status) => Ok(Ok(address)),
            Ok(facts) => {
                let why = format!("status {}", facts.status);
                Ok(Err(Silent { address, status: Some(facts.status), why }))
            }
            Err(error) if error.blame == Blame::Target => {
                let why = line(&error.detail, SAID);
                Ok(Err(Silent { address, status: None, why }))
            }
            Err(error) => Err(error),
        }
    }
}
