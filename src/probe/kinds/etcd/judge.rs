//! What the facts mean.

use super::facts::{Endpoint, Facts};
use super::{Etcd, Rpc};
use crate::model::{Proof, Reason, Verdict};

pub(super) fn judge(leg: &Etcd, facts: &Facts) -> Verdict {
    if !leg.expect_error.is_empty() {
        return refusals(leg, facts);
    }
    let (keys, took) = (facts.key_count, facts.read_s);
    let read = format!("{keys} keys of {} in {took:.3} s", facts.asked);
    if !leg.asks(Rpc::Status) {
        let (proof, sentence) = if leg.reads() {
            let proof = Proof::of("read", "an answer", format!("{keys} keys"));
            (proof, format!("expected an answer to the read, saw {read}"))
        } else {
            let proof = Proof::of("endpoint", "an answer", facts.asked.clone());
            (proof, format!("expected an answer of etcd, saw that of {}", facts.asked))
        };
        return measured(leg, facts, Verdict::pass(proof, sentence));
    }
    if let Some(verdict) = unhealthy(facts) {
        return verdict;
    }
    let count = facts.endpoints.len();
    let endpoints = if count == 1 { "the endpoint".to_owned() } else { format!("{count} endpoints") };
    let proof = Proof::of("endpoints", format!("{count} answer"), format!("{count} answered"));
    let proof = proof.and("leader", "one", facts.leader.clone());
    let mut sentence = format!(
        "expected {endpoints} to answer and to know one leader, saw leader {} in term {}",
        facts.leader, facts.raft_term
    );
    if !leg.reads() {
        return Verdict::pass(proof, sentence);
    }
    sentence.push_str(&format!(", and {read}"));
    measured(leg, facts, Verdict::pass(proof.and("read", "an answer", format!("{keys} keys")), sentence))
}

fn measured(leg: &Etcd, facts: &Facts, verdict: Verdict) -> Verdict {
    if leg.reads() { verdict.measured("read_seconds", facts.read_s, None) } else { verdict }
}

/// The endpoint to blame before one that could not be looked at: it is certain.
fn unhealthy(facts: &Facts) -> Option<Verdict> {
    let (count, reachable) = (facts.endpoints.len(), facts.reachable);
    let leader = match (facts.leader.as_str(), facts.leaders_agree) {
        ("", true) => "none knows a leader, so there is no quorum",
        ("", false) => "they do not know the same leader",
        _ => "they know one leader",
    };
    let failed = |endpoint: &&Endpoint| !endpoint.reachable;
    let silent = facts.endpoints.iter().filter(failed).find(|endpoint| endpoint.to_blame);
    if let Some(endpoint) = silent.or_else(|| facts.endpoints.iter().find(failed)) {
        let error = endpoint.error.as_deref().unwrap_or_default();
        let then = facts.unanswered.as_ref().map(|detail| format!("; {detail}")).unwrap_or_default();
        let sentence =
            format!("expected all {count} endpoints to answer, but {error}; {reachable} answered, and {leader}{then}");
        let reason = reason(endpoint);
        let certain = endpoint.to_blame;
        return Some(if certain { Verdict::fail(reason, sentence) } else { Verdict::indeterminate(reason, sentence) });
    }
    if !facts.leader.is_empty() {
        return None;
    }
    let sentence = format!("expected {count} endpoints to know one leader, saw that {leader}");
    Some(Verdict::fail(Reason::Assertion, sentence))
}

fn refusals(leg: &Etcd, facts: &Facts) -> Verdict {
    let expected = leg.expect_error.iter().map(|refusal| refusal.as_str()).collect::<Vec<_>>().join(" or ");
    let who = if leg.anonymous { "an anonymous read" } else { "the read" };
    for endpoint in &facts.endpoints {
        if endpoint.reachable && endpoint.refused.is_none() {
            let at = &endpoint.endpoint;
            let sentence = format!("expected {at} to refuse {who} with {expected}, saw it answered");
            return Verdict::fail(Reason::AuthAccepted, sentence);
        }
    }
    for endpoint in &facts.endpoints {
        let (at, error) = (&endpoint.endpoint, endpoint.error.as_deref().unwrap_or_default());
        match endpoint.refused {
            Some(refused) if leg.expect_error.contains(&refused) => {}
            Some(_) => {
                let sentence = format!(
                    "expected {at} to refuse {who} with {expected}, saw another refusal, which proves neither: {error}"
                );
                return Verdict::indeterminate(Reason::Query, sentence);
            }
            None => {
                let sentence = format!("expected {at} to refuse {who} with {expected}, but {error}");
                return Verdict::indeterminate(reason(endpoint), sentence);
            }
        }
    }
    let Some(last) = facts.endpoints.last() else {
        return Verdict::indeterminate(
            Reason::NoData,
            format!("expected {who} to be refused, but no endpoint was asked"),
        );
    };
    let count = facts.endpoints.len();
    let proof = Proof::of("refusals", format!("{count} with {expected}"), format!("{count}"));
    let seen = last.error.as_deref().unwrap_or_default();
    Verdict::pass(
        proof,
        format!("expected {who} to be refused with {expected}, saw it refused by {count} of {count} endpoints: {seen}"),
    )
}

fn reason(endpoint: &Endpoint) -> Reason {
    endpoint.reason.as_deref().and_then(Reason::parse).unwrap_or(Reason::Other)
}
