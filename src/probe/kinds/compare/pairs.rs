//! Numbers that belong together by their keys, each held against its partner.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::named;
use crate::model::{Proof, Reason, Verdict};
use crate::probe::line::line;
use crate::probe::{Findings, ProbeCx, ProbeError};

use super::side::Side;

/// Numbers that belong together: those of the same `key` on both sides.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pairs {
    /// How far a number of `each` may be from that of `among`: in both directions, or only below it
    /// (`at_least`), or only above it (`at_most`).
    direction: Direction,
    /// As a share of the number of `among`.
    within_ratio: Option<f64>,
    /// In the unit of the numbers. With both, one of them is enough.
    within: Option<f64>,
    /// Is added to each number of `among` before.
    plus: f64,
    /// The mean absolute percentage error of all pairs may be at most this share: the distance of each
    /// pair as a share of the number of `among`.
    max_mape: Option<f64>,
    /// With fewer pairs nothing is judged.
    min_pairs: u32,
    /// What it means that a number of `each` has no partner, or that one of them is not known.
    missing: Missing,
    /// Numbers of `among` without a partner count as missing, too.
    both_ways: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Direction {
    #[default]
    Both,
    AtLeast,
    AtMost,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Missing {
    /// A pair that is not whole decides nothing.
    #[default]
    Unknown,
    /// It must be there.
    Fail,
    /// A number of `each` that is known must have a partner that is known. One that is not known decides nothing.
    Partner,
}

/// What was put together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Matched {
    /// Pairs of two numbers that are not both 0.
    pairs: u32,
    /// Pairs of 0 and 0, which decide nothing.
    empty: u32,
    /// Keys of numbers without a partner, by the side that has them.
    missing_count: u32,
    missing: Vec<String>,
    /// Those of them of which a number of `each` is known.
    partnerless: u32,
    /// Keys that one side has more than once: nobody knows which of them is meant.
    ambiguous: Vec<String>,
    /// Pairs further apart than they may be.
    apart_count: u32,
    /// The first of them, such as `e1, baseline: 10 and 500`.
    apart: Vec<String>,
    /// Mean absolute percentage error as a share; absent without pairs, or if a number that is not 0
    /// has the partner 0.
    mape: Option<f64>,
    /// Pairs of a number that is not 0 and 0: no percentage is large enough.
    of_nothing: u32,
}

const KEPT: usize = 20;

impl Default for Pairs {
    fn default() -> Self {
        Self {
            direction: Direction::Both,
            within_ratio: None,
            within: None,
            plus: 0.0,
            max_mape: None,
            min_pairs: 1,
            missing: Missing::Unknown,
            both_ways: false,
        }
    }
}

type Numbers = BTreeMap<Vec<String>, Option<f64>>;

impl Pairs {
    pub(super) fn check(&self, findings: &mut Findings) {
        let limits = [("within_ratio", self.within_ratio), ("within", self.within), ("max_mape", self.max_mape)];
        for (field, limit) in limits {
            if limit.is_some_and(|limit| !limit.is_finite() || limit < 0.0) {
                findings.error(&format!("pairs.{field}"), "expected a number that is not below 0");
            }
        }
        if limits.iter().all(|(_, limit)| limit.is_none()) {
            findings.error("pairs", "expected `within_ratio`, `within` or `max_mape`");
        }
        if self.direction != Direction::Both && self.within_ratio.is_none() && self.within.is_none() {
            findings.error("pairs.direction", "it belongs to `within_ratio` and `within`");
        }
        if self.min_pairs == 0 {
            findings.error("pairs.min_pairs", "nothing against nothing decides nothing; expected at least 1");
        }
    }

    pub(super) fn look(&self, each: &Side, among: &Side, cx: &ProbeCx) -> Result<Matched, ProbeError> {
        let mut matched = Matched::default();
        let ones = unique(each.numbers(cx)?, &each.leg, &mut matched.ambiguous);
        let mut others = unique(among.numbers(cx)?, &among.leg, &mut matched.ambiguous);
        let mut errors = 0.0;
        for (key, one) in ones {
            let other = others.remove(&key).flatten().map(|other| other + self.plus);
            let key = line(&key.join(", "), 120);
            match (one, other) {
                (Some(one), Some(other)) => errors += self.pair(key, one, other, &mut matched),
                (None, Some(_)) => matched.miss(&each.leg, key),
                (one, None) => {
                    matched.partnerless += u32::from(one.is_some());
                    matched.miss(&among.leg, key);
                }
            }
        }
        if self.both_ways {
            others.into_keys().for_each(|key| matched.miss(&each.leg, line(&key.join(", "), 120)));
        }
        matched.mape = (matched.pairs > 0 && matched.of_nothing == 0).then(|| errors / f64::from(matched.pairs));
        Ok(matched)
    }

    /// Notes one pair, and gives its distance as a share.
    fn pair(&self, key: String, one: f64, other: f64, matched: &mut Matched) -> f64 {
        if one == 0.0 && other == 0.0 {
            matched.empty += 1;
            return 0.0;
        }
        matched.pairs += 1;
        if other == 0.0 {
            matched.of_nothing += 1;
        }
        let distance = match self.direction {
            Direction::Both => (one - other).abs(),
            Direction::AtLeast => other - one,
            Direction::AtMost => one - other,
        };
        let limits = [self.within_ratio.map(|ratio| ratio * other.abs()), self.within];
        let limit = limits.into_iter().flatten().reduce(f64::max);
        if limit.is_some_and(|limit| distance > limit) {
            matched.apart_count += 1;
            if matched.apart.len() < KEPT {
                let named = if key.is_empty() { String::new() } else { format!("{key}: ") };
                matched.apart.push(format!("{named}{one} and {other}"));
            }
        }
        if other == 0.0 { 0.0 } else { (one - other).abs() / other.abs() }
    }

    pub(super) fn judge(&self, matched: &Matched, each: &str, among: &str) -> Verdict {
        let expected = self.expected(each, among);
        let verdict = self.verdict(matched, &expected);
        match (matched.mape, self.max_mape) {
            (Some(mape), Some(max)) => verdict.measured("mean_absolute_error_ratio", mape, Some(max)),
            _ => verdict,
        }
    }

    fn verdict(&self, matched: &Matched, expected: &str) -> Verdict {
        let no_data = |seen: String| Verdict::indeterminate(Reason::NoData, format!("{expected}, {seen}"));
        if !matched.ambiguous.is_empty() {
            return no_data(format!("saw more than one number of {}", named(&matched.ambiguous)));
        }
        if matched.apart_count > 0 {
            let (count, of) = (matched.apart_count, matched.pairs);
            let sentence = format!(
                "{expected}, saw {count} of {of} pairs apart: {}",
                matched.apart.iter().take(3).cloned().collect::<Vec<_>>().join("; ")
            );
            return Verdict::fail(Reason::Assertion, sentence);
        }
        if matched.missing_count > 0 {
            let seen = format!("saw no partner of {}: {}", matched.missing_count, named(&matched.missing));
            return match self.missing {
                Missing::Fail => Verdict::fail(Reason::Assertion, format!("{expected}, {seen}")),
                Missing::Partner if matched.partnerless > 0 => {
                    Verdict::fail(Reason::Assertion, format!("{expected}, {seen}"))
                }
                Missing::Unknown | Missing::Partner => no_data(seen),
            };
        }
        if matched.pairs < self.min_pairs {
            let (least, empty) = (self.min_pairs, matched.empty);
            let zero = if empty > 0 { format!(" and {empty} of 0 and 0") } else { String::new() };
            return no_data(format!("saw {}{zero}, and fewer than {least} decide nothing", plural(matched.pairs)));
        }
        let mut seen = format!("saw {}", plural(matched.pairs));
        if let Some(max) = self.max_mape {
            let Some(mape) = matched.mape else {
                let sentence = format!("{expected}, saw {} numbers where the other is 0", matched.of_nothing);
                return Verdict::fail(Reason::Assertion, sentence);
            };
            seen = format!("{seen} with a mean error of {:.1}%", mape * 100.0);
            if mape > max {
                return Verdict::fail(Reason::Assertion, format!("{expected}, {seen}"));
            }
        }
        Verdict::pass(Proof::of("pairs", expected, &seen), format!("{expected}, {seen}"))
    }

    fn expected(&self, each: &str, among: &str) -> String {
        let ratio = self.within_ratio.map(|ratio| format!("{}%", round(ratio * 100.0)));
        let limits: Vec<String> = ratio.into_iter().chain(self.within.map(|within| within.to_string())).collect();
        let limits = limits.join(" or ");
        let single = match self.direction {
            _ if limits.is_empty() => None,
            Direction::AtLeast if limits == "0" => {
                Some(format!("each number of {each} to be at least that of {among}"))
            }
            Direction::AtMost if limits == "0" => Some(format!("each number of {each} to be at most that of {among}")),
            Direction::Both => Some(format!("each number of {each} to be within {limits} of that of {among}")),
            Direction::AtLeast => Some(format!("each number of {each} to be at most {limits} below that of {among}")),
            Direction::AtMost => Some(format!("each number of {each} to be at most {limits} above that of {among}")),
        };
        let mean = self
            .max_mape
            .map(|max| format!("{each} to differ from {among} by at most {}% in the mean", round(max * 100.0)));
        format!("expected {}", single.into_iter().chain(mean).collect::<Vec<_>>().join(", and "))
    }
}

impl Matched {
    /// `leg` should have this key.
    fn miss(&mut self, leg: &str, key: String) {
        self.missing_count += 1;
        if self.missing.len() < KEPT {
            self.missing.push(format!("{key} in {leg}"));
        }
    }
}

fn unique(numbers: Vec<(Vec<String>, Option<f64>)>, leg: &str, ambiguous: &mut Vec<String>) -> Numbers {
    let mut unique = Numbers::new();
    for (key, number) in numbers {
        let name = line(&key.join(", "), 120);
        if unique.insert(key, number).is_some() && ambiguous.len() < KEPT {
            ambiguous.push(format!("{name} in {leg}"));
        }
    }
    unique
}

fn plural(pairs: u32) -> String {
    if pairs == 1 { "1 pair".to_owned() } else { format!("{pairs} pairs") }
}

/// A percentage without the noise of binary fractions.
fn round(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}
