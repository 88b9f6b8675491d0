//! `compare`: what one leg of the item saw is also what another saw.
//!
//! A pass proves that there was a value on one side, that each of them was on the other in this very
//! run, and with `both_ways` that neither side has one more. The two legs look at the same moment, not at the same instant:
//! what changes in between is seen by one of them only, and gone by the next run.

mod pairs;
pub(super) mod side;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use pairs::{Matched, Pairs};
use side::Side;

use crate::model::{Proof, Reason, Timestamp, Verdict};
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

/// Compares values of two legs of the item.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Compare {
    /// The values that must all be found.
    each: Side,
    /// Where they must be found.
    among: Side,
    /// Neither side may have a value that the other has not.
    both_ways: bool,
    /// `each` may have no value: then nothing had to be found.
    optional: bool,
    /// Each side is one number instead, and they differ by at most this share of that of `among`.
    within_ratio: Option<f64>,
    /// Each side is one number instead, and that of `each` is at least this share of that of `among`.
    min_ratio: Option<f64>,
    /// A smaller number of `among` decides nothing.
    at_least: f64,
    /// Each side is numbers instead, which belong together by the `key` of each side.
    pairs: Option<Pairs>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// Different values on each side.
    each_count: u32,
    among_count: u32,
    /// Values that one side has alone.
    only_each: Vec<String>,
    only_among: Vec<String>,
    /// With `within_ratio` or `min_ratio`.
    each_number: Option<f64>,
    among_number: Option<f64>,
    /// With `pairs`.
    matched: Option<Matched>,
}

/// Values that a sentence names.
const NAMED: usize = 3;
/// Values that facts keep.
const KEPT: usize = 100;

impl Probe for Compare {
    const NAME: &'static str = "compare";
    const SUMMARY: &'static str = "Values that one leg of the item saw are those that another saw";
    type Facts = Facts;

    fn check(&self, findings: &mut Findings) {
        for (name, side) in [("each", &self.each), ("among", &self.among)] {
            side.check(name, findings);
        }
        if self.within_ratio.is_some_and(|ratio| !(0.0..=1.0).contains(&ratio)) {
            findings.error("within_ratio", "expected a share from 0 to 1");
        }
        if self.min_ratio.is_some_and(|ratio| !ratio.is_finite() || ratio <= 0.0) {
            findings.error("min_ratio", "expected a share above 0");
        }
        if self.within_ratio.is_some() && self.min_ratio.is_some() {
            findings.error("min_ratio", "`within_ratio` has a least share already");
        }
        if !self.of_numbers() && self.at_least != 0.0 {
            findings.error("at_least", "it belongs to `within_ratio` and `min_ratio`");
        }
        if self.optional && (self.of_numbers() || self.pairs.is_some()) {
            findings.error("optional", "it is about values, not about numbers");
        }
        if self.of_numbers() && self.both_ways {
            findings.error("both_ways", "it is about values, not about numbers");
        }
        if let Some(pairs) = &self.pairs {
            pairs.check(findings);
            if self.of_numbers() || self.both_ways {
                findings.error("pairs", "`within_ratio`, `min_ratio` and `both_ways` of pairs stand in `pairs`");
            }
            // Without one there is one number on each side.
            if self.each.key.len() != self.among.key.len() {
                findings.error("each.key", "expected as many fields as in `among.key`");
            }
        } else if !self.each.key.is_empty() || !self.among.key.is_empty() {
            findings.error("pairs", "only `pairs` have a `key`");
        }
    }

    fn legs(&self) -> Vec<&str> {
        vec![&self.each.leg, &self.among.leg]
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        if let Some(pairs) = &self.pairs {
            let matched = Some(pairs.look(&self.each, &self.among, cx)?);
            return Ok(Facts { matched, ..Facts::default() });
        }
        let (each, among) = (self.each.values(cx)?, self.among.values(cx)?);
        let only = |one: &BTreeSet<String>, other| one.difference(other).take(KEPT).cloned().collect();
        let count = |values: &BTreeSet<String>| u32::try_from(values.len()).unwrap_or(u32::MAX);
        Ok(Facts {
            each_count: count(&each),
            among_count: count(&among),
            only_each: only(&each, &among),
            only_among: only(&among, &each),
            each_number: self.of_numbers().then(|| number(&each)).flatten(),
            among_number: self.of_numbers().then(|| number(&among)).flatten(),
            matched: None,
        })
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        if let Some(pairs) = &self.pairs {
            return match &facts.matched {
                Some(matched) => pairs.judge(matched, &self.each.leg, &self.among.leg),
                None => Verdict::indeterminate(Reason::NoData, "expected pairs of numbers, saw none"),
            };
        }
        if self.of_numbers() {
            return self.numbers(facts);
        }
        let (each, among) = (&self.each.leg, &self.among.leg);
        let expected = if self.both_ways {
            format!("expected {each} and {among} to have the same {} values", facts.each_count)
        } else {
            format!("expected all {} values of {each} in {among}", facts.each_count)
        };
        let alone = |leg: &str, values: &[String]| format!("only {leg} has {}", named(values));
        if !facts.only_each.is_empty() {
            return Verdict::fail(Reason::Assertion, format!("{expected}, saw that {}", alone(each, &facts.only_each)));
        }
        if self.both_ways && !facts.only_among.is_empty() {
            return Verdict::fail(
                Reason::Assertion,
                format!("{expected}, saw that {}", alone(among, &facts.only_among)),
            );
        }
        // Neither side has more then: where nothing was looked for, nothing was found.
        if facts.each_count == 0 && !self.optional {
            let sentence = format!("expected something to compare, saw no value of {each}");
            return Verdict::indeterminate(Reason::NoData, sentence);
        }
        let proof = Proof::of("values", expected.clone(), format!("{} of {}", facts.each_count, facts.among_count));
        Verdict::pass(proof, format!("{expected}, saw them"))
    }
}

impl Compare {
    fn of_numbers(&self) -> bool {
        self.within_ratio.is_some() || self.min_ratio.is_some()
    }

    fn numbers(&self, facts: &Facts) -> Verdict {
        let (each, among) = (&self.each.leg, &self.among.leg);
        let expected = match (self.within_ratio, self.min_ratio) {
            (None, Some(ratio)) => {
                format!("expected the number of {each} to be at least {}% of that of {among}", ratio * 100.0)
            }
            (within, _) => {
                let percent = within.unwrap_or_default() * 100.0;
                format!("expected the numbers of {each} and {among} to differ by at most {percent}%")
            }
        };
        let (Some(one), Some(other)) = (facts.each_number, facts.among_number) else {
            return Verdict::indeterminate(Reason::NoData, format!("{expected}, but not each of them is one number"));
        };
        let seen = format!("saw {one} and {other}");
        if other < self.at_least || other == 0.0 {
            let sentence = format!("{expected}, {seen}, and fewer than {} decide nothing", self.at_least.max(1.0));
            return Verdict::indeterminate(Reason::NoData, sentence);
        }
        let sentence = format!("{expected}, {seen}");
        let close = self.within_ratio.is_none_or(|ratio| (one - other).abs() <= ratio * other.abs());
        let many = self.min_ratio.is_none_or(|ratio| one >= ratio * other);
        if close && many {
            Verdict::pass(Proof::of("numbers", expected, format!("{one} and {other}")), sentence)
        } else {
            Verdict::fail(Reason::Assertion, sentence)
        }
    }
}

/// The only value, if it is a finite number.
fn number(values: &BTreeSet<String>) -> Option<f64> {
    let mut values = values.iter();
    let number: f64 = values.next()?.parse().ok()?;
    (values.next().is_none() && number.is_finite()).then_some(number)
}

fn named(values: &[String]) -> String {
    let shown = values.iter().take(NAMED).map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    if values.len() > NAMED { format!("{shown} and others") } else { shown }
}
