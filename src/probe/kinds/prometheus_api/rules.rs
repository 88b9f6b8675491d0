//! Its rules, and which of them are meant.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use super::facts::{Facts, Rule};
use super::look::{age, list, text};
use super::selector::{Selector, selectors};
use super::targets::labels;
use super::{RuleKind, Rules};
use crate::probe::line::line;

const KEPT: usize = 1000;
const EXPRESSION_BYTES: usize = 2 << 10;
const ERROR_BYTES: usize = 200;
/// Recording rules that read recording rules.
const DEPTH: usize = 4;

pub(super) struct Found {
    pub(super) meant: Vec<(Rule, Vec<Selector>)>,
    count: u64,
    cut: bool,
}

impl Found {
    pub(super) fn into_facts(self, facts: &mut Facts) {
        facts.rule_count = self.count;
        facts.rules = self.meant.into_iter().map(|(rule, _)| rule).collect();
        if self.cut {
            facts.cut.push("rules".to_owned());
        }
    }
}

/// The rules that are meant, with what each of them selects.
pub(super) fn read(part: &Rules, data: &Value, now: f64) -> Result<Found, String> {
    let matching = part.matching.as_deref().map(Regex::new).transpose().map_err(|error| error.to_string())?;
    let wanted: Vec<Selector> = part.mentions.iter().flat_map(|text| selectors(text)).collect();
    let mut all = Vec::new();
    let mut recorded: BTreeMap<String, Vec<Selector>> = BTreeMap::new();
    for group in list(data, "groups")? {
        let interval_s = group.get("interval").and_then(Value::as_f64).ok_or("a group has no interval")?;
        for one in list(group, "rules")? {
            let expression = text(one, "query");
            let reads = selectors(&expression);
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
            if kind == "record" {
                recorded.entry(rule.name.clone()).or_default().extend(reads.clone());
            }
            all.push((rule, reads));
        }
    }
    let wanted_kind = match part.kind {
        None => None,
        Some(RuleKind::Alert) => Some("alert"),
        Some(RuleKind::Record) => Some("record"),
    };
    all.retain(|(rule, _)| wanted_kind.is_none_or(|kind| rule.kind == kind));
    let count = all.len() as u64;
    let is_meant = |rule: &Rule, reads: &[Selector]| {
        !part.chooses()
            || part.names.contains(&rule.name)
            || part.groups.contains(&rule.group)
            || matching.as_ref().is_some_and(|pattern| pattern.is_match(&rule.name))
            || mentions(reads, &wanted, &recorded, DEPTH)
    };
    all.retain(|(rule, reads)| is_meant(rule, reads));
    let cut = all.len() > KEPT;
    all.truncate(KEPT);
    Ok(Found { meant: all, count, cut })
}

fn mentions(reads: &[Selector], wanted: &[Selector], recorded: &BTreeMap<String, Vec<Selector>>, depth: usize) -> bool {
    reads.iter().any(|selector| {
        wanted.iter().any(|wanted| selector.reads(wanted))
            || depth > 0
                && recorded
                    .get(&selector.name)
                    .is_some_and(|more| mentions(more, wanted, recorded, depth.saturating_sub(1)))
    })
}

/// Longer than labels: links and texts for people.
fn annotations(rule: &Value) -> BTreeMap<String, String> {
    let pairs = rule.get("annotations").and_then(Value::as_object).into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.clone(), line(value.as_str()?, EXPRESSION_BYTES)))).collect()
}
