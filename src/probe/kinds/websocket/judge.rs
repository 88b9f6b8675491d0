//! What the facts mean.

use super::WebSocket;
use super::facts::Facts;
use crate::model::{Proof, Reason, Verdict};
use crate::probe::ProbeError;
use crate::probe::line::line;

const MESSAGE: usize = 120;

pub(super) fn judge(leg: &WebSocket, facts: &Facts) -> Verdict {
    if leg.is_negative() {
        return refused(leg, facts);
    }
    let verdict = fault(leg, facts).unwrap_or_else(|| pass(leg, facts));
    verdict.measured("duration_seconds", facts.upgrade_s, None)
}

/// A refused connection, where it counts as a refusal.
pub(super) fn unreachable(error: &ProbeError) -> Verdict {
    let proof = Proof::of("upgrade", "refused, or no connection", "no connection");
    Verdict::pass(proof, format!("expected a refused upgrade, or no connection, saw that {}", error.detail))
}

/// Why the connection did not go as expected; `None` if it did.
pub(super) fn fault(leg: &WebSocket, facts: &Facts) -> Option<Verdict> {
    let url = &facts.url;
    if facts.status != 101 {
        let sentence = format!("expected an upgrade (101) at {url}, saw {}", answer(facts));
        return Some(match facts.status {
            401 | 407 if leg.logs_in() => Verdict::indeterminate(Reason::AuthRejected, sentence),
            403 if leg.logs_in() => Verdict::indeterminate(Reason::PermissionDenied, sentence),
            _ => Verdict::fail(Reason::Status, sentence),
        });
    }
    if let Some(rule) = &facts.malformed {
        let sentence = format!("expected an upgrade to WebSocket at {url}, saw an answer of 101 of which {rule}");
        return Some(Verdict::fail(Reason::Protocol, sentence));
    }
    let offered = leg.subprotocols.join(" or ");
    match &facts.subprotocol {
        None if !leg.subprotocols.is_empty() => {
            let sentence = format!("expected {url} to choose the subprotocol {offered}, saw none chosen");
            return Some(Verdict::fail(Reason::Assertion, sentence));
        }
        Some(chosen) if !leg.subprotocols.contains(chosen) => {
            let offered = if offered.is_empty() { "no subprotocol" } else { &offered };
            let sentence = format!("expected {url} to choose {offered}, saw {chosen}");
            return Some(Verdict::fail(Reason::Assertion, sentence));
        }
        _ => {}
    }
    if let Some((index, _)) = facts.steps.iter().enumerate().find(|(_, step)| !step.done) {
        let expected = leg.steps.get(index).map(super::step::Step::expected).unwrap_or_default();
        let seen = facts.messages.last().map_or("nothing".to_owned(), |message| match &message.text {
            Some(text) => line(text, MESSAGE),
            None => format!("{} bytes that are no text", message.bytes),
        });
        let sentence = format!("expected {expected} from {url} in step {}, saw {seen}", index + 1);
        return Some(Verdict::fail(Reason::Assertion, sentence));
    }
    if let Some(ended) = &facts.ended {
        let sentence = format!("expected {}, but {}", ended.during, ended.seen);
        let reason = Reason::parse(&ended.reason).unwrap_or(Reason::Other);
        return Some(if ended.to_blame {
            Verdict::fail(reason, sentence)
        } else {
            Verdict::indeterminate(reason, sentence)
        });
    }
    let wanted = leg.close_code?;
    if facts.close_code == Some(wanted) {
        return None;
    }
    let seen = facts.close_code.map_or("none".to_owned(), |code| code.to_string());
    Some(Verdict::fail(Reason::Assertion, format!("expected {url} to answer a close with {wanted}, saw {seen}")))
}

fn pass(leg: &WebSocket, facts: &Facts) -> Verdict {
    let mut proof = Proof::of("upgrade", "101", facts.status.to_string());
    let mut seen = vec!["101".to_owned()];
    if let Some(chosen) = &facts.subprotocol {
        proof = proof.and("subprotocol", leg.subprotocols.join(" or "), chosen.clone());
        seen.push(format!("subprotocol {chosen}"));
    }
    if !leg.steps.is_empty() {
        let steps = leg.steps.len().to_string();
        proof = proof.and("steps", steps.clone(), facts.steps.len().to_string());
        seen.push(format!("{steps} steps done"));
    }
    if let Some(took) = facts.ping_s {
        proof = proof.and("ping", "a pong", format!("{took:.3} s"));
        seen.push(format!("a pong after {took:.3} s"));
    }
    if let (Some(wanted), Some(code)) = (leg.close_code, facts.close_code) {
        proof = proof.and("close", wanted.to_string(), code.to_string());
        seen.push(format!("close {code}"));
    }
    let times = match leg.connections {
        1 => String::new(),
        many => format!(" {many} times"),
    };
    let sentence = format!("expected {} to be upgraded{times} and to answer, saw {}", facts.url, seen.join(", "));
    Verdict::pass(proof, sentence)
}

fn refused(leg: &WebSocket, facts: &Facts) -> Verdict {
    let expected = leg.refused_with.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ");
    let sentence = format!("expected {} to refuse the upgrade with {expected}, saw {}", facts.url, answer(facts));
    match facts.status {
        101 => Verdict::fail(Reason::AuthAccepted, sentence),
        status if leg.refused_with.contains(&status) => {
            Verdict::pass(Proof::of("status", expected, status.to_string()), sentence)
        }
        // It proves neither.
        _ => Verdict::indeterminate(Reason::Status, sentence),
    }
}

fn answer(facts: &Facts) -> String {
    match &facts.refusal {
        Some(text) => format!("{}: {}", facts.status, line(text, MESSAGE)),
        None => facts.status.to_string(),
    }
}
