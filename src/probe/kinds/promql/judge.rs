//! What the answers mean: whatever keeps them from being whole goes before what they say.

use super::facts::Facts;
use super::look::SHOWN;
use super::{NoData, Promql};
use crate::model::{Proof, Reason, Verdict};
use crate::probe::line::line;

pub(super) fn judge(leg: &Promql, facts: &Facts) -> Verdict {
    let asked = asked(leg);
    if let Some(warning) = facts.warnings.first() {
        let sentence = format!("expected a whole answer to {asked}, saw one that may be a part: {warning}");
        return Verdict::indeterminate(Reason::Query, sentence);
    }
    if let Some(guard) = &facts.unguarded {
        let sentence =
            format!("expected data of the guard `{guard}`, saw none, so that nothing can be said of {asked}");
        return Verdict::indeterminate(Reason::NoData, sentence);
    }
    if let Some(empty) = facts.empty.first() {
        let more = match facts.empty.len() {
            1 => String::new(),
            n => format!(", nor of {} more", n.saturating_sub(1)),
        };
        let sentence = format!("expected data of `{empty}`, saw none{more}");
        return match leg.no_data {
            NoData::Unknown => Verdict::indeterminate(Reason::NoData, sentence),
            NoData::Fail => Verdict::fail(Reason::Missing, sentence),
        };
    }
    if let Some(spoiled) = facts.spoiled.first() {
        let sentence = format!("expected finite numbers of {asked}, saw {spoiled}");
        return Verdict::indeterminate(Reason::NoData, sentence);
    }
    if let Some(fewest) = facts.fewest_points.filter(|fewest| *fewest < u64::from(leg.min_points)) {
        let sentence = format!("expected at least {} points in each series of {asked}, saw {fewest}", leg.min_points);
        return Verdict::indeterminate(Reason::NoData, sentence);
    }
    let seen = seen(facts);
    Verdict::pass(Proof::of("data", "some", &seen), format!("expected data of {asked}, saw {seen}"))
}

fn asked(leg: &Promql) -> String {
    match (&leg.query, leg.queries.len()) {
        (Some(query), 0) => format!("`{}`", line(query, SHOWN)),
        (None, 1) => leg.queries.values().next().map(|query| format!("`{}`", line(query, SHOWN))).unwrap_or_default(),
        (Some(_), more) => format!("{} queries", more.saturating_add(1)),
        (None, count) => format!("{count} queries"),
    }
}

fn seen(facts: &Facts) -> String {
    let absent = facts.absent || facts.named.values().any(|found| found.absent);
    let named: u64 = facts.named.values().map(|found| found.series_count).sum();
    match (facts.value, facts.min, facts.max, named) {
        (Some(_), _, _, 0) if absent => "none, which counts as said".to_owned(),
        (Some(value), _, _, 0) => format!("{value}"),
        (None, Some(min), Some(max), 0) => format!("{} series from {min} to {max}", facts.series_count),
        _ => {
            let numbers =
                facts.named.iter().take(4).filter_map(|(name, found)| Some(format!("{name} {}", found.value?)));
            let own = facts.value.map(|value| format!("{value}"));
            let all: Vec<String> = own.into_iter().chain(numbers).collect();
            if all.is_empty() { format!("{} series", facts.series_count.saturating_add(named)) } else { all.join(", ") }
        }
    }
}
