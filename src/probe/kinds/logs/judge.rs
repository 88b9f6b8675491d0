//! What the numbers mean. What is certainly wrong is told before what is unclear.

use super::Logs;
use super::facts::{Facts, Sample};
use super::sample::{Level, OTHER};
use crate::model::{Outcome, Proof, Reason, Verdict};

pub(super) fn judge(leg: &Logs, facts: &Facts) -> Verdict {
    let mut proof = Proof::of("sources", "at least one", facts.sources.len().to_string());
    let mut unclear = None;
    let mut lines = 0;
    for sample in &facts.sources {
        match one(leg, sample) {
            Some(verdict) if verdict.outcome() == Outcome::Fail => return verdict,
            Some(verdict) => drop(unclear.get_or_insert(verdict)),
            None => {
                lines += sample.lines;
                proof = proof.and("lines", "of the form asked for", format!("{} of {}", sample.lines, sample.name));
            }
        }
    }
    let count = facts.sources.len();
    unclear.unwrap_or_else(|| {
        Verdict::pass(proof, format!("expected lines of the form asked for, saw {lines} lines of {count} sources"))
    })
}

/// What is wrong with one source, or cannot be told; `None` if it is as it must be.
fn one(leg: &Logs, sample: &Sample) -> Option<Verdict> {
    let (name, lines) = (&sample.name, sample.lines);
    if let Some(hit) = sample.forbidden.first() {
        let sentence = format!(
            "expected no line of {name} that matches forbidden pattern {}, saw {} of {lines}; the newest is line {} from the end",
            hit.pattern + 1,
            hit.count,
            hit.from_end
        );
        return Some(Verdict::fail(Reason::Assertion, sentence));
    }
    if let Some(most) = leg.max_line_bytes.filter(|&most| sample.longest_bytes > most) {
        let sentence =
            format!("expected lines of {name} of at most {most} bytes, saw one of {} bytes", sample.longest_bytes);
        return Some(Verdict::fail(Reason::Assertion, sentence));
    }
    if lines == 0 {
        let window = leg.since_s.map_or_else(String::new, |since| format!(" of the last {since} s"));
        return Some(Verdict::indeterminate(Reason::NoData, format!("expected lines of {name}{window}, saw none")));
    }
    let allowed = |level: &str| leg.levels.is_empty() || leg.levels.iter().any(|allowed| allowed.as_str() == level);
    if let Some((level, count)) = sample.levels.iter().find(|(level, _)| *level != OTHER && !allowed(level)) {
        let names: Vec<&str> = leg.levels.iter().copied().map(Level::as_str).collect();
        let sentence =
            format!("expected lines of {name} at {} only, saw {count} of {lines} at {level}", names.join(", "));
        return Some(Verdict::fail(Reason::Assertion, sentence));
    }
    if let Some(most_s) = leg.max_age_s
        && let Some(age) = sample.newest_age_s.filter(|&age| age > f64::from(most_s))
    {
        let sentence = format!("expected a line of {name} not older than {most_s} s, saw the newest {age:.0} s old");
        return Some(Verdict::fail(Reason::TooOld, sentence));
    }
    // Shares of a part of the time say nothing about the whole.
    if sample.cut {
        let sentence = format!("{name} has more lines in the time asked for than the {} that are read", leg.lines);
        return Some(Verdict::indeterminate(Reason::TooLarge, sentence));
    }
    if let Some(least) = leg.min_ratio.filter(|&least| sample.ratio.is_none_or(|ratio| ratio < least)) {
        let lacking: Vec<String> = sample.lacking.iter().map(|(key, count)| format!("{count} lack {key}")).collect();
        let lacking = if lacking.is_empty() { String::new() } else { format!("; {}", lacking.join(", ")) };
        let sentence = format!(
            "expected a share of {least} of the lines of {name} to be structured, saw {} of {lines}, {} in JSON{lacking}",
            sample.structured, sample.json
        );
        return Some(Verdict::fail(Reason::Assertion, sentence));
    }
    if let Some(most) = leg.max_error_ratio
        && let Some(ratio) = sample.error_ratio.filter(|&ratio| ratio > most)
    {
        let sentence = format!("expected a share of errors of {name} of at most {most}, saw {ratio:.3}");
        return Some(Verdict::fail(Reason::Assertion, sentence));
    }
    if leg.max_age_s.is_some() && sample.newest_age_s.is_none() {
        let sentence = format!("expected a new line of {name}, and no line tells its time");
        return Some(Verdict::indeterminate(Reason::NoData, sentence));
    }
    let needs_levels = !leg.levels.is_empty() || leg.max_error_ratio.is_some();
    if needs_levels && (sample.error_ratio.is_none() || sample.levels.contains_key(OTHER)) {
        let sentence = format!("expected lines of {name} with a known `{}`, saw lines without", leg.level_key);
        return Some(Verdict::indeterminate(Reason::NoData, sentence));
    }
    None
}
