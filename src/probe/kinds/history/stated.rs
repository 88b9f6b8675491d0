//! What was stated about values, and when, among the facts of another leg.

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
    /// Fields of a statement down to the time it ends, in seconds since the epoch; null there is no end. One that had
    /// ended before a value was first seen does not count for it, but of a value that was there when the memory began
    /// nobody knows since when. Without it statements do not end.
    until: Option<String>,
    /// Seconds after a value was first seen within which it must have been stated.
    pub(super) grace_s: u64,
}

/// That a value was stated, in seconds since the epoch.
pub(super) struct Said {
    pub(super) at_s: i64,
    /// None: it does not end.
    pub(super) until_s: Option<i64>,
}

impl Stated {
    pub(super) fn check(&self, findings: &mut Findings) {
        if self.leg.is_empty() {
            findings.error("stated.leg", "expected the name of another check of the item");
        }
        let paths = [("path", &self.path), ("values", &self.values), ("at", &self.at)];
        for (name, path) in paths.into_iter().chain(self.until.iter().map(|until| ("until", until))) {
            if path.split('.').any(str::is_empty) {
                findings.error(&format!("stated.{name}"), "expected fields joined by `.`, such as `fields.digests`");
            }
        }
    }

    /// By value, all that was stated about it. A leg that saw nothing, or not the whole, is the observer's fault: it
    /// says nothing about what was stated.
    pub(super) fn by_value(&self, cx: &ProbeCx) -> Result<BTreeMap<String, Vec<Said>>, ProbeError> {
        let Self { leg, path, .. } = self;
        let list = cx.leg(leg).and_then(|facts| below(facts, path)).and_then(Value::as_array);
        let list = list.ok_or_else(|| no_data(format!("{leg} did not see all that was stated")))?;
        let mut all: BTreeMap<String, Vec<Said>> = BTreeMap::new();
        for statement in list {
            if !self.is_meant(statement)? {
                continue;
            }
            let lacks = |name: &str| no_data(format!("not every statement of {leg} has `{name}`"));
            let at_s = below(statement, &self.at).and_then(Value::as_i64).ok_or_else(|| lacks(&self.at))?;
            let until_s = match &self.until {
                Some(until) => end(statement, until).ok_or_else(|| lacks(until))?,
                None => None,
            };
            for value in texts(below(statement, &self.values)) {
                all.entry(value.to_owned()).or_default().push(Said { at_s, until_s });
            }
        }
        Ok(all)
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

/// None: it does not say.
fn end(statement: &Value, path: &str) -> Option<Option<i64>> {
    match below(statement, path)? {
        Value::Null => Some(None),
        end => Some(Some(end.as_i64()?)),
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
