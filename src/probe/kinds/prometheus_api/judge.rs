//! What the parts mean: what is certain to fail decides first, then what is unclear.

use super::facts::{Facts, Rule, Target};
use super::{PrometheusApi, Rules, Targets, committed, personal};
use crate::model::{Outcome, Proof, Reason, Verdict};

pub(super) fn judge(leg: &PrometheusApi, facts: &Facts) -> Verdict {
    if let Some(warning) = facts.warnings.first() {
        let sentence = format!("expected whole answers of {}, saw one that may be a part: {warning}", facts.server);
        return Verdict::indeterminate(Reason::Query, sentence);
    }
    let mut verdicts = Vec::new();
    if let Some(status) = facts.ready_status.filter(|_| leg.ready) {
        verdicts.push(ready(facts, status));
    }
    verdicts.extend(leg.targets.as_ref().map(|part| targets(part, facts)));
    verdicts.extend(leg.rules.as_ref().map(|part| rules(part, facts)));
    verdicts.extend(facts.committed.iter().map(|found| committed::judge(found, facts)));
    verdicts.extend(leg.personal.as_ref().map(|_| personal::judge(facts)));
    verdicts.extend(others(leg, facts));
    for outcome in [Outcome::Fail, Outcome::Indeterminate] {
        if let Some(place) = verdicts.iter().position(|verdict| verdict.outcome() == outcome) {
            return verdicts.swap_remove(place);
        }
    }
    let mut proof: Option<Proof> = None;
    for verdict in &verdicts {
        let own = Proof::from_assertions(verdict.proof().clone());
        proof = match (proof, own) {
            (Some(proof), Some(own)) => Some(proof.extend(own)),
            (one, other) => one.or(other),
        };
    }
    let sentences: Vec<&str> = verdicts.iter().map(Verdict::sentence).collect();
    match proof {
        Some(proof) => Verdict::pass(proof, sentences.join("; ")),
        None => Verdict::indeterminate(Reason::NoData, "expected an answer of Prometheus, but nothing was asked"),
    }
}

fn ready(facts: &Facts, status: u16) -> Verdict {
    let sentence = format!("expected {} to be ready, saw status {status}", facts.server);
    match status {
        200 => Verdict::pass(Proof::of("ready", "200", status.to_string()), sentence),
        401 | 403 => Verdict::indeterminate(Reason::PermissionDenied, sentence),
        503 => Verdict::fail(Reason::Status, sentence),
        500.. => Verdict::fail(Reason::Status, sentence),
        _ => Verdict::indeterminate(Reason::Protocol, format!("{sentence}, which is not that of Prometheus")),
    }
}

fn targets(part: &Targets, facts: &Facts) -> Verdict {
    let count = facts.target_count;
    let of = if part.only.is_empty() { String::new() } else { format!(" of {}", part.only.join(" and ")) };
    let expected = format!("expected all targets{of} to be up and scraped within {} intervals", part.max_intervals);
    let missing: Vec<&str> =
        part.jobs.iter().chain(&part.only).filter(|job| !facts.jobs.contains(job)).map(String::as_str).collect();
    if !missing.is_empty() {
        let sentence = format!("expected a target of each job, saw none of {}", missing.join(", "));
        return Verdict::fail(Reason::Missing, sentence);
    }
    let late = |target: &Target| match (target.age_s, target.interval_s) {
        (Some(age), Some(interval)) => Some(age > interval * part.max_intervals),
        _ => None,
    };
    if let Some(down) = facts.targets.iter().find(|target| target.health == "down") {
        let sentence =
            format!("{expected}, saw {} of {count} up, and {} down: {}", facts.up_count, down.called(), down.error);
        return Verdict::fail(Reason::Assertion, sentence);
    }
    if let Some(target) = facts.targets.iter().find(|target| late(target) == Some(true)) {
        let age = target.age_s.unwrap_or_default();
        let sentence = format!("{expected}, saw {} scraped {age:.0} s ago", target.called());
        return Verdict::fail(Reason::TooOld, sentence);
    }
    if let Some(target) = facts.targets.iter().find(|target| target.health != "up") {
        let sentence = format!("{expected}, saw {} not scraped yet", target.called());
        return Verdict::indeterminate(Reason::NoData, sentence);
    }
    if let Some(target) = facts.targets.iter().find(|target| late(target).is_none()) {
        let sentence = format!("{expected}, but when {} was or is to be scraped is not known", target.called());
        return Verdict::indeterminate(Reason::NoData, sentence);
    }
    if count == 0 {
        return Verdict::fail(Reason::Missing, format!("{expected}, saw no target at all"));
    }
    if facts.cut.iter().any(|cut| cut == "targets") {
        return Verdict::indeterminate(Reason::TooLarge, format!("{expected}, saw {count} targets, too many to keep"));
    }
    let proof = Proof::of("targets", format!("{count} up"), format!("{} up", facts.up_count));
    Verdict::pass(proof, format!("{expected}, saw {count} of {count}"))
}

/// What is to be said of one rule.
enum Said {
    Good,
    Bad(Reason, String),
    Unclear(String),
}

fn rules(part: &Rules, facts: &Facts) -> Verdict {
    let expected = if part.every { "expected every rule that is meant to be" } else { "expected a rule" };
    let expected = format!("{expected} loaded, evaluated{}", if part.alive { " and able to fire" } else { "" });
    let count = facts.rules.len();
    if count == 0 {
        let sentence = format!("{expected}, saw none that is meant among {} rules", facts.rule_count);
        return Verdict::fail(Reason::Missing, sentence);
    }
    let cut = facts.cut.iter().any(|cut| cut == "rules");
    let absent = part.groups.iter().find(|group| facts.rules.iter().all(|rule| rule.group != **group));
    if let Some(group) = absent.filter(|_| !cut) {
        return Verdict::fail(Reason::Missing, format!("{expected}, saw no rule of the group {group}"));
    }
    if part.every && !facts.rules_absent.is_empty() {
        let sentence = format!("{expected}, saw none {}", facts.rules_absent.join(" or "));
        return Verdict::fail(Reason::Missing, sentence);
    }
    let said: Vec<(&Rule, Said)> = facts.rules.iter().map(|rule| (rule, one_rule(part, rule))).collect();
    let good = said.iter().filter(|(_, said)| matches!(said, Said::Good)).count();
    let bad = said.iter().find_map(|(rule, said)| match said {
        Said::Bad(reason, why) => Some((rule, *reason, why)),
        _ => None,
    });
    let unclear = said.iter().find_map(|(rule, said)| match said {
        Said::Unclear(why) => Some((rule, why)),
        _ => None,
    });
    let enough = if part.every { good == count } else { good > 0 };
    if enough && cut && (part.every || absent.is_some()) {
        return Verdict::indeterminate(Reason::TooLarge, format!("{expected}, saw more rules than are kept"));
    }
    let first = said.iter().find(|(_, said)| matches!(said, Said::Good)).map(|(rule, _)| rule.name.as_str());
    match (enough, bad, unclear) {
        (true, ..) => {
            let seen = format!("{good} of {count}, such as {}", first.unwrap_or_default());
            Verdict::pass(Proof::of("rules", "in order", &seen), format!("{expected}, saw {seen}"))
        }
        // One that may yet be in order keeps the others from deciding, unless all must be.
        (false, Some((rule, reason, why)), unclear) if part.every || unclear.is_none() => {
            Verdict::fail(reason, format!("{expected}, saw that {} {why}", rule.name))
        }
        (false, _, Some((rule, why))) => {
            Verdict::indeterminate(Reason::NoData, format!("{expected}, but of {} it is not known: {why}", rule.name))
        }
        (false, ..) => Verdict::indeterminate(Reason::NoData, format!("{expected}, saw none")),
    }
}

fn one_rule(part: &Rules, rule: &Rule) -> Said {
    let late = rule.age_s.map(|age| (age, age > rule.interval_s * part.max_intervals));
    match (rule.health.as_str(), late, rule.alive) {
        ("err", ..) => Said::Bad(Reason::Assertion, format!("has an error: {}", rule.error)),
        (_, Some((age, true)), _) => Said::Bad(Reason::TooOld, format!("was evaluated {age:.0} s ago")),
        (_, _, Some(false)) if part.alive => {
            Said::Bad(Reason::Assertion, format!("can never fire: {}", rule.alive_why))
        }
        ("ok", Some(_), alive) if alive == Some(true) || !part.alive => Said::Good,
        ("ok", Some(_), _) => Said::Unclear(rule.alive_why.clone()),
        _ => Said::Unclear("it was not evaluated yet".to_owned()),
    }
}

fn others(leg: &PrometheusApi, facts: &Facts) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    if leg.alertmanagers {
        let count = facts.alertmanagers.len();
        let sentence = format!("expected an Alertmanager that {} sends to, saw {count}", facts.server);
        verdicts.push(needs(count > 0, "alertmanagers", "some", &count.to_string(), Reason::Missing, sentence));
    }
    if let Some(status) = facts.status.as_ref().filter(|_| leg.status) {
        let seen = if status.config_loaded { "a success" } else { "a failure" };
        let sentence = format!("expected the last load of the configuration to be a success, saw {seen}");
        verdicts.push(needs(status.config_loaded, "configuration", "loaded", seen, Reason::Invalid, sentence));
    }
    for (asked, part, have) in [
        (&leg.flags, "flags", leg.flags.iter().find(|name| !facts.flags.contains_key(*name))),
        (&leg.metadata, "metadata", leg.metadata.iter().find(|name| !facts.metadata.contains_key(*name))),
    ] {
        if !asked.is_empty() {
            let seen = have.map_or("all".to_owned(), |name| format!("none of {name}"));
            let sentence = format!("expected {part} of {}, saw {seen}", asked.join(", "));
            verdicts.push(needs(have.is_none(), part, "all", &seen, Reason::Missing, sentence));
        }
    }
    for (asked, part, count) in [
        (!leg.label_names.is_empty(), "names of labels", facts.label_names.len()),
        (leg.label_values.is_some(), "values of the label", facts.label_values.len()),
    ] {
        if asked {
            let sentence = format!("expected {part}, saw {count}");
            // Whether there should be some is for a condition to say.
            verdicts.push(Verdict::pass(Proof::of(part, "an answer", count.to_string()), sentence));
        }
    }
    if let Some(count) = facts.federated_samples {
        let sentence = format!("expected samples of {} for federation, saw {count}", leg.federate.join(", "));
        verdicts.push(needs(count > 0, "federation", "samples", &count.to_string(), Reason::Missing, sentence));
    }
    if let Some(tsdb) = &facts.tsdb {
        let sentence = format!("expected an answer about the storage, saw {} series", tsdb.series);
        verdicts.push(Verdict::pass(Proof::of("storage", "an answer", tsdb.series.to_string()), sentence));
    }
    verdicts
}

fn needs(holds: bool, name: &str, expected: &str, seen: &str, reason: Reason, sentence: String) -> Verdict {
    if holds { Verdict::pass(Proof::of(name, expected, seen), sentence) } else { Verdict::fail(reason, sentence) }
}
