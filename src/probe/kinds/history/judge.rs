//! What a memory is worth. Pure.

use super::stated::Stated;
use super::{Facts, History, Seen};
use crate::model::{Proof, Reason, Span, Timestamp, Verdict};

pub(super) fn judge(leg: &History, facts: &Facts) -> Verdict {
    let count = facts.remembered.len();
    let since = Timestamp::from_secs(facts.since_s);
    if count == 0 {
        let sentence = format!("expected {} to have seen something since {since}, saw no value", leg.of.leg);
        return Verdict::indeterminate(Reason::NoData, sentence);
    }
    let values = if count == 1 { "value".to_owned() } else { format!("{count} values") };
    let what = format!("the {values} that {} has seen since {since}", leg.of.leg);
    let Some(stated) = &leg.stated else {
        let proof = Proof::of("remembered", "at least 1", count.to_string());
        return Verdict::pass(proof, format!("expected to know what was seen, saw {what}"));
    };
    let grace = Span::from_secs(stated.grace_s);
    let expected = format!("expected {what} to be stated by {} within {grace} of the first look", stated.leg);
    if !facts.problem.is_empty() {
        return Verdict::indeterminate(Reason::NoData, format!("{expected}, but {}", facts.problem));
    }
    let mut missing = facts.remembered.iter().filter(|seen| !in_time(stated, seen));
    let Some(first) = missing.next() else {
        let proof = Proof::of("stated", "all of them in time", format!("{count} of {count}"));
        return Verdict::pass(proof, format!("{expected}, saw all of them"));
    };
    let when = Timestamp::from_secs(first.first_seen_s);
    let others = match missing.count() {
        0 => String::new(),
        1 => ", and so it is with one more".to_owned(),
        n => format!(", and so it is with {n} more"),
    };
    let seen = match (first.stated_at_s, first.ended_at_s) {
        (None, None) => format!("`{}`, first seen {when}, never was", first.value),
        (None, Some(end)) => {
            let end = Timestamp::from_secs(end);
            format!("`{}`, first seen {when}, was stated only until {end}", first.value)
        }
        (Some(at), _) => {
            let at = Timestamp::from_secs(at);
            format!("`{}`, first seen {when}, was stated only {at}", first.value)
        }
    };
    Verdict::fail(Reason::Assertion, format!("{expected}, saw that {seen}{others}"))
}

fn in_time(stated: &Stated, seen: &Seen) -> bool {
    let grace = i64::try_from(stated.grace_s).unwrap_or(i64::MAX);
    seen.stated_at_s.is_some_and(|at| at <= seen.first_seen_s.saturating_add(grace))
}
