//! What the facts mean. What is certainly wrong is told before what is unclear.

use super::facts::{Alert, Canary, Facts, Reached, Receiver};
use super::matcher::Labels;
use super::{Acknowledged, Alertmanager, Route, Synthetic};
use crate::model::{Outcome, Proof, Reason, Verdict};

/// Names a sentence lists.
const NAMED: usize = 3;

pub(super) fn judge(leg: &Alertmanager, facts: &Facts) -> Verdict {
    let mut proof = Proof::of("version", "an Alertmanager", facts.version.clone());
    let mut seen = Vec::new();
    let mut unclear = None;
    for verdict in all(leg, facts) {
        match verdict {
            Ok((name, expected, saw)) => {
                proof = proof.and(name, expected.clone(), saw.clone());
                seen.push(format!("expected {expected}, saw {saw}"));
            }
            Err(verdict) if verdict.outcome() == Outcome::Fail => return verdict,
            Err(verdict) => {
                unclear.get_or_insert(verdict);
            }
        }
    }
    if let Some(verdict) = unclear {
        return verdict;
    }
    let sentence = if seen.is_empty() {
        format!("expected an answer of Alertmanager, saw version {}", facts.version)
    } else {
        seen.join("; ")
    };
    Verdict::pass(proof, sentence)
}

/// (name, expected, seen), or what is not as expected.
type Found = Result<(&'static str, String, String), Verdict>;

fn all(leg: &Alertmanager, facts: &Facts) -> Vec<Found> {
    let mut all = Vec::new();
    if let (Some(why), false) = (&facts.unreadable, leg.routes.is_empty()) {
        let sentence = format!("expected the configuration of Alertmanager, saw one that cannot be read: {why}");
        all.push(Err(Verdict::indeterminate(Reason::Invalid, sentence)));
    }
    let ways = leg.routes.iter().zip(&facts.routes);
    all.extend(ways.map(|(route, way)| routed(route, &way.reached)));
    all.extend(leg.firing.iter().map(|labels| fires(labels, facts)));
    all.extend(leg.unmuted.iter().enumerate().map(|(place, labels)| unmuted(place, labels, facts)));
    all.extend(leg.acknowledged.iter().map(|wanted| acknowledged(wanted, facts)));
    all.extend(leg.canary.iter().zip(&facts.canary).map(|(canary, seen)| delivered(canary, seen, facts)));
    all
}

fn routed(route: &Route, reached: &[Reached]) -> Found {
    let whom = if route.receivers.is_empty() { "a receiver".to_owned() } else { route.receivers.join(" or ") };
    let by = if route.integrations.is_empty() { "any integration".into() } else { route.integrations.join(" or ") };
    let expected = format!("an alert with {} to reach {whom} by {by}", shown(&route.labels));
    let saw: Vec<String> = reached.iter().map(told).collect();
    let saw = saw.join(", ");
    let fits = |reached: &&Reached| {
        let named = route.receivers.is_empty() || route.receivers.contains(&reached.receiver);
        let any = route.integrations.is_empty() && !reached.integrations.is_empty();
        named && (any || reached.integrations.iter().any(|name| route.integrations.contains(name)))
    };
    let fitting: Vec<&Reached> = reached.iter().filter(fits).collect();
    if fitting.is_empty() {
        return Err(Verdict::fail(Reason::Assertion, format!("expected {expected}, saw it go to {saw}")));
    }
    if let Some(always) = fitting.iter().find(|reached| reached.intervals.is_empty()) {
        return Ok(("route", expected, told(always)));
    }
    let sentence = format!("expected {expected}, saw it go to {saw}, which the times of day decide");
    Err(Verdict::indeterminate(Reason::Assertion, sentence))
}

fn told(reached: &Reached) -> String {
    let by = if reached.integrations.is_empty() { "no integration".into() } else { reached.integrations.join(", ") };
    format!("{} ({by})", reached.receiver)
}

fn fires(labels: &Labels, facts: &Facts) -> Found {
    let expected = format!("an active alert with {}", shown(labels));
    let found: Vec<&Alert> = facts.alerts.iter().filter(|alert| has(alert, labels)).collect();
    if let Some(active) = found.iter().find(|alert| alert.state == "active") {
        return Ok(("firing", expected, format!("one that is {:.0} s old", active.age_s)));
    }
    if let Some(other) = found.first() {
        let sentence = format!("expected {expected}, saw it {}{}", other.state, why(other));
        return Err(Verdict::fail(Reason::Assertion, sentence));
    }
    let count = facts.alert_count;
    if facts.are_alerts_cut() {
        return Err(too_many(&expected, facts));
    }
    Err(Verdict::fail(Reason::Missing, format!("expected {expected}, saw none among {count} alerts")))
}

fn unmuted(place: usize, labels: &Labels, facts: &Facts) -> Found {
    let expected = format!("no silence of alerts with {}", shown(labels));
    if let Some(silence) = facts.silences.iter().find(|silence| silence.mutes.contains(&place)) {
        let matchers = silence.matchers.join(", ");
        let sentence = format!(
            "expected {expected}, saw silence {} on {{{matchers}}} for another {:.0} s",
            silence.id, silence.left_s
        );
        return Err(Verdict::fail(Reason::Assertion, sentence));
    }
    if let Some(muted) = facts.alerts.iter().find(|alert| has(alert, labels) && alert.silenced) {
        let sentence = format!("expected {expected}, saw the alert {} silenced", name(muted));
        return Err(Verdict::fail(Reason::Assertion, sentence));
    }
    if let Some(silence) = facts.silences.iter().find(|silence| silence.may_mute.contains(&place)) {
        let matchers = silence.matchers.join(", ");
        let sentence =
            format!("expected {expected}, saw silence {} on {{{matchers}}}, which may mute some", silence.id);
        return Err(Verdict::indeterminate(Reason::Assertion, sentence));
    }
    if let Some(silence) = facts.silences.iter().find(|silence| silence.unreadable.is_some()) {
        let why = silence.unreadable.clone().unwrap_or_default();
        let sentence = format!("expected {expected}, saw silence {} that cannot be read: {why}", silence.id);
        return Err(Verdict::indeterminate(Reason::Invalid, sentence));
    }
    if facts.are_alerts_cut() {
        return Err(too_many(&expected, facts));
    }
    Ok(("unmuted", expected, format!("none among {} active silences", facts.silences.len())))
}

fn acknowledged(wanted: &Acknowledged, facts: &Facts) -> Found {
    let Acknowledged { labels, annotation, within_s } = wanted;
    let expected =
        format!("alerts with {} to be taken up (annotation {annotation}) within {within_s} s", shown(labels));
    let open = |alert: &&Alert| {
        let taken_up = alert.annotations.contains(annotation);
        has(alert, labels) && alert.state == "active" && !taken_up && alert.age_s > f64::from(*within_s)
    };
    let open: Vec<String> = facts.alerts.iter().filter(open).map(name).collect();
    if !open.is_empty() {
        let (count, first) = (open.len(), open.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "));
        return Err(Verdict::fail(
            Reason::Assertion,
            format!("expected {expected}, saw {count} that are not: {first}"),
        ));
    }
    if facts.are_alerts_cut() {
        return Err(too_many(&expected, facts));
    }
    Ok(("acknowledged", expected, "none that is not".to_owned()))
}

fn delivered(canary: &Synthetic, seen: &Canary, facts: &Facts) -> Found {
    let by = canary.integrations.join(" or ");
    let expected = format!("a synthetic alert to be delivered by {by}");
    let Canary { waited_s, failed, .. } = seen;
    let left = if seen.resolved { "" } else { "; it could not be ended and ends by itself" };
    let goes_there = |receiver: &Receiver| {
        seen.receivers.contains(&receiver.name)
            && receiver.integrations.iter().any(|name| canary.integrations.contains(name))
    };
    // What is counted then is of another alert.
    if !seen.receivers.is_empty() && facts.unreadable.is_none() && !facts.receivers.iter().any(goes_there) {
        let to = seen.receivers.join(", ");
        return Err(Verdict::fail(Reason::Assertion, format!("expected {expected}, saw it go to {to}{left}")));
    }
    if let Some((name, count)) = seen.delivered.iter().next().filter(|_| !seen.state.is_empty()) {
        if !seen.resolved {
            let sentence = format!("expected {expected} and ended, saw it delivered by {name}{left}");
            return Err(Verdict::indeterminate(Reason::Other, sentence));
        }
        return Ok(("delivered", expected, format!("{count} delivered by {name} after {waited_s:.1} s, then ended")));
    }
    if let Some(problem) = &seen.problem {
        let sentence = format!("expected {expected}, but {problem}{left}");
        return Err(Verdict::indeterminate(Reason::Other, sentence));
    }
    let sentence = match seen.state.as_str() {
        "" => format!("expected {expected}, saw it accepted but never listed in {waited_s:.1} s{left}"),
        "suppressed" => format!("expected {expected}, saw it suppressed{left}"),
        _ if *failed > 0 => format!("expected {expected}, saw {failed} notifications fail in {waited_s:.1} s{left}"),
        // A route may group for longer than the wait.
        state => {
            let to = seen.receivers.join(", ");
            let sentence =
                format!("expected {expected}, saw it {state} for {to} and not sent in {waited_s:.1} s{left}");
            return Err(Verdict::indeterminate(Reason::Timeout, sentence));
        }
    };
    Err(Verdict::fail(Reason::Assertion, sentence))
}

fn too_many(expected: &str, facts: &Facts) -> Verdict {
    let (kept, count) = (facts.alerts.len(), facts.alert_count);
    Verdict::indeterminate(Reason::TooLarge, format!("expected {expected}, saw {kept} of {count} alerts only"))
}

fn has(alert: &Alert, labels: &Labels) -> bool {
    labels.iter().all(|(name, value)| alert.labels.get(name) == Some(value))
}

fn name(alert: &Alert) -> String {
    alert.labels.get("alertname").cloned().unwrap_or_else(|| shown(&alert.labels))
}

fn why(alert: &Alert) -> &'static str {
    match (alert.silenced, alert.inhibited) {
        (true, _) => " by a silence",
        (false, true) => " by another alert",
        (false, false) => "",
    }
}

fn shown(labels: &Labels) -> String {
    labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect::<Vec<_>>().join(",")
}
