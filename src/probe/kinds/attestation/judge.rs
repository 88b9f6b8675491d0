//! What attestations are worth. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::{Proof, Reason, Timestamp, Verdict};

use super::{Attestation, Attested, Facts, Record, Standing};

/// A statement dated further ahead than this is a mistake, not a clock that differs.
const SKEW_S: i64 = 300;
const DAY_S: i64 = 86_400;

/// What can be said without looking at evidence or signature.
pub(super) fn on_paper(leg: &Attestation, record: &Record, now: Timestamp) -> Attested {
    let now_s = now.0.div_euclid(1000);
    let expires_s = expires_s(leg, record);
    let (standing, problem) = if let Some(problem) = unsuitable(leg, record, now_s) {
        (Standing::Unsuitable, problem)
    } else if expires_s <= if leg.past { record.attested_at_s } else { now_s } {
        (Standing::Expired, format!("expired {}", Timestamp::from_secs(expires_s)))
    } else {
        (Standing::Valid, String::new())
    };
    Attested {
        id: record.id.clone(),
        attester: record.attester.clone(),
        role: record.role.clone(),
        attested_at_s: record.attested_at_s,
        expires_s,
        evidence: record.evidence.clone(),
        evidence_sha256: record.evidence_sha256.trim().to_lowercase(),
        fields: record.fields.clone(),
        problem,
        standing,
        ..Attested::default()
    }
}

fn unsuitable(leg: &Attestation, record: &Record, now_s: i64) -> Option<String> {
    if record.attester.trim().is_empty() {
        return Some("names no attester".to_owned());
    }
    if leg.not_by.iter().any(|person| same_person(person, &record.attester)) {
        return Some(format!("{} must not attest this", record.attester));
    }
    if let Some(role) = &leg.role
        && !role.eq_ignore_ascii_case(record.role.trim())
    {
        return Some(format!("the role is `{}`, needed is `{role}`", record.role));
    }
    if let Some(statement) = &leg.statement
        && folded(statement) != folded(&record.statement)
    {
        return Some("attests another statement".to_owned());
    }
    for (name, expected) in &leg.fields {
        match record.fields.get(name) {
            None => return Some(format!("does not say `{name}`")),
            Some(seen) if !same_claim(expected, seen) => {
                return Some(format!("says `{name}` is {}, needed is {}", word(seen), word(expected)));
            }
            Some(_) => {}
        }
    }
    if record.attested_at_s > now_s.saturating_add(SKEW_S) {
        return Some("is dated in the future".to_owned());
    }
    None
}

/// When it ends to count, by what it says and by what the leg allows.
fn expires_s(leg: &Attestation, record: &Record) -> i64 {
    let longest = leg.max_days.map(|days| record.attested_at_s.saturating_add(i64::from(days) * DAY_S));
    longest.map_or(record.expires_s, |longest| longest.min(record.expires_s))
}

/// Equal but for the type of single values and the order of lists: a version may read like a number.
fn same_claim(one: &Value, other: &Value) -> bool {
    let words = |value: &Value| -> Vec<String> {
        let mut words: Vec<String> = match value {
            Value::Array(values) => values.iter().map(word).collect(),
            single => vec![word(single)],
        };
        words.sort_unstable();
        words
    };
    one.is_array() == other.is_array() && words(one) == words(other)
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned())
}

fn folded(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ").trim_end_matches('.').to_owned()
}

fn person(name: &str) -> String {
    name.trim().to_lowercase()
}

fn same_person(one: &str, other: &str) -> bool {
    person(one) == person(other)
}

pub(super) fn judge(leg: &Attestation, facts: &Facts, now: Timestamp) -> Verdict {
    let now_s = now.0.div_euclid(1000);
    let need = leg.min_attesters.max(1);
    if leg.only_look {
        return only_look(facts);
    }
    // Of each person the statement that lasts longest. An expiry since the look counts as well.
    let mut lasting: BTreeMap<String, i64> = BTreeMap::new();
    for attested in facts.attestations.iter().filter(|attested| attested.standing == Standing::Valid) {
        if attested.expires_s > now_s {
            let until = lasting.entry(person(&attested.attester)).or_insert(attested.expires_s);
            *until = (*until).max(attested.expires_s);
        }
    }
    let mut until: Vec<i64> = lasting.values().copied().collect();
    until.sort_unstable_by(|one, other| other.cmp(one));
    // It holds as long as the last of those who are needed.
    if let Some(until) = until.get(need - 1) {
        let until = Timestamp::from_secs(*until);
        let have = lasting.len();
        let proof = Proof::of("attesters", format!("at least {need}"), have.to_string());
        return Verdict::pass(proof, format!("{have} of {need} needed people attest it, until {until}"))
            .valid_until(until);
    }
    too_few(facts, lasting.len(), need, now_s)
}

/// Statements that do not hold prove nothing to whoever looks at those that do; one of which that is not known may
/// be one of them.
fn only_look(facts: &Facts) -> Verdict {
    let expected = "expected to know which attestations hold";
    match facts.attestations.iter().find(|attested| attested.standing == Standing::Unchecked) {
        Some(attested) => {
            let sentence = format!("{expected}, and {} by {}: {}", attested.id, attested.attester, attested.problem);
            Verdict::indeterminate(Reason::AttestationInvalid, sentence)
        }
        None => {
            let (valid, all) = (facts.valid_count, facts.attestations.len());
            let seen = format!("{valid} of {all}");
            Verdict::pass(Proof::of("attestations", expected, &seen), format!("{expected}, saw that {seen} do"))
        }
    }
}

fn too_few(facts: &Facts, have: usize, need: usize, now_s: i64) -> Verdict {
    let counted = format!("{have} of {need} needed people attest it");
    let first = |standing: Standing| facts.attestations.iter().find(|attested| attested.standing == standing);
    let say =
        |attested: &Attested| format!("{counted}; {} by {}: {}", attested.id, attested.attester, attested.problem);
    if let Some(attested) = first(Standing::Invalid) {
        return Verdict::fail(Reason::AttestationInvalid, say(attested));
    }
    if let Some(attested) = first(Standing::Unchecked) {
        return Verdict::indeterminate(Reason::AttestationInvalid, say(attested));
    }
    let lapsed = |attested: &&Attested| attested.standing == Standing::Valid && attested.expires_s <= now_s;
    if let Some(attested) = first(Standing::Expired).or_else(|| facts.attestations.iter().find(lapsed)) {
        let when = Timestamp::from_secs(attested.expires_s);
        let sentence = format!("{counted}; {} by {} expired {when}", attested.id, attested.attester);
        return Verdict::indeterminate(Reason::AttestationExpired, sentence);
    }
    match first(Standing::Unsuitable) {
        Some(attested) => Verdict::indeterminate(Reason::AttestationMissing, say(attested)),
        None => Verdict::indeterminate(Reason::AttestationMissing, counted),
    }
}
