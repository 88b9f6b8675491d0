//! What one look yields. Of tags and logs only names are kept.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Jaeger;
use crate::expect::Gap;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// All services that the store knows.
    pub(super) services: Vec<String>,
    /// Seconds since the newest trace of each of the parameter `services`; null if there is none.
    pub(super) ages: Vec<Age>,
    /// All operations of `service`.
    pub(super) operations: Vec<String>,
    /// Traces of `service` that were looked at.
    pub(super) traces: Vec<Trace>,
    /// How many there are; null if there are as many as `limit`, or more operations with the prefix than
    /// are searched, so that nobody knows.
    pub(super) trace_count: Option<u32>,
    pub(super) span_count: u32,
    pub(super) error_count: u32,
    /// What must have left a trace.
    pub(super) execution: Option<Execution>,
    pub(super) request: Option<Sampled>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Age {
    pub(super) service: String,
    pub(super) newest_age_s: Option<f64>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Trace {
    pub(super) id: String,
    /// Operation of the first span without a parent.
    pub(super) root: String,
    pub(super) root_count: u32,
    pub(super) span_count: u32,
    /// Spans that say that they failed.
    pub(super) error_count: u32,
    /// Spans whose parent is not there.
    pub(super) orphan_count: u32,
    pub(super) services: BTreeSet<String>,
    /// Seconds since the epoch.
    pub(super) start_s: f64,
    pub(super) end_s: f64,
    /// What `structure` expects of it and it has not.
    pub(super) lacks: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Execution {
    pub(super) operation: String,
    pub(super) start_s: f64,
    pub(super) end_s: f64,
    /// The trace of that operation that overlaps it.
    pub(super) trace: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Sampled {
    pub(super) id: String,
    /// Of the answer to the request.
    pub(super) status: u16,
    pub(super) waited_s: f64,
    /// As it was last seen.
    pub(super) trace: Option<Trace>,
}

pub(super) fn gaps(leg: &Jaeger, facts: &Facts) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut hide = |fields: &[&'static str], why: &str| {
        gaps.extend(fields.iter().map(|field| Gap { field, why: why.to_owned(), hides: true }));
    };
    if leg.max_age_s.is_none() {
        hide(&["ages"], "`max_age_s` is not set");
    }
    if facts.operations.is_empty() && leg.operations.is_empty() {
        hide(&["operations"], "no `operations` are asked for");
    }
    if !leg.searches() {
        hide(&["traces", "trace_count", "span_count", "error_count"], "no traces are looked for");
    }
    gaps
}
