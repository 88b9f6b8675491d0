//! What a run of requests showed.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use http::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sockets::Held;
use crate::probe::ProbeError;

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    pub(super) url: String,
    /// Requests that were due.
    pub(super) requested: u64,
    /// Answers, whatever their status.
    pub(super) completed: u64,
    /// Answers with an expected status.
    pub(super) expected: u64,
    /// Answers by class: `2xx`, `4xx` and so on.
    pub(super) classes: BTreeMap<String, u64>,
    /// Answers by status.
    pub(super) statuses: Vec<StatusCount>,
    /// Requests that got no answer, by reason.
    pub(super) errors: BTreeMap<String, u64>,
    /// What the first of them met.
    pub(super) first_error: Option<String>,
    /// Requests that were due but never sent, because all connections waited for answers.
    pub(super) unsent: u64,
    /// Requests that were sent later than `late_s` after they were due although a connection was free: the
    /// exporter was too slow, and times of this run say little.
    pub(super) late: u64,
    /// Requests that waited longer than `late_s` for a connection, because all of them waited for answers.
    pub(super) queued: u64,
    /// True if too many errors ended the run.
    pub(super) aborted: bool,
    /// The most requests that were in flight at the same instant.
    pub(super) in_flight: u64,
    /// Length of the run, to the last answer.
    pub(super) seconds: f64,
    /// Answers a second.
    pub(super) throughput: f64,
    /// Of the expected answers, from the instant each was due; null if there is none.
    pub(super) latency: Option<Latency>,
    /// The same without the moments by which the exporter itself sent them late.
    pub(super) target_latency: Option<Latency>,
    /// Status of the request after the pause; null if none was sent or answered.
    pub(super) after: Option<u16>,
    /// With `websocket`, and then instead of all but the URL.
    pub(super) websocket: Option<Held>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct StatusCount {
    pub(super) status: u16,
    pub(super) count: u64,
    /// Names of the headers of the first of them, in lower case.
    #[serde(default)]
    pub(super) headers: Vec<String>,
}

/// Seconds.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Latency {
    pub(super) p50_s: f64,
    pub(super) p90_s: f64,
    pub(super) p95_s: f64,
    pub(super) p99_s: f64,
    pub(super) max_s: f64,
}

/// Counts while requests run.
pub(super) struct Tally {
    pub(super) facts: Facts,
    statuses: BTreeMap<u16, StatusCount>,
    times: Times,
    theirs: Times,
}

/// Microseconds.
#[derive(Clone)]
pub(super) struct Times(pub(super) Histogram<u64>);

impl Times {
    pub(super) fn new() -> Result<Self, ProbeError> {
        let times = Histogram::new_with_bounds(1, LONGEST_US, 3);
        times.map(Self).map_err(|error| ProbeError::internal(format!("the histogram could not be made: {error}")))
    }

    pub(super) fn record(&mut self, took: Duration) {
        self.0.saturating_record(micros(took));
    }

    pub(super) fn latency(&self) -> Option<Latency> {
        Latency::of(&self.0)
    }
}

/// Times beyond this count as this long.
const LONGEST_US: u64 = 3_600_000_000;
/// Names of headers that are kept of one answer.
const HEADERS: usize = 64;

impl Tally {
    pub(super) fn new(facts: Facts) -> Result<Self, ProbeError> {
        let times = Times::new()?;
        Ok(Self { facts, statuses: BTreeMap::new(), theirs: times.clone(), times })
    }

    /// `took` is from the instant it was due; `own` of it was lost by the exporter.
    pub(super) fn answered(
        &mut self,
        (status, headers): (u16, &HeaderMap),
        expected: bool,
        took: Duration,
        own: Duration,
    ) {
        self.facts.completed += 1;
        let first = || StatusCount { status, count: 0, headers: names(headers) };
        self.statuses.entry(status).or_insert_with(first).count += 1;
        *self.facts.classes.entry(format!("{}xx", status / 100)).or_default() += 1;
        if expected {
            self.facts.expected += 1;
            self.times.record(took);
            self.theirs.record(took.saturating_sub(own));
        }
    }

    pub(super) fn failed(&mut self, error: ProbeError) {
        *self.facts.errors.entry(error.reason.as_str().to_owned()).or_default() += 1;
        self.facts.first_error.get_or_insert(error.detail);
    }

    /// Requests that ended without an expected answer, and all that ended.
    pub(super) fn bad_of(&self) -> (u64, u64) {
        let all = self.facts.completed + self.facts.unanswered();
        (all - self.facts.expected, all)
    }

    pub(super) fn end(mut self, took: Duration) -> Facts {
        let seconds = took.as_secs_f64();
        self.facts.seconds = seconds;
        self.facts.throughput = if seconds > 0.0 { self.facts.completed as f64 / seconds } else { 0.0 };
        self.facts.statuses = self.statuses.into_values().collect();
        self.facts.latency = self.times.latency();
        self.facts.target_latency = self.theirs.latency();
        self.facts
    }
}

fn names(headers: &HeaderMap) -> Vec<String> {
    headers.keys().take(HEADERS).map(|name| name.as_str().to_owned()).collect()
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(LONGEST_US).max(1)
}

impl Latency {
    fn of(times: &Histogram<u64>) -> Option<Self> {
        let at = |quantile: f64| times.value_at_quantile(quantile) as f64 / 1e6;
        let (p50_s, p90_s, p95_s, p99_s, max_s) = (at(0.5), at(0.9), at(0.95), at(0.99), at(1.0));
        (!times.is_empty()).then_some(Self { p50_s, p90_s, p95_s, p99_s, max_s })
    }
}

impl Facts {
    pub(super) fn unanswered(&self) -> u64 {
        self.errors.values().sum()
    }
}
