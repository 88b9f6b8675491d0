//! Its rules, and which of them are meant.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::Value;

use super::facts::{Facts, Rule};
use super::look::{age, list, text};
use super::selector::{Selector, fires_on_nothing, selectors};
use super::targets::labels;
use super::{RuleKind, Rules};
use crate::probe::line::line;

const KEPT: usize = 1000;
const EXPRESSION_BYTES: usize = 2 << 10;
const ERROR_BYTES: usize = 200;
const SHOWN: usize = 160;

/// A rule with what its whole expression says.
pub(super) struct Read {
    pub(super) rule: Rule,
    pub(super) reads: Vec<Selector>,
    /// What it selects need not be there.
    pub(super) fires_on_nothing: bool,
    /// Labels that it sets, whole.
    sets: BTreeMap<String, String>,
}

pub(super) struct Found {
    pub(super) meant: Vec<Read>,
    absent: Vec<String>,
    count: u64,
    cut: bool,
}

impl Found {
    pub(super) fn into_facts(self, facts: &mut Facts) {
        facts.rule_count = self.count;
        facts.rules = self.meant.into_iter().map(|read| read.rule).collect();
        facts.rules_absent = self.absent;
        if self.cut {
            facts.cut.push("rules".to_owned());
        }
    }
}

/// The rules that are meant, with what each of them selects.
pub(super) fn read(part: &Rules, data: &Value, now: f64) -> Result<Found, String> {
    let matching = part.matching.as_deref().map(Regex::new).transpose().map_err(|error| error.to_string())?;
    let mut all = Vec::new();
    for group in list(data, "groups")? {
        let interval_s = group.get("interval").and_then(Value::as_f64).ok_or("a group has no interval")?;
        for one in list(group, "rules")? {
            let expression = text(one, "query");
            let kind = match one.get("type").and_then(Value::as_str) {
                Some("alerting") => "alert",
                Some("recording") => "record",
                _ => return Err("a rule is neither an alert nor a recording rule".to_owned()),
            };
            let rule = Rule {
                name: text(one, "name"),
                kind: kind.to_owned(),
                group: text(group, "name"),
                expression: line(&expression, EXPRESSION_BYTES),
                for_s: one.get("duration").and_then(Value::as_f64).unwrap_or_default(),
                labels: labels(one, "labels"),
                annotations: annotations(one),
                health: text(one, "health"),
                error: line(&text(one, "lastError"), ERROR_BYTES),
                state: text(one, "state"),
                age_s: age(one.get("lastEvaluation"), now),
                interval_s,
                alive: None,
                alive_why: String::new(),
            };
            let sets = one.get("labels").and_then(Value::as_object).into_iter().flatten();
            all.push(Read {
                rule,
                reads: selectors(&expression),
                fires_on_nothing: fires_on_nothing(&expression),
                sets: sets.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect(),
            });
        }
    }
    let wanted_kind = match part.kind {
        None => None,
        Some(RuleKind::Alert) => Some("alert"),
        Some(RuleKind::Record) => Some("record"),
    };
    let of_kind = |read: &Read| wanted_kind.is_none_or(|kind| read.rule.kind == kind);
    let count = all.iter().filter(|read| of_kind(read)).count() as u64;
    let mut absent = Vec::new();
    for name in &part.names {
        if !all.iter().any(|read| of_kind(read) && read.rule.name == *name) {
            absent.push(format!("named {name}"));
        }
    }
    let mut mentioning = BTreeSet::new();
    for selector in part.mentions.iter().flat_map(|text| selectors(text)) {
        let mut reading = reading(&selector, &all);
        reading.retain(|place| all.get(*place).is_some_and(of_kind));
        if reading.is_empty() {
            absent.push(format!("that reads {}", line(&selector.text(), SHOWN)));
        }
        mentioning.append(&mut reading);
    }
    let is_meant = |place: usize, read: &Read| {
        !part.chooses()
            || part.names.contains(&read.rule.name)
            || part.groups.contains(&read.rule.group)
            || matching.as_ref().is_some_and(|pattern| pattern.is_match(&read.rule.name))
            || mentioning.contains(&place)
    };
    let all = all.into_iter().enumerate().filter(|(place, read)| of_kind(read) && is_meant(*place, read));
    let mut meant: Vec<Read> = all.map(|(_, read)| read).collect();
    let cut = meant.len() > KEPT;
    meant.truncate(KEPT);
    Ok(Found { meant, absent, count, cut })
}

/// Places of the rules that read what is wanted, also by way of recording rules.
fn reading(wanted: &Selector, all: &[Read]) -> BTreeSet<usize> {
    let mut readers: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (place, read) in all.iter().enumerate() {
        for selector in &read.reads {
            readers.entry(&selector.name).or_default().insert(place);
        }
    }
    let direct = |read: &Read| read.reads.iter().any(|selector| selector.reads(wanted));
    let mut found: BTreeSet<usize> =
        all.iter().enumerate().filter(|(_, read)| direct(read)).map(|(place, _)| place).collect();
    let mut next: Vec<usize> = found.iter().copied().collect();
    while let Some(read) = next.pop().and_then(|place| all.get(place)) {
        let Some(places) = readers.get_mut(read.rule.name.as_str()).filter(|_| read.rule.kind == "record") else {
            continue;
        };
        // Each is found once, so that it is not asked again.
        places.retain(|place| {
            let fits = |selector: &Selector| selector.name == read.rule.name && selector.may_have(&read.sets);
            let reads = all.get(*place).is_some_and(|reader| reader.reads.iter().any(fits));
            if reads && found.insert(*place) {
                next.push(*place);
            }
            !reads
        });
    }
    found
}

/// Longer than labels: links and texts for people.
fn annotations(rule: &Value) -> BTreeMap<String, String> {
    let pairs = rule.get("annotations").and_then(Value::as_object).into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.clone(), line(value.as_str()?, EXPRESSION_BYTES)))).collect()
}
