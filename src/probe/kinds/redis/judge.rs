//! What the answers mean.

use crate::model::{Proof, Reason, Verdict};
use crate::probe::net::spoken;

use super::{Facts, Login, Redis, sample};

pub(super) fn judge(leg: &Redis, facts: &Facts) -> Verdict {
    let verdict = if leg.refused_with.is_empty() { answered(leg, facts) } else { refused(leg, facts) };
    let verdict = verdict.measured("connect_seconds", facts.connect_s, None);
    let verdict = match facts.hit_ratio {
        Some(ratio) => verdict.measured("hit_ratio", ratio, None),
        None => verdict,
    };
    if leg.refused_with.is_empty() { verdict.measured("answer_seconds", facts.answer_s, None) } else { verdict }
}

fn answered(leg: &Redis, facts: &Facts) -> Verdict {
    if !facts.error_code.is_empty() {
        // `observe` reports this as an error; facts from elsewhere must not pass.
        let sentence = format!("the server refused with {}: {}", facts.error_code, facts.error);
        return Verdict::indeterminate(Reason::Query, sentence);
    }
    if facts.quorum == Some(false) {
        let sentence = format!("expected enough sentinels to replace the master, saw {}", facts.error);
        return Verdict::fail(Reason::Assertion, sentence);
    }
    if leg.min_lookups > 0 && facts.lookups.is_none_or(|lookups| lookups < f64::from(leg.min_lookups)) {
        let (least, window) = (leg.min_lookups, leg.window_s);
        let sentence = match (facts.lookups, facts.earlier_age_s) {
            (Some(seen), Some(age)) => format!("expected at least {least} lookups, saw {seen} in {age:.0} s"),
            _ => format!("expected an answer that is {window} s old to compare with, saw none so far"),
        };
        return Verdict::indeterminate(Reason::NoData, sentence);
    }
    if let Some(verdict) = sample::fault(leg, &facts.samples) {
        return verdict;
    }
    let names: Vec<&str> = leg.commands.iter().map(|command| command.name()).collect();
    let names = names.join(", ");
    let transport = if facts.tls { "encrypted" } else { "plain" };
    let took = spoken(std::time::Duration::try_from_secs_f64(facts.answer_s).unwrap_or_default());
    let proof = Proof::of("answer", format!("to {names}"), format!("answered, {transport}"));
    let proof = match facts.login {
        Login::Accepted => proof.and("login", "accepted", "accepted"),
        _ => proof,
    };
    let (proof, sampled) = sample::proof(proof, &facts.samples);
    Verdict::pass(proof, format!("expected an answer to {names}, saw it over {transport} transport in {took}{sampled}"))
}

fn refused(leg: &Redis, facts: &Facts) -> Verdict {
    let expected: Vec<&str> = leg.refused_with.iter().map(|refusal| refusal.as_str()).collect();
    let expected = expected.join(" or ");
    let what = leg.commands.first().map_or("the command", |command| command.name());
    let how = if leg.anonymous { " without a password" } else { "" };
    let Facts { error_code: code, error, .. } = facts;
    if code.is_empty() {
        let what = if facts.login == Login::Accepted && leg.refused_with == [super::Expected::Wrongpass] {
            "the login"
        } else {
            what
        };
        let sentence = format!("expected {what}{how} to be refused with {expected}, saw it accepted");
        return Verdict::fail(Reason::AuthAccepted, sentence);
    }
    if expected.split(" or ").any(|expected| expected == code) {
        let proof = Proof::of("refusal", format!("refused with {expected}"), format!("refused with {code}"));
        return Verdict::pass(proof, format!("expected {what}{how} to be refused with {expected}, saw {code} {error}"));
    }
    let sentence = format!("expected a refusal with {expected}, saw {code} {error}, which proves neither");
    Verdict::indeterminate(Reason::Query, sentence)
}
