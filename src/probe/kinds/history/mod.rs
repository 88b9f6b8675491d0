//! `history`: what another leg of the item has seen over time, not only now.
//!
//! A pass proves that every value that was seen since the memory began, and that is not forgotten yet,
//! was stated in time; without `stated` it proves only that there is a memory. It does not prove anything
//! of what was between two looks, or while nobody looked: `since_s` says when the memory began.

mod judge;
mod stated;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use stated::{Said, Stated};

use super::compare::side::Side;
use crate::model::{Digest, Reason, Remembered, SeenValue, Timestamp, Verdict};
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

/// Remembers values that another leg of the item has seen.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct History {
    /// The values. With `key` a value is remembered for each key.
    of: Side,
    /// Seconds after which a value is forgotten that was not seen again.
    for_s: u64,
    /// What must have been stated about each value when it was first seen, or soon after.
    stated: Option<Stated>,
}

impl Default for History {
    fn default() -> Self {
        Self { of: Side::default(), for_s: 90 * DAY_S, stated: None }
    }
}

/// Times are seconds since the epoch.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// When the memory began: nobody knows what was before. A memory begins anew when what is looked for
    /// changes, or how the other leg looks.
    since_s: i64,
    /// All that is remembered, what was seen now included, by key and value.
    remembered: Vec<Seen>,
    /// How many of them were seen now.
    seen_now: usize,
    /// Keys that have had more than one value.
    changed: Vec<String>,
    /// Why it is not known what was stated; empty if it is.
    problem: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Seen {
    /// Its fields, joined by spaces; empty without `key`.
    key: String,
    value: String,
    first_seen_s: i64,
    last_seen_s: i64,
    /// With `stated`: when that was first; null if it never was, or not any more.
    stated_at_s: Option<i64>,
    /// With `until`: the last end of statements that had ended when it was first seen; null if none had.
    ended_at_s: Option<i64>,
}

const DAY_S: u64 = 86_400;
/// What is remembered is written at each run.
const MOST_VALUES: usize = 1000;
const MOST_BYTES: usize = 300;

impl Probe for History {
    const NAME: &'static str = "history";
    const SUMMARY: &'static str = "What another leg of the item has seen over time, and whether it was stated in time";
    type Facts = Facts;

    fn check(&self, findings: &mut Findings) {
        self.of.check("of", findings);
        if !(60..=400 * DAY_S).contains(&self.for_s) {
            findings.error("for_s", "expected 60 seconds to 400 days");
        }
        if let Some(stated) = &self.stated {
            stated.check(findings);
        }
    }

    fn legs(&self) -> Vec<&str> {
        std::iter::once(&*self.of.leg).chain(self.stated.iter().map(|stated| &*stated.leg)).collect()
    }

    fn remembers(&self) -> Option<(&str, String)> {
        Some((&self.of.leg, self.of.sought()))
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        let seen = self.of.keyed(cx)?;
        self.refuse(&seen, cx)?;
        let stated = self.stated.as_ref().map_or_else(|| Ok(BTreeMap::new()), |stated| stated.by_value(cx));
        // Remembered all the same: it may be gone when it is known again what was stated.
        let (stated, problem) = match stated {
            Ok(stated) => (stated, String::new()),
            Err(error) => (BTreeMap::new(), error.detail),
        };
        let facts = Facts { problem, ..self.with(&seen, cx.memory(), seconds(cx.now()), &stated) };
        if facts.remembered.len() > MOST_VALUES {
            return Err(too_many(facts.remembered.len()));
        }
        Ok(facts)
    }

    fn remembered(&self, facts: &Facts) -> Option<Remembered> {
        let value = |seen: &Seen| SeenValue {
            key: seen.key.as_str().into(),
            value: seen.value.as_str().into(),
            first: Timestamp::from_secs(seen.first_seen_s),
            last: Timestamp::from_secs(seen.last_seen_s),
        };
        let values = facts.remembered.iter().map(value).collect();
        // Whoever keeps it says of what it is.
        Some(Remembered { of: Digest::default(), since: Timestamp::from_secs(facts.since_s), values })
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        judge::judge(self, facts)
    }
}

impl History {
    /// What cannot be kept must not be missing from what is: then nothing is known.
    fn refuse(&self, seen: &BTreeSet<(String, String)>, cx: &ProbeCx) -> Result<(), ProbeError> {
        let leg = &self.of.leg;
        if seen.len() > MOST_VALUES {
            return Err(too_many(seen.len()));
        }
        for text in seen.iter().flat_map(|(key, value)| [key, value]) {
            if text.len() > MOST_BYTES {
                let sentence =
                    format!("expected values of at most {MOST_BYTES} bytes, one of {leg} has {}", text.len());
                return Err(ProbeError::observer(Reason::TooLarge, sentence));
            }
            if cx.is_secret(text) {
                let sentence = format!("expected values that can be remembered, one of {leg} holds a credential");
                return Err(ProbeError::observer(Reason::NoData, sentence));
            }
        }
        Ok(())
    }

    /// What is remembered after this look. Pure.
    fn with(
        &self,
        seen: &BTreeSet<(String, String)>,
        before: Option<&Remembered>,
        now_s: i64,
        stated: &BTreeMap<String, Vec<Said>>,
    ) -> Facts {
        let since_s = before.map_or(now_s, |before| seconds(before.since).min(now_s));
        let known = || before.iter().flat_map(|before| &before.values);
        // By the last look: one with a clock that is far ahead would forget all.
        let newest_s = known().map(|known| seconds(known.last).min(now_s)).max().unwrap_or(now_s);
        let oldest_s = newest_s.saturating_sub(i64::try_from(self.for_s).unwrap_or(i64::MAX));
        let mut all: BTreeMap<(&str, &str), (i64, i64)> = BTreeMap::new();
        for known in known() {
            // What a clock that was wrong put into the future was seen by now.
            let (first_s, last_s) = (seconds(known.first).min(now_s), seconds(known.last).min(now_s));
            if last_s >= oldest_s {
                all.insert((&known.key, &known.value), (first_s, last_s));
            }
        }
        for (key, value) in seen {
            let times = all.entry((key.as_str(), value.as_str())).or_insert((now_s, now_s));
            times.1 = now_s;
        }
        let mut values_of: BTreeMap<&str, usize> = BTreeMap::new();
        for (key, _) in all.keys().filter(|(key, _)| !key.is_empty()) {
            *values_of.entry(key).or_default() += 1;
        }
        let changed = values_of.into_iter().filter(|(_, count)| *count > 1).map(|(key, _)| key.to_owned()).collect();
        let one = |(&(key, value), &(first_seen_s, last_seen_s)): (&(&str, &str), &(i64, i64))| {
            let said = stated.get(value).into_iter().flatten();
            // Since when it was there nobody knows if it was when the memory began.
            let had_ended = |said: &&Said| first_seen_s > since_s && said.until_s.is_some_and(|end| end < first_seen_s);
            Seen {
                key: key.to_owned(),
                value: value.to_owned(),
                first_seen_s,
                last_seen_s,
                stated_at_s: said.clone().filter(|said| !had_ended(said)).map(|said| said.at_s).min(),
                ended_at_s: said.filter(had_ended).filter_map(|said| said.until_s).max(),
            }
        };
        Facts {
            since_s,
            remembered: all.iter().map(one).collect(),
            seen_now: seen.len(),
            changed,
            problem: String::new(),
        }
    }
}

fn too_many(count: usize) -> ProbeError {
    let sentence = format!("expected at most {MOST_VALUES} values to remember, saw {count}");
    ProbeError::observer(Reason::TooLarge, sentence)
}

fn seconds(at: Timestamp) -> i64 {
    at.0.div_euclid(1000)
}
