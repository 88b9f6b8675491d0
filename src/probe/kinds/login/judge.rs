//! What came of the login, held against what must come of it: first what was accepted and must not be, then
//! the token, then whether the proofs were any.

use super::Login;
use super::facts::{Facts, Step};
use crate::model::{Proof, Reason, Verdict};

const GENUINE: &str = "the genuine token";

pub(super) fn judge(leg: &Login, facts: &Facts) -> Verdict {
    let checks = [accepted, factors, logged_in, of_token, of_key, of_claims, proofs];
    let verdict = checks.iter().find_map(|check| check(leg, facts)).unwrap_or_else(|| pass(leg, facts));
    match (facts.lifetime_s, leg.max_ttl_s) {
        (Some(lifetime), Some(max)) => verdict.measured("token_lifetime_seconds", lifetime as f64, Some(max.into())),
        _ => verdict,
    }
}

fn is_ok(status: u16) -> bool {
    (200..300).contains(&status)
}

/// A token that must be refused.
fn accepted(leg: &Login, facts: &Facts) -> Option<Verdict> {
    let path = leg.protected.as_deref()?;
    let wrong = facts.tries.iter().filter(|one| one.with != GENUINE);
    let mut wrong = wrong.filter_map(|one| one.status.filter(|status| is_ok(*status)).map(|status| (one, status)));
    let (one, status) = wrong.next()?;
    let more = match wrong.count() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let sentence = format!("expected {path} to refuse {}, saw {status}{more}", one.with);
    Some(Verdict::fail(Reason::AuthAccepted, sentence))
}

fn factors(leg: &Login, facts: &Facts) -> Option<Verdict> {
    let second = leg.second_factor.as_ref()?;
    let expected = "expected no token for a password alone";
    let Some(first) = &facts.password_only else {
        return Some(Verdict::indeterminate(Reason::NoData, format!("{expected}, saw no answer")));
    };
    let status = first.status;
    if first.token {
        return Some(Verdict::fail(Reason::AuthAccepted, format!("{expected}, saw one with status {status}")));
    }
    let asked = second.challenge.is_none() || first.challenge;
    if matches!(status, 401 | 403) && asked || is_ok(status) && first.challenge {
        return None;
    }
    // Such as a wrong password, or an account that is locked.
    let sentence = format!("{expected} and a challenge, saw status {status} without one, which proves neither");
    Some(Verdict::indeterminate(refused_for(status), sentence))
}

fn logged_in(_: &Login, facts: &Facts) -> Option<Verdict> {
    let Step { status, token, .. } = facts.login;
    if is_ok(status) && token {
        return None;
    }
    let sentence = format!("expected a token for the login, saw status {status} without one");
    Some(match status {
        500.. => Verdict::fail(Reason::Status, sentence),
        _ if is_ok(status) => Verdict::indeterminate(Reason::NoData, sentence),
        _ => Verdict::indeterminate(refused_for(status), sentence),
    })
}

fn refused_for(status: u16) -> Reason {
    if matches!(status, 401 | 403) { Reason::AuthRejected } else { Reason::Status }
}

fn of_token(leg: &Login, facts: &Facts) -> Option<Verdict> {
    let fail = |text: String| Some(Verdict::fail(Reason::Assertion, text));
    if !facts.jwt {
        return Some(Verdict::fail(Reason::Invalid, "expected a JSON Web Token, saw another token"));
    }
    let expected = leg.algorithm.as_deref()?;
    match (facts.alg.as_deref(), facts.kid.as_deref()) {
        (Some(alg), _) if alg != expected => fail(format!("expected a token signed with {expected}, saw {alg}")),
        (None, _) => fail(format!("expected a token signed with {expected}, saw none named")),
        (_, None | Some("")) => fail("expected a token that names its key, saw no `kid`".to_owned()),
        _ => None,
    }
}

fn of_key(leg: &Login, facts: &Facts) -> Option<Verdict> {
    let path = leg.jwks.as_deref()?;
    let fail =
        |reason, text: String| Some(Verdict::fail(reason, format!("expected the key of the token at {path}, {text}")));
    match facts.jwks_status {
        None => {
            return Some(Verdict::indeterminate(Reason::NoData, format!("expected a set of keys at {path}, saw none")));
        }
        Some(429) => {
            return Some(Verdict::indeterminate(Reason::Status, format!("expected a set of keys at {path}, saw 429")));
        }
        Some(404 | 410) => return fail(Reason::Missing, "saw no such route".to_owned()),
        Some(status) if !is_ok(status) => return fail(Reason::Status, format!("saw status {status}")),
        Some(_) => {}
    }
    let Some(count) = facts.jwks_keys else { return fail(Reason::Invalid, "saw no set of keys".to_owned()) };
    let Some(kind) = &facts.key_type else { return fail(Reason::Missing, format!("saw {count} others")) };
    let wants_rsa = leg.algorithm.as_deref().is_some_and(|name| name.starts_with("RS") || name.starts_with("PS"));
    if wants_rsa && kind != "RSA" {
        return fail(Reason::Assertion, format!("of the type RSA, saw {kind}"));
    }
    let least = leg.min_key_bits;
    if kind == "RSA" && facts.key_bits.is_none_or(|bits| bits < least) {
        return fail(
            Reason::Assertion,
            format!("of at least {least} bits, saw {}", facts.key_bits.unwrap_or_default()),
        );
    }
    if facts.verified != Some(true) {
        return fail(Reason::Assertion, "saw one that did not sign it".to_owned());
    }
    None
}

fn of_claims(leg: &Login, facts: &Facts) -> Option<Verdict> {
    let fail = |text: String| Some(Verdict::fail(Reason::Assertion, text));
    if let Some(max) = leg.max_ttl_s {
        match facts.lifetime_s {
            Some(lifetime) if lifetime <= i64::from(max) => {}
            Some(lifetime) => return fail(format!("expected a token of at most {max} s, saw {lifetime} s")),
            None => return fail(format!("expected a token of at most {max} s, saw one without `iat` and `exp`")),
        }
    }
    if let Some(expected) = leg.issuer.as_ref().filter(|expected| facts.issuer.as_ref() != Some(expected)) {
        return fail(format!("expected the issuer {expected}, saw {}", facts.issuer.as_deref().unwrap_or("none")));
    }
    if let Some(expected) = leg.audience.as_ref().filter(|expected| !facts.audience.contains(expected)) {
        return fail(format!("expected the audience {expected}, saw {}", listed(&facts.audience)));
    }
    if !leg.amr.is_empty() && !leg.amr.iter().any(|one| facts.amr.contains(one)) {
        return fail(format!("expected {} in `amr`, saw {}", leg.amr.join(" or "), listed(&facts.amr)));
    }
    None
}

/// The real token opens the route, and nothing else does.
fn proofs(leg: &Login, facts: &Facts) -> Option<Verdict> {
    let path = leg.protected.as_deref()?;
    let seen = |status: Option<u16>| status.map_or("no answer".to_owned(), |status| status.to_string());
    let genuine = facts.tries.iter().find(|one| one.with == GENUINE).and_then(|one| one.status);
    if !genuine.is_some_and(is_ok) {
        let sentence =
            format!("expected {path} to take {GENUINE}, saw {}: what else it refuses proves nothing", seen(genuine));
        return Some(Verdict::indeterminate(genuine.map_or(Reason::NoData, refused_for), sentence));
    }
    let refused = |status: Option<u16>| status.is_some_and(|status| leg.refused_with.contains(&status));
    let open = facts.tries.iter().find(|one| one.with != GENUINE && !refused(one.status))?;
    let expected = listed(&leg.refused_with.iter().map(u16::to_string).collect::<Vec<_>>());
    let sentence = format!(
        "expected {path} to refuse {} with {expected}, saw {}, which proves neither",
        open.with,
        seen(open.status)
    );
    Some(Verdict::indeterminate(if open.status.is_some() { Reason::Status } else { Reason::NoData }, sentence))
}

fn pass(leg: &Login, facts: &Facts) -> Verdict {
    let mut proof = Proof::of("login", "a token", "a token");
    let mut parts = vec!["a token".to_owned()];
    if facts.password_only.is_some() {
        proof = proof.and("password_only", "no token", "no token");
        parts.push("none for a password alone".to_owned());
    }
    if let (Some(alg), Some(_)) = (&facts.alg, &leg.algorithm) {
        proof = proof.and("alg", alg, alg);
        parts.push(format!("signed with {alg}"));
    }
    if leg.jwks.is_some() {
        let bits = facts.key_bits.map_or(String::new(), |bits| format!(" of {bits} bits"));
        proof = proof.and("signature", "of the published key", format!("of the published key{bits}"));
        parts.push(format!("verified by its key{bits}"));
    }
    if !leg.amr.is_empty() {
        proof = proof.and("amr", leg.amr.join(" or "), facts.amr.join(", "));
        parts.push(format!("`amr` {}", facts.amr.join(", ")));
    }
    if leg.protected.is_some() {
        let refused = facts.tries.len().saturating_sub(1);
        proof = proof.and("refused", "all but the genuine token", format!("{refused} others"));
        parts.push(format!("{refused} wrong ones refused"));
    }
    for open in &facts.not_tried {
        parts.push(format!("not tried {open}"));
    }
    Verdict::pass(proof, format!("expected a sound login, saw {}", parts.join(", ")))
}

fn listed(texts: &[String]) -> String {
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}
