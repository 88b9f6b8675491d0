//! `compare`: what one leg of the item saw is also what another saw.
//!
//! A pass proves that there was a value on one side, that each of them was on the other in this very
//! run, and with `both_ways` that neither side has one more. The two legs look at the same moment, not at the same instant:
//! what changes in between is seen by one of them only, and gone by the next run.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// Each side is one number instead, and they differ by at most this share of that of `among`.
    within_ratio: Option<f64>,
    /// Each side is one number instead, and that of `each` is at least this share of that of `among`.
    min_ratio: Option<f64>,
    /// A smaller number of `among` decides nothing.
    at_least: f64,
}

/// Values among the facts of another leg of the item.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Side {
    /// Its name. It stands before this one.
    leg: String,
    /// Fields down to the values, such as `keys.json.id`. Of a list every element counts.
    path: String,
    /// Only from objects whose fields have these texts.
    having: BTreeMap<String, String>,
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
}

/// Values of one side, each at most so long.
const MAX_VALUES: usize = 100_000;
const MAX_TEXT: usize = 1024;
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
            if side.leg.is_empty() {
                findings.error(&format!("{name}.leg"), "expected the name of another check of the item");
            }
            if side.path.split('.').any(str::is_empty) {
                findings.error(&format!("{name}.path"), "expected fields joined by `.`, such as `keys.json.id`");
            }
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
        if self.of_numbers() && self.both_ways {
            findings.error("both_ways", "it is about values, not about numbers");
        }
    }

    fn legs(&self) -> Vec<&str> {
        vec![&self.each.leg, &self.among.leg]
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
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
        })
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
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
        if facts.each_count == 0 {
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

impl Side {
    /// Texts; numbers and truth values as texts. What is missing is the observer's fault: it proves
    /// nothing about the systems behind the legs.
    fn values(&self, cx: &ProbeCx) -> Result<BTreeSet<String>, ProbeError> {
        let leg = &self.leg;
        let no_data = |text: String| ProbeError::observer(Reason::NoData, text);
        let facts = cx.leg(leg).ok_or_else(|| no_data(format!("expected something to compare, {leg} saw nothing")))?;
        let mut values = BTreeSet::new();
        let fields: Vec<&str> = self.path.split('.').collect();
        self.collect(facts, &fields, &mut values).map_err(no_data)?;
        Ok(values)
    }

    fn collect(&self, at: &Value, fields: &[&str], values: &mut BTreeSet<String>) -> Result<(), String> {
        if values.len() > MAX_VALUES {
            return Err(format!("{} has more than {MAX_VALUES} values", self.leg));
        }
        let missing = || format!("`{}` is not known of every value of {}", self.path, self.leg);
        match (at, fields) {
            (Value::Array(items), _) => items.iter().try_for_each(|item| self.collect(item, fields, values)),
            (Value::Object(object), [field, rest @ ..]) => {
                if rest.is_empty() {
                    for (name, text) in &self.having {
                        // Whoever does not say it can neither be counted nor left out.
                        let seen =
                            object.get(name).ok_or_else(|| format!("not every value of {} has `{name}`", self.leg))?;
                        let seen = seen.as_str().map_or_else(|| seen.to_string(), str::to_owned);
                        if seen != *text {
                            return Ok(());
                        }
                    }
                }
                self.collect(object.get(*field).ok_or_else(missing)?, rest, values)
            }
            (Value::String(text), []) if text.len() <= MAX_TEXT => {
                values.insert(text.clone());
                Ok(())
            }
            (Value::Number(_) | Value::Bool(_), []) => {
                values.insert(at.to_string());
                Ok(())
            }
            _ => Err(missing()),
        }
    }
}

fn named(values: &[String]) -> String {
    let shown = values.iter().take(NAMED).map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    if values.len() > NAMED { format!("{shown} and others") } else { shown }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::model::Outcome;
    use crate::probe::{LegFacts, fixture};

    async fn compared(parameters: Value, registry: Option<Value>, api: Value) -> (Outcome, Option<Reason>, String) {
        let mut legs = LegFacts::from([("api".into(), api)]);
        legs.extend(registry.map(|facts| ("registry".into(), facts)));
        let cx = fixture::cx(1000).with_legs(Some(Arc::new(legs)));
        let verdict = fixture::run("compare", parameters, &cx).await.verdict;
        (verdict.outcome(), verdict.reason(), verdict.sentence().to_owned())
    }

    fn registry(ids: &[&str]) -> Option<Value> {
        Some(json!({ "keys": ids.iter().map(|id| json!({ "json": { "id": id } })).collect::<Vec<_>>() }))
    }

    fn leg(both_ways: bool) -> Value {
        json!({
            "each": { "leg": "registry", "path": "keys.json.id" },
            "among": { "leg": "api", "path": "agents.id", "having": { "status": "active" } },
            "both_ways": both_ways,
        })
    }

    #[tokio::test]
    async fn each_value_is_looked_for_on_the_other_side() {
        let agent = |id: &str, status: &str| json!({ "id": id, "status": status });
        let api = || json!({ "agents": [agent("a", "active"), agent("b", "inactive"), agent("c", "active")] });
        assert_eq!(compared(leg(false), registry(&["a", "c"]), api()).await.0, Outcome::Pass);
        assert_eq!(compared(leg(true), registry(&["a", "c"]), api()).await.0, Outcome::Pass);
        assert_eq!(compared(leg(false), registry(&["a"]), api()).await.0, Outcome::Pass);
        let seen = compared(leg(true), registry(&["a"]), api()).await;
        assert_eq!((seen.0, seen.1), (Outcome::Fail, Some(Reason::Assertion)));
        assert!(seen.2.contains("only api has `c`"), "{}", seen.2);
        let seen = compared(leg(false), registry(&["a", "b"]), api()).await;
        assert!(seen.0 == Outcome::Fail && seen.2.contains("only registry has `b`"), "{}", seen.2);
    }

    #[tokio::test]
    async fn who_does_not_say_what_is_asked_for_is_not_left_out() {
        let api = || json!({ "agents": [{ "id": "a", "status": "active" }, { "id": "b", "state": "active" }] });
        let seen = compared(leg(true), registry(&["a"]), api()).await;
        assert_eq!((seen.0, seen.1), (Outcome::Indeterminate, Some(Reason::NoData)), "{}", seen.2);
        let mut numbers = leg(true);
        numbers["among"]["having"] = json!({ "status": "1" });
        let api = json!({ "agents": [{ "id": "a", "status": 1 }, { "id": "b", "status": 2 }] });
        assert_eq!(compared(numbers, registry(&["a"]), api).await.0, Outcome::Pass);
    }

    #[tokio::test]
    async fn what_is_missing_decides_nothing() {
        let api = || json!({ "agents": [{ "id": "a", "status": "active" }] });
        let cases = [
            None,
            Some(json!({})),
            Some(json!({ "keys": [{ "json": { "id": "a" } }, { "json": null }] })),
            Some(json!({ "keys": [{ "json": { "id": { "x": 1 } } }] })),
        ];
        for registry in cases {
            let seen = compared(leg(false), registry, api()).await;
            assert_eq!((seen.0, seen.1), (Outcome::Indeterminate, Some(Reason::NoData)), "{}", seen.2);
        }
    }

    #[tokio::test]
    async fn nothing_is_not_the_same_as_nothing() {
        let active = || json!({ "agents": [{ "id": "a", "status": "active" }] });
        let inactive = || json!({ "agents": [{ "id": "a", "status": "inactive" }] });
        for (both_ways, api) in [(false, active()), (false, inactive()), (true, inactive())] {
            let seen = compared(leg(both_ways), registry(&[]), api).await;
            assert_eq!((seen.0, seen.1), (Outcome::Indeterminate, Some(Reason::NoData)), "{}", seen.2);
            assert_eq!(seen.2, "expected something to compare, saw no value of registry");
        }
        assert_eq!(compared(leg(true), registry(&[]), active()).await.0, Outcome::Fail);
        assert_eq!(compared(leg(false), registry(&["a"]), inactive()).await.0, Outcome::Fail);
    }

    #[tokio::test]
    async fn numbers_may_differ_by_a_share() {
        let leg = |at_least: f64| {
            json!({ "each": { "leg": "registry", "path": "value" }, "among": { "leg": "api", "path": "rows.n" },
                "within_ratio": 0.1, "at_least": at_least })
        };
        let cases = [
            (95.5, json!({ "rows": [{ "n": 100 }] }), 20.0, Outcome::Pass),
            (85.0, json!({ "rows": [{ "n": 100 }] }), 20.0, Outcome::Fail),
            (115.0, json!({ "rows": [{ "n": 100 }] }), 20.0, Outcome::Fail),
            (5.0, json!({ "rows": [{ "n": 10 }] }), 20.0, Outcome::Indeterminate),
            (0.0, json!({ "rows": [{ "n": 0 }] }), 0.0, Outcome::Indeterminate),
            (5.0, json!({ "rows": [{ "n": 5 }, { "n": 6 }] }), 1.0, Outcome::Indeterminate),
            (5.0, json!({ "rows": [{ "n": "x" }] }), 1.0, Outcome::Indeterminate),
        ];
        for (value, api, at_least, outcome) in cases {
            let seen = compared(leg(at_least), Some(json!({ "value": value })), api).await;
            assert_eq!(seen.0, outcome, "{}", seen.2);
        }
    }

    #[tokio::test]
    async fn a_number_may_have_a_least_share_of_another() {
        let leg = json!({ "each": { "leg": "registry", "path": "value" }, "among": { "leg": "api", "path": "n" },
            "min_ratio": 0.9, "at_least": 20.0 });
        let cases = [
            (json!(90), 100, Outcome::Pass),
            (json!(300), 100, Outcome::Pass),
            (json!(89), 100, Outcome::Fail),
            (json!(0), 100, Outcome::Fail),
            (json!(0), 10, Outcome::Indeterminate),
            (json!(null), 100, Outcome::Indeterminate),
        ];
        for (value, among, outcome) in cases {
            let seen = compared(leg.clone(), Some(json!({ "value": value })), json!({ "n": among })).await;
            assert_eq!(seen.0, outcome, "{}", seen.2);
        }
    }
}
