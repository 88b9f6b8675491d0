//! What was stated about values, and when first, among the facts of another leg.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::model::Reason;
use crate::probe::{Findings, ProbeCx, ProbeError};

/// Statements among the facts of another leg of the item, such as approvals.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Stated {
    /// Its name. It stands before this one.
    pub(super) leg: String,
    /// Fields down to the list of statements, such as `attestations`.
    path: String,
    /// Only statements whose fields have these texts.
    having: BTreeMap<String, String>,
    /// Fields of a statement down to the values that it names, such as `fields.image_digests`. A statement without
    /// them names none.
    values: String,
    /// Fields of a statement down to the time it was made, in seconds since the epoch.
    at: String,
    /// Seconds after a value was first seen within which it must have been stated.
    pub(super) grace_s: u64,
}

impl Stated {
    pub(super) fn check(&self, findings: &mut Findings) {
        if self.leg.is_empty() {
            findings.error("stated.leg", "expected the name of another check of the item");
        }
        for (name, path) in [("path", &self.path), ("values", &self.values), ("at", &self.at)] {
            if path.split('.').any(str::is_empty) {
                findings.error(&format!("stated.{name}"), "expected fields joined by `.`, such as `fields.digests`");
            }
        }
    }

    /// By value, when it was first stated. A leg that saw nothing, or not the whole, is the observer's fault: it says
    /// nothing about what was stated.
    pub(super) fn first_times(&self, cx: &ProbeCx) -> Result<BTreeMap<String, i64>, ProbeError> {
        let Self { leg, path, .. } = self;
        let list = cx.leg(leg).and_then(|facts| below(facts, path)).and_then(Value::as_array);
        let list = list.ok_or_else(|| no_data(format!("{leg} did not see all that was stated")))?;
        let mut first: BTreeMap<String, i64> = BTreeMap::new();
        for statement in list {
            if !self.is_meant(statement)? {
                continue;
            }
            let at = below(statement, &self.at).and_then(Value::as_i64);
            let at = at.ok_or_else(|| no_data(format!("not every statement of {leg} has `{}`", self.at)))?;
            for value in texts(below(statement, &self.values)) {
                let earliest = first.entry(value.to_owned()).or_insert(at);
                *earliest = at.min(*earliest);
            }
        }
        Ok(first)
    }

    fn is_meant(&self, statement: &Value) -> Result<bool, ProbeError> {
        for (name, wanted) in &self.having {
            let seen = below(statement, name);
            let seen = seen.ok_or_else(|| no_data(format!("not every statement of {} has `{name}`", self.leg)))?;
            if seen.as_str().map_or_else(|| seen.to_string(), str::to_owned) != *wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn below<'a>(at: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(at, |at, field| at.get(field))
}

/// The texts that stand there: one, or a list of them.
fn texts(at: Option<&Value>) -> impl Iterator<Item = &str> {
    let several = at.and_then(Value::as_array).into_iter().flatten();
    several.chain(at.filter(|at| at.is_string())).filter_map(Value::as_str)
}

fn no_data(sentence: String) -> ProbeError {
    ProbeError::observer(Reason::NoData, sentence)
}
