//! Groups of rules as files and as the server write them, in one form.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::look::{list, text};

/// What tells a rule from another: group, kind and name. Several may have the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) group: String,
    pub(super) kind: &'static str,
    pub(super) name: String,
}

/// What a rule says.
#[derive(Clone, Debug, Default)]
pub(super) struct Rule {
    pub(super) expression: String,
    pub(super) for_ms: i64,
    pub(super) keep_firing_for_ms: i64,
    pub(super) labels: Map<String, Value>,
    pub(super) annotations: Map<String, Value>,
}

/// Rules by their keys, and intervals of groups by their names: there may be several of one name.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) rules: BTreeMap<Key, Vec<Rule>>,
    pub(super) intervals_ms: BTreeMap<String, BTreeSet<i64>>,
}

impl Groups {
    /// Adds those of one committed file; without `groups` it has none. An error is a clause about the file.
    pub(super) fn add_file(&mut self, file: &Value) -> Result<(), String> {
        // A file of rules, or an object of the operator for Prometheus.
        let own = file.get("groups").or_else(|| file.get("spec").and_then(|spec| spec.get("groups")));
        let Some(Value::Array(groups)) = own else { return Ok(()) };
        for group in groups {
            let name = text(group, "name");
            let interval = group.get("interval").unwrap_or(&Value::Null);
            let interval = duration_ms(interval).ok_or_else(|| format!("the interval of {name} is none"))?;
            // Without one, or with 0, the group has that of the server.
            if interval > 0 {
                self.intervals_ms.entry(name.clone()).or_default().insert(interval);
            }
            for rule in list(group, "rules").unwrap_or_default() {
                let (kind, called) = match (text(rule, "alert"), text(rule, "record")) {
                    (alert, record) if record.is_empty() && !alert.is_empty() => ("alert", alert),
                    (alert, record) if alert.is_empty() && !record.is_empty() => ("record", record),
                    _ => return Err(format!("a rule of {name} is neither an alert nor a recording rule")),
                };
                let time = |field: &str| match rule.get(field) {
                    None => Ok(0),
                    Some(value) => duration_ms(value).ok_or_else(|| format!("`{field}` of {called} is no duration")),
                };
                let mut labels = fields(group, "labels");
                labels.extend(fields(rule, "labels"));
                let one = Rule {
                    // A number alone is an expression, too.
                    expression: rule.get("expr").map(written).unwrap_or_default(),
                    for_ms: time("for")?,
                    keep_firing_for_ms: time("keep_firing_for")?,
                    labels,
                    annotations: fields(rule, "annotations"),
                };
                self.add(&name, kind, called, one);
            }
        }
        Ok(())
    }

    /// Adds what the server says under `/api/v1/rules`. An error is a clause about the answer.
    pub(super) fn add_served(&mut self, data: &Value) -> Result<(), String> {
        for group in list(data, "groups")? {
            let name = text(group, "name");
            let interval = group.get("interval").and_then(Value::as_f64).ok_or("a group has no interval")?;
            self.intervals_ms.entry(name.clone()).or_default().insert(milliseconds(interval));
            for rule in list(group, "rules")? {
                let kind = match rule.get("type").and_then(Value::as_str) {
                    Some("alerting") => "alert",
                    Some("recording") => "record",
                    _ => return Err("a rule is neither an alert nor a recording rule".to_owned()),
                };
                let time = |field| milliseconds(rule.get(field).and_then(Value::as_f64).unwrap_or_default());
                let one = Rule {
                    expression: text(rule, "query"),
                    for_ms: time("duration"),
                    keep_firing_for_ms: time("keepFiringFor"),
                    labels: fields(rule, "labels"),
                    annotations: fields(rule, "annotations"),
                };
                self.add(&name, kind, text(rule, "name"), one);
            }
        }
        Ok(())
    }

    fn add(&mut self, group: &str, kind: &'static str, name: String, rule: Rule) {
        self.rules.entry(Key { group: group.to_owned(), kind, name }).or_default().push(rule);
    }

    pub(super) fn count(&self) -> u64 {
        self.rules.values().map(|rules| rules.len() as u64).sum()
    }
}

impl Rule {
    /// What it says another way, the expression aside; `self` is the committed one.
    pub(super) fn differs(&self, served: &Self) -> Option<&'static str> {
        [
            (self.for_ms == served.for_ms, "another `for`"),
            (self.keep_firing_for_ms == served.keep_firing_for_ms, "another `keep_firing_for`"),
            (agree(&self.labels, &served.labels), "other labels"),
            (agree(&self.annotations, &served.annotations), "other annotations"),
        ]
        .into_iter()
        .find_map(|(same, how)| (!same).then_some(how))
    }
}

/// What a file writes as a number or a truth value is served as a text. An empty one is none.
fn agree(committed: &Map<String, Value>, served: &Map<String, Value>) -> bool {
    let number = |value: &Value| number_of(&written(value));
    let same = |one: &Value, other: &Value| {
        let (text, shown) = (written(one), written(other));
        text == shown
            || (one.is_boolean() && text.eq_ignore_ascii_case(&shown))
            || (one.is_number() && number(one).is_some() && number(one) == number(other))
    };
    let is_said = |(_, value): &(&String, &Value)| !written(value).is_empty();
    committed.iter().filter(is_said).count() == served.iter().filter(is_said).count()
        && committed
            .iter()
            .filter(is_said)
            .all(|(name, value)| served.get(name).is_some_and(|shown| same(value, shown)))
}

/// Also one such as `0x1F`, which is served as it was written and was read as a number.
fn number_of(text: &str) -> Option<f64> {
    let whole = [("0x", 16), ("0X", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(mark, radix)| u64::from_str_radix(text.strip_prefix(mark)?, radix).ok());
    whole.map_or_else(|| text.parse().ok(), |whole| Some(whole as f64))
}

fn fields(of: &Value, field: &str) -> Map<String, Value> {
    of.get(field).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// A scalar as text; nothing for null.
fn written(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

/// As Prometheus reads it: `1h30m`, or 0.
fn duration_ms(value: &Value) -> Option<i64> {
    let text = written(value);
    let (mut rest, mut sum) = (text.trim(), 0_i64);
    if matches!(rest, "0" | "") {
        return Some(0);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, behind) = rest.split_at(digits);
        let units = [
            ("ms", 1_i64),
            ("s", 1000),
            ("m", 60_000),
            ("h", 3_600_000),
            ("d", 86_400_000),
            ("w", 604_800_000),
            ("y", 31_536_000_000),
        ];
        let (unit, factor) = units.into_iter().find(|(unit, _)| behind.starts_with(unit))?;
        sum = number.parse::<i64>().ok()?.checked_mul(factor)?.checked_add(sum)?;
        rest = behind.get(unit.len()..)?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_are_read_as_prometheus_reads_them() {
        for (text, expected) in [
            (json!("5m"), Some(300_000)),
            (json!("1h30m"), Some(5_400_000)),
            (json!("90m"), Some(5_400_000)),
            (json!("100ms"), Some(100)),
            (json!("1y1w1d"), Some(32_227_200_000)),
            (json!(0), Some(0)),
            (json!(null), Some(0)),
            (json!(5), None),
            (json!("m"), None),
            (json!("5 m"), None),
        ] {
            assert_eq!(duration_ms(&text), expected, "{text}");
        }
    }

    #[test]
    fn an_interval_that_is_none_and_an_empty_label_are_not_committed() {
        let group = |interval: Value| json!({ "groups": [{ "name": "g", "interval": interval, "rules": [] }] });
        for interval in [json!(null), json!(0), json!("0s"), json!("0")] {
            let mut groups = Groups::default();
            groups.add_file(&group(interval)).unwrap();
            assert!(groups.intervals_ms.is_empty());
        }
        let mut groups = Groups::default();
        groups.add_file(&group(json!("1m"))).unwrap();
        assert_eq!(groups.intervals_ms["g"], BTreeSet::from([60_000]));
        let labels = |labels: Value| labels.as_object().unwrap().clone();
        for (committed, served, same) in [
            (json!({ "a": "", "b": null, "c": "x" }), json!({ "c": "x" }), true),
            (json!({ "c": "x" }), json!({ "a": "", "c": "x" }), true),
            (json!({ "a": "" }), json!({ "a": "x" }), false),
            (json!({ "a": "x" }), json!({ "a": "" }), false),
            (json!({ "a": 31 }), json!({ "a": "0x1F" }), true),
            (json!({ "a": 31 }), json!({ "a": "0x1E" }), false),
            (json!({ "a": "0x1F" }), json!({ "a": "31" }), false),
            (json!({ "a": "yes" }), json!({ "a": "yes" }), true),
            (json!({ "a": "yes" }), json!({ "a": "true" }), false),
        ] {
            assert_eq!(agree(&labels(committed.clone()), &labels(served)), same, "{committed}");
        }
    }

    #[test]
    fn both_forms_say_the_same() {
        let file = json!({ "groups": [{ "name": "g", "interval": "1m", "labels": { "team": "x" }, "rules": [
            { "alert": "A", "expr": "up == 0", "for": "5m", "labels": { "level": 1, "page": true } },
            { "record": "r", "expr": 1 },
        ] }] });
        let served = json!({ "groups": [{ "name": "g", "interval": 60, "rules": [
            { "type": "alerting", "name": "A", "query": "up == 0", "duration": 300,
              "labels": { "level": "1", "page": "true", "team": "x" }, "annotations": {} },
            { "type": "recording", "name": "r", "query": "1", "labels": { "team": "x" } },
        ] }] });
        let (mut one, mut other) = (Groups::default(), Groups::default());
        one.add_file(&file).unwrap();
        one.add_file(&json!({ "tests": [] })).unwrap();
        other.add_served(&served).unwrap();
        assert_eq!((one.count(), other.count()), (2, 2));
        assert_eq!(one.intervals_ms, other.intervals_ms);
        for ((key, rules), (same, shown)) in one.rules.iter().zip(&other.rules) {
            assert_eq!(key, same);
            assert_eq!((rules[0].differs(&shown[0]), &rules[0].expression), (None, &shown[0].expression));
        }
        let mut operator = Groups::default();
        operator.add_file(&json!({ "kind": "PrometheusRule", "spec": file })).unwrap();
        assert_eq!(operator.count(), 2);
        let alert = |more: Value| {
            let mut rule = json!({ "alert": "A", "expr": "up" });
            rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({ "groups": [{ "name": "g", "rules": [rule] }] })
        };
        assert!(Groups::default().add_file(&alert(json!({ "for": "soon" }))).is_err());
        assert!(Groups::default().add_file(&alert(json!({ "record": "r" }))).is_err());
    }
}
