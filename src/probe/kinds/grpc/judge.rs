//! What the facts mean.

use super::facts::{Called, Facts, Health};
use super::{Grpc, Refusal};
use crate::model::{Proof, Reason, Timestamp, Verdict};

pub(super) fn judge(leg: &Grpc, facts: &Facts, _now: Timestamp) -> Verdict {
    if !leg.expect_refused.is_empty() {
        return refusals(leg, facts);
    }
    let took = facts.call.as_ref().map_or(facts.ready_s, |call| call.took_s);
    let verdict = fault(leg, facts).unwrap_or_else(|| pass(leg, facts));
    verdict.measured("duration_seconds", took, None)
}

fn fault(leg: &Grpc, facts: &Facts) -> Option<Verdict> {
    let at = &facts.endpoint;
    if let Some(verdict) = facts.health.iter().find_map(|health| unhealthy(health, at)) {
        return Some(verdict);
    }
    if leg.lists() && facts.reflection.is_none() {
        let sentence = format!("expected {at} to list its services by reflection, saw that it offers none");
        return Some(Verdict::fail(Reason::Missing, sentence));
    }
    if let Some(missing) = leg.services.iter().find(|name| !facts.services.contains(name)) {
        let count = facts.services.len();
        let sentence = format!("expected {at} to list the service {missing}, saw {count} services without it");
        return Some(if facts.services_cut {
            Verdict::indeterminate(Reason::TooLarge, sentence)
        } else {
            Verdict::fail(Reason::Missing, sentence)
        });
    }
    facts.call.as_ref().and_then(|call| badly_answered(leg, call, at))
}

fn unhealthy(health: &Health, at: &str) -> Option<Verdict> {
    let who = who(&health.service);
    let expected = format!("expected {who} at {at} to be SERVING, saw");
    let message = message(&health.message);
    Some(match (health.status.as_deref(), health.code.as_str()) {
        (Some("SERVING"), _) => return None,
        (Some("SERVICE_UNKNOWN"), _) | (None, "NOT_FOUND") => {
            Verdict::fail(Reason::Missing, format!("{expected} that it is not known{message}"))
        }
        (Some(status), _) => Verdict::fail(Reason::Assertion, format!("{expected} {status}")),
        (None, "UNIMPLEMENTED") => {
            Verdict::fail(Reason::Missing, format!("{expected} no health service (grpc.health.v1){message}"))
        }
        (None, code) => Verdict::indeterminate(Reason::Query, format!("{expected} {code}{message}")),
    })
}

fn badly_answered(leg: &Grpc, call: &Called, at: &str) -> Option<Verdict> {
    let asked = leg.call.as_ref()?;
    if asked.expects(&call.code) {
        return None;
    }
    let (expected, method, code) = (asked.expected(), &call.method, &call.code);
    let message = message(&call.message);
    let sentence = format!("expected {at} to answer {method} with {expected}, saw {code}{message}");
    Some(match call.code.as_str() {
        "UNAUTHENTICATED" => Verdict::indeterminate(Reason::AuthRejected, sentence),
        "PERMISSION_DENIED" => Verdict::indeterminate(Reason::PermissionDenied, sentence),
        "INVALID_ARGUMENT" => Verdict::indeterminate(Reason::Query, sentence),
        "DEADLINE_EXCEEDED" => Verdict::fail(Reason::Timeout, sentence),
        "UNIMPLEMENTED" => Verdict::fail(Reason::Missing, sentence),
        _ => Verdict::fail(Reason::Status, sentence),
    })
}

fn pass(leg: &Grpc, facts: &Facts) -> Verdict {
    let at = &facts.endpoint;
    let way = match &facts.tls {
        Some(tls) => format!("HTTP/2 over TLS {}", tls.version),
        None => "HTTP/2 in the clear".to_owned(),
    };
    let mut proof = Proof::of("channel", "ready", way.clone());
    let (mut expected, mut seen) = (vec![format!("a channel of gRPC to {at}")], vec![way]);
    if let Some(last) = facts.health.last() {
        let whom = if facts.health.len() == 1 { who(&last.service) } else { format!("{} services", leg.health.len()) };
        proof = proof.and("health", format!("{whom} SERVING"), "SERVING");
        expected.push(format!("{whom} to be SERVING"));
        seen.push("SERVING".to_owned());
    }
    if leg.lists() {
        let count = facts.services.len();
        let wanted = if leg.services.is_empty() { "services".to_owned() } else { leg.services.join(", ") };
        proof = proof.and("services", wanted.clone(), format!("{count} listed"));
        expected.push(format!("{wanted} to be listed"));
        seen.push(format!("{count} services"));
    }
    if let (Some(call), Some(asked)) = (&facts.call, &leg.call) {
        proof = proof.and("call", asked.expected(), call.code.clone());
        expected.push(format!("{} to answer {}", call.method, asked.expected()));
        seen.push(format!("{} and {} bytes", call.code, call.bytes));
    }
    Verdict::pass(proof, format!("expected {}, saw {}", expected.join(" and "), seen.join(", ")))
}

fn refusals(leg: &Grpc, facts: &Facts) -> Verdict {
    let expected = leg.expect_refused.iter().map(|refusal| refusal.as_str()).collect::<Vec<_>>().join(" or ");
    let plain = leg.refuses(Refusal::Plaintext);
    let whom = match (plain, leg.anonymous) {
        (true, _) => "HTTP/2 in the clear".to_owned(),
        (false, true) => format!("a client without credentials ({expected})"),
        (false, false) => format!("the client ({expected})"),
    };
    if let Some(endpoint) = facts.refusals.iter().find(|endpoint| endpoint.accepted) {
        let sentence = format!("expected {} to refuse {whom}, but {}", endpoint.endpoint, endpoint.seen);
        let reason = if plain { Reason::PlaintextAccepted } else { Reason::AuthAccepted };
        return Verdict::fail(reason, sentence);
    }
    for endpoint in &facts.refusals {
        let (at, seen) = (&endpoint.endpoint, &endpoint.seen);
        match endpoint.refused {
            Some(refused) if leg.refuses(refused) => {}
            Some(_) => {
                let sentence =
                    format!("expected {at} to refuse {whom}, saw another refusal, which proves neither: {seen}");
                return Verdict::indeterminate(Reason::Query, sentence);
            }
            None => {
                let reason = endpoint.reason.as_deref().and_then(Reason::parse).unwrap_or(Reason::Other);
                return Verdict::indeterminate(reason, format!("expected {at} to refuse {whom}, but {seen}"));
            }
        }
    }
    let Some(last) = facts.refusals.last() else {
        return Verdict::indeterminate(Reason::NoData, format!("expected {whom} to be refused, but nobody was asked"));
    };
    let count = facts.refusals.len();
    let proof = Proof::of("refusals", format!("{count} with {expected}"), format!("{count}"));
    let endpoints = if count == 1 { last.endpoint.clone() } else { format!("{count} endpoints") };
    let sentence = format!("expected {endpoints} to refuse {whom}, saw that {}", last.seen);
    Verdict::pass(proof, sentence)
}

fn who(service: &str) -> String {
    if service.is_empty() { "the server".to_owned() } else { format!("the service {service}") }
}

fn message(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}
