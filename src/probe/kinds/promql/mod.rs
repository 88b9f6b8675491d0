//! `promql`: queries of a server that speaks the API of Prometheus.
//!
//! A pass proves that every query had an answer of finite numbers, and that the guards had one too,
//! at the moment of the run. It does not prove that what is measured is measured rightly. An empty
//! answer is no number: unless the check says what it means, it decides nothing. A server that
//! cannot be asked says nothing about what it measures either, so that its faults never fail a check.

pub(super) mod answer;
pub(super) mod api;
mod facts;
mod judge;
mod look;
#[cfg(test)]
pub(super) mod recorded;
mod series;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use api::Place;
use facts::Facts;

use super::compare::side::Side;
use super::http::Tls;
use crate::expect::Gap;
use crate::model::{Timestamp, Verdict};
use crate::probe::net::parse_address;
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

/// Asks a Prometheus-compatible server, at this moment or over a range of time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Promql {
    /// Name of a target. Its address is the URL before `/api/v1`, such as `https://host/prometheus`;
    /// its credential is sent as a bearer token, or as the password of `user`.
    target: Option<String>,
    /// URL instead of a target.
    url: Option<String>,
    /// Name for basic authentication; empty: none.
    user: String,
    /// Replaces the target's credential.
    credential: Option<String>,
    /// TLS files instead of those of the target.
    tls: Tls,
    /// The query; its facts are `value`, `series` and their neighbours.
    query: Option<String>,
    /// Further queries by name; their facts are under `named`.
    queries: BTreeMap<String, String>,
    /// Asks `query` once for each of these, in place of `{value}`. Each must have data. Where `query` is nothing but
    /// `{value}`, they are queries themselves.
    each: Vec<String>,
    /// Instead of `each`: such values that another leg of the item saw, 32 of them at most.
    each_of: Option<Side>,
    /// Over a range of time instead of at this moment.
    range: Option<Range>,
    /// What it means that a query has no data.
    no_data: NoData,
    /// The number that stands for an answer without data. Only with `guards`: they must show that it
    /// could have had some.
    absent_value: Option<f64>,
    /// Queries that must have data, or nothing is judged.
    guards: Vec<String>,
    /// Points that each series of a range must have, or nothing is judged.
    min_points: u32,
    /// Bytes of one answer beyond which nothing is judged.
    max_bytes: u32,
}

/// The time over which a query is asked, up to now.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Range {
    /// How far back.
    last_s: u64,
    /// Between two points.
    step_s: u64,
}

/// What an empty answer means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum NoData {
    /// Nothing was measured, so nothing is known.
    #[default]
    Unknown,
    /// There must be some.
    Fail,
}

/// Longer ones are not sent: they would not pass every proxy as part of a URL.
const QUERY_BYTES: usize = 4 << 10;
pub(super) const QUERIES_CEILING: usize = 32;
/// What Prometheus itself gives at most.
const POINTS_CEILING: u64 = 11_000;
pub(super) const BYTES_CEILING: u32 = 64 << 20;

impl Default for Promql {
    fn default() -> Self {
        Self {
            target: None,
            url: None,
            user: String::new(),
            credential: None,
            tls: Tls::default(),
            query: None,
            queries: BTreeMap::new(),
            each: Vec::new(),
            each_of: None,
            range: None,
            no_data: NoData::Unknown,
            absent_value: None,
            guards: Vec::new(),
            min_points: 0,
            max_bytes: 4 << 20,
        }
    }
}

impl Probe for Promql {
    const NAME: &'static str = "promql";
    const SUMMARY: &'static str = "Queries of a Prometheus have data, and it is as expected";
    type Facts = Facts;

    fn check(&self, findings: &mut Findings) {
        self.place().check(findings);
        if self.query.is_none() && self.queries.is_empty() {
            findings.error("query", "expected a `query` or some `queries`");
        }
        self.check_queries(findings);
        if let Some(side) = &self.each_of {
            side.check("each_of", findings);
            if !self.each.is_empty() {
                findings.error("each_of", "write either `each` or `each_of`");
            }
        }
        let repeats = !self.each.is_empty() || self.each_of.is_some();
        if self.query.as_ref().is_some_and(|query| query.contains(look::PLACE)) != repeats {
            findings.error("each", "`each` and `{value}` in the `query` belong together");
        }
        if let Some(range) = self.range {
            if range.step_s == 0 || range.last_s < range.step_s {
                findings.error("range", "expected a `step_s` of at least a second, and a `last_s` that is not less");
            } else if range.last_s / range.step_s > POINTS_CEILING {
                findings.error("range", format!("expected at most {POINTS_CEILING} points a series"));
            }
        } else if self.min_points > 0 {
            findings.error("min_points", "only a `range` has points");
        }
        if self.absent_value.is_some() {
            if self.guards.is_empty() {
                findings
                    .error("absent_value", "expected `guards`: without them absence may be that nothing is measured");
            }
            if self.range.is_some() || self.no_data == NoData::Fail {
                findings.error("absent_value", "it goes with neither `range` nor `no_data: fail`");
            }
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn address(&self) -> String {
        self.url.as_deref().and_then(|url| parse_address(url).ok()).map(|at| at.to_string()).unwrap_or_default()
    }

    fn credentials(&self) -> Vec<&str> {
        self.credential.as_deref().into_iter().collect()
    }

    fn legs(&self) -> Vec<&str> {
        self.each_of.iter().map(|side| side.leg.as_str()).collect()
    }

    fn expects(&self) -> Option<&'static str> {
        Some("an answer to the query")
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        look::look(self, cx).await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        judge::judge(self, facts)
    }

    fn gaps(&self, facts: &Facts) -> Vec<Gap> {
        facts.gaps(self)
    }

    fn judge_error(&self, error: &ProbeError) -> Verdict {
        error.indeterminate()
    }
}

impl Promql {
    fn place(&self) -> Place<'_> {
        Place {
            target: &self.target,
            url: &self.url,
            user: &self.user,
            credential: self.credential.as_deref(),
            tls: &self.tls,
            max_bytes: self.max_bytes,
        }
    }

    fn check_queries(&self, findings: &mut Findings) {
        let named = self.queries.iter().map(|(name, query)| (format!("queries.{name}"), query));
        let guards = self.guards.iter().enumerate().map(|(n, query)| (format!("guards[{n}]"), query));
        let all = self.query.iter().map(|query| ("query".to_owned(), query)).chain(named).chain(guards);
        for (place, query) in all {
            if query.trim().is_empty() || query.len() > QUERY_BYTES {
                findings.error(&place, format!("expected a query of 1 to {QUERY_BYTES} bytes"));
            }
        }
        for (place, count) in
            [("queries", self.queries.len()), ("guards", self.guards.len()), ("each", self.each.len())]
        {
            if count > QUERIES_CEILING {
                findings.error(place, format!("expected at most {QUERIES_CEILING}"));
            }
        }
    }
}
