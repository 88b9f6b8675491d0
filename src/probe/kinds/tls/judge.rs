//! From facts to a verdict: trust, version, time left, then what must be refused.

use super::{Tls, TlsFacts, Version};
use crate::model::{Proof, Reason, Timestamp, Verdict};

const DAY_S: i64 = 86_400;

pub(super) fn judge(tls: &Tls, facts: &TlsFacts, now: Timestamp) -> Verdict {
    let verdict = fault(tls, facts, now).unwrap_or_else(|| pass(tls, facts, now));
    let Some(not_after) = facts.not_after_s else { return verdict };
    verdict
        .measured("certificate_expiry_timestamp_seconds", not_after as f64, None)
        .valid_until(Timestamp::from_secs(not_after))
}

fn fault(tls: &Tls, facts: &TlsFacts, now: Timestamp) -> Option<Verdict> {
    let at = &facts.address;
    if !facts.verified {
        let reason = facts.verify_reason.as_deref().and_then(Reason::parse).unwrap_or(Reason::TlsUntrusted);
        let why = facts.verify_error.as_deref().unwrap_or("it was not verified");
        return Some(Verdict::fail(reason, format!("expected a valid certificate from {at}, saw: {why}")));
    }
    let Some(not_after) = facts.not_after_s else {
        let sentence = format!("expected a certificate from {at}, saw one that cannot be read");
        return Some(Verdict::indeterminate(Reason::Invalid, sentence));
    };
    let end = Timestamp::from_secs(not_after);
    if end <= now {
        let sentence = format!("expected a certificate in date from {at}, saw one that expired at {end}");
        return Some(Verdict::fail(Reason::TlsExpired, sentence));
    }
    let version = facts.version.as_deref().unwrap_or("none");
    let high_enough = match tls.min_version {
        Version::V1_2 => version == "1.2" || version == "1.3",
        Version::V1_3 => version == "1.3",
    };
    if !high_enough {
        let least = tls.min_version.as_str();
        let sentence = format!("expected TLS {least} or later from {at}, saw {version}");
        return Some(Verdict::fail(Reason::TlsVersion, sentence));
    }
    let days = days_left(not_after, now);
    if days < i64::from(tls.min_days) {
        let sentence = format!(
            "expected at least {} days left on the certificate of {at}, saw {days} (until {end})",
            tls.min_days
        );
        return Some(Verdict::fail(Reason::TlsExpiring, sentence));
    }
    refusals(tls, facts)
}

/// What the server must refuse.
fn refusals(tls: &Tls, facts: &TlsFacts) -> Option<Verdict> {
    let at = &facts.address;
    let mut undecided = None;
    for version in tls.reject_versions.iter().map(|version| version.as_str()) {
        if facts.accepted_versions.iter().any(|accepted| accepted == version) {
            let sentence = format!("expected {at} to refuse TLS {version}, saw it accepted");
            return Some(Verdict::fail(Reason::TlsVersion, sentence));
        }
        if facts.undecided_versions.iter().any(|open| open == version) {
            let sentence = format!("expected {at} to refuse TLS {version}, saw no clear answer");
            undecided = Some(Verdict::indeterminate(Reason::TlsVersion, sentence));
        }
    }
    if tls.require_client_cert {
        match facts.without_client_cert.as_deref() {
            Some("refused") => {}
            Some("accepted") => {
                let asked = if facts.client_cert_requested { "asked for but not required" } else { "not asked for" };
                let sentence =
                    format!("expected {at} to refuse a handshake without a client certificate, saw one {asked}");
                return Some(Verdict::fail(Reason::AuthAccepted, sentence));
            }
            _ => {
                let sentence =
                    format!("expected {at} to refuse a handshake without a client certificate, saw no clear answer");
                undecided = undecided.or(Some(Verdict::indeterminate(Reason::NoData, sentence)));
            }
        }
    }
    undecided
}

fn pass(tls: &Tls, facts: &TlsFacts, now: Timestamp) -> Verdict {
    let version = facts.version.clone().unwrap_or_default();
    let days = days_left(facts.not_after_s.unwrap_or_default(), now);
    let mut proof = Proof::of("verified", "a valid certificate", facts.subject.clone().unwrap_or_default())
        .and("version", format!("at least {}", tls.min_version.as_str()), version.clone())
        .and("days_left", format!("at least {}", tls.min_days), days.to_string());
    for rejected in &tls.reject_versions {
        proof = proof.and("reject_versions", format!("{} refused", rejected.as_str()), "refused");
    }
    if tls.require_client_cert {
        proof = proof.and("require_client_cert", "refused without a certificate", "refused");
    }
    let sentence = format!(
        "expected a valid certificate with at least {} days left from {}, saw {days} days left over TLS {version}",
        tls.min_days, facts.address
    );
    Verdict::pass(proof, sentence)
}

fn days_left(not_after: i64, now: Timestamp) -> i64 {
    not_after.saturating_sub(now.0.div_euclid(1000)).div_euclid(DAY_S)
}
