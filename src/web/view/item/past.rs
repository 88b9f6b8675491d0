//! What the store remembers of an item.

use crate::model::{Timestamp, Transition};
use crate::store::Evidence;
use crate::web::view::look::{Look, look, outcome};
use crate::web::view::when::{When, took};

/// So many changes of state are asked for and shown.
pub(in crate::web) const HISTORY_LIMIT: u32 = 100;

/// What the store remembers, or why it could not say.
pub(in crate::web) struct Past {
    pub(in crate::web) evidence: Result<Vec<Evidence>, String>,
    pub(in crate::web) history: Result<Vec<Transition>, String>,
}

pub(in crate::web) struct EvidenceView {
    pub(in crate::web) at: When,
    pub(in crate::web) leg: String,
    pub(in crate::web) outcome: Look,
    pub(in crate::web) reason: &'static str,
    pub(in crate::web) sentence: String,
    pub(in crate::web) duration: String,
    pub(in crate::web) facts: String,
    pub(in crate::web) trace: Vec<String>,
}

pub(in crate::web) struct TransitionView {
    pub(in crate::web) at: When,
    pub(in crate::web) from: Option<Look>,
    pub(in crate::web) to: Look,
    pub(in crate::web) reason: &'static str,
    pub(in crate::web) cause: &'static str,
    pub(in crate::web) sentence: String,
}

pub(super) fn evidence(evidence: Evidence, now: Timestamp) -> EvidenceView {
    EvidenceView {
        at: When::new(evidence.at, now),
        outcome: outcome(evidence.outcome),
        reason: evidence.reason.map_or("", |reason| reason.as_str()),
        duration: took(evidence.duration),
        facts: pretty(&evidence.facts),
        leg: evidence.leg.to_string(),
        sentence: evidence.sentence.to_string(),
        trace: evidence.trace.to_vec(),
    }
}

fn pretty(facts: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(facts);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| facts.to_owned())
}

pub(super) fn transition(transition: Transition, now: Timestamp) -> TransitionView {
    TransitionView {
        at: When::new(transition.at, now),
        from: transition.from.map(look),
        to: look(transition.to),
        reason: transition.reason.map_or("", |reason| reason.as_str()),
        cause: transition.cause.as_str(),
        sentence: transition.sentence,
    }
}
