//! What the facts mean. What is certainly wrong is told before what is unclear.

use super::checks::{Report, Seen};
use super::facts::Facts;
use super::object::text;
use super::{Kubernetes, Objects, access, collectors, dry_run};
use crate::model::{Outcome, Proof, Reason, Timestamp, Verdict};

/// What a part came to: a proof and what was seen in a few words, or what is not as expected.
type Found = Result<(Proof, String), Verdict>;

pub(super) fn judge(leg: &Kubernetes, facts: &Facts, now: Timestamp) -> Verdict {
    let mut all = vital(leg, facts);
    all.extend(leg.objects.as_ref().map(|objects| of_objects(objects, facts)));
    if !leg.access.is_empty() {
        let told = format!("{} rights as said", facts.access.len());
        all.push(access::judge(&facts.access).map(|proof| (proof, told)));
    }
    if let (Some(offered), Some(seen)) = (&leg.dry_run, &facts.dry_run) {
        let told = if seen.accepted { "a dry run accepted" } else { "a dry run refused" };
        all.push(dry_run::judge(offered, seen).map(|proof| (proof, told.to_owned())));
    }
    all.extend(leg.collectors.as_ref().map(|asked| collectors::judge(asked, facts)));
    for check in leg.checks() {
        let needs = check.needs(leg);
        let seen = Seen { leg, facts, now };
        let mut report = Report::default();
        let cut = needs.iter().find(|need| seen.is_cut(&need.resource));
        if let Some(need) = cut {
            let text = format!("more than {} {}, which are not read", leg.max_objects, need.resource.name());
            report.unclear(Reason::TooLarge, text);
        } else if let Some(need) = needs.iter().find(|need| !need.optional && !seen.is_installed(&need.resource)) {
            report.wrong(
                Reason::Missing,
                format!("a cluster without {} {}", need.resource.api_version, need.resource.plural),
            );
        } else {
            check.judge(&seen, &mut report);
        }
        all.push(report.found(&check.expects(leg)));
    }
    combined(all)
}

fn combined(all: Vec<Found>) -> Verdict {
    let (mut proof, mut told, mut unclear): (Option<Proof>, Vec<String>, Option<Verdict>) = (None, Vec::new(), None);
    for found in all {
        match found {
            Ok((part, saw)) => {
                proof = Some(match proof {
                    Some(proof) => proof.extend(part),
                    None => part,
                });
                told.push(saw);
            }
            Err(verdict) if verdict.outcome() == Outcome::Fail => return verdict,
            Err(verdict) => {
                unclear.get_or_insert(verdict);
            }
        }
    }
    match (unclear, proof) {
        (Some(verdict), _) => verdict,
        (None, Some(proof)) => {
            Verdict::pass(proof, format!("expected the cluster as described, saw {}", told.join("; ")))
        }
        (None, None) => Verdict::indeterminate(Reason::NoData, "expected something to look at, saw nothing"),
    }
}

fn vital(leg: &Kubernetes, facts: &Facts) -> Vec<Found> {
    let mut all = Vec::new();
    if let Some(ready) = facts.ready {
        let sentence = || format!("expected the API server ready, saw {}", facts.ready_says);
        let proof = || (Proof::of("ready", "ok", &facts.ready_says), "the API server ready".to_owned());
        all.push(if ready { Ok(proof()) } else { Err(Verdict::fail(Reason::Assertion, sentence())) });
    }
    if let (Some(least), Some(version)) = (leg.min_minor, &facts.version) {
        let enough = version.major > 1 || version.minor >= least;
        let (expected, saw) = (format!("1.{least} or later"), version.text.clone());
        let sentence = format!("expected Kubernetes {expected}, saw {saw}");
        let found = (Proof::of("version", expected, &saw), saw);
        all.push(if enough { Ok(found) } else { Err(Verdict::fail(Reason::Assertion, sentence)) });
    }
    if let (Some(expected), Some(saw)) = (&leg.identity, &facts.identity) {
        all.push(known_as(expected, saw));
        if let Some(least) = leg.min_token_s {
            all.extend(facts.token_left_s.map(|left| lasting(least, left)));
        }
    }
    all
}

fn known_as(expected: &str, saw: &str) -> Found {
    if expected == saw {
        return Ok((Proof::of("identity", expected, saw), format!("the exporter as {saw}")));
    }
    let sentence = format!("expected the server to know the exporter as {expected}, saw {saw}");
    Err(Verdict::fail(Reason::Assertion, sentence))
}

fn lasting(least: u32, left: f64) -> Found {
    let (expected, saw) = (format!("at least {least} s"), format!("{left:.0} s"));
    if left >= f64::from(least) {
        return Ok((Proof::of("token", expected, &saw), format!("a token with {saw} left")));
    }
    Err(Verdict::fail(Reason::TooOld, format!("expected a token that lasts {expected}, saw {saw}")))
}

fn of_objects(objects: &Objects, facts: &Facts) -> Found {
    let (resource, least, count) = (&objects.resource, objects.min, facts.count);
    let named = objects.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let what = format!("at least {least} {resource}{named}");
    if facts.installed == Some(false) && least > 0 {
        let sentence = format!("expected {what}, saw a cluster without {} {resource}", objects.api_version);
        return Err(Verdict::fail(Reason::Missing, sentence));
    }
    let empty: Vec<&str> =
        facts.by_namespace.iter().filter(|(_, count)| **count == 0).map(|(name, _)| &**name).collect();
    // One object by its name is in each of the namespaces.
    if objects.name.is_some() && least > 0 && !empty.is_empty() {
        return Err(Verdict::fail(
            Reason::Missing,
            format!("expected {resource}{named}, saw none in {}", empty.join(", ")),
        ));
    }
    if facts.cut {
        let sentence = format!("expected {what}, saw more than {count}, which are not read");
        return Err(Verdict::indeterminate(Reason::TooLarge, sentence));
    }
    if count < least {
        return Err(Verdict::fail(Reason::Missing, format!("expected {what}, saw {count}")));
    }
    if let Some(wanted) = &objects.uid {
        let other = facts.objects.iter().map(|one| text(one, &["metadata", "uid"])).find(|uid| uid != wanted);
        if let Some(uid) = other {
            let sentence = format!("expected {resource}{named} with the uid {wanted}, saw {uid}: it is another one");
            return Err(Verdict::fail(Reason::Assertion, sentence));
        }
    }
    Ok((Proof::of(resource, what, count.to_string()), format!("{count} {resource}{named}")))
}
