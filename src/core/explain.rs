//! The one sentence for people about the state of an item.

use super::combine::{Decided, Leaves, combine};
use super::derive::base_reason;
use super::regression::is_owed;
use crate::model::{Applicability, Effective, Item, ItemMemory, LastRun, Outcome, Plan, Reason, Slot, State, cut};

/// Looks up another item, for the sentence of a root cause.
pub type Lookup<'a> = dyn Fn(Slot) -> Option<(&'a Effective, &'a ItemMemory)> + 'a;

/// Says why the item is in its state. `effective` and `memory` belong to `item`, and `item` to
/// `plan`. A block is explained by the name of its root cause only; `explain_with` says more.
pub fn explain(effective: &Effective, memory: &ItemMemory, item: &Item, plan: &Plan) -> String {
    explain_with(effective, memory, item, plan, &|_| None)
}

/// As `explain`, with the root cause of a block in its own words.
pub fn explain_with(
    effective: &Effective,
    memory: &ItemMemory,
    item: &Item,
    plan: &Plan,
    others: &Lookup<'_>,
) -> String {
    let sentence = match effective.state {
        State::Blocked => with_own(blocked(effective, plan, others), effective, memory, item),
        State::Waived => waived(effective, memory, item, plan),
        _ => underlying(effective, memory, item),
    };
    cut(sentence)
}

/// What an item without legs and references always says: nothing can be observed.
pub(crate) fn fixed(item: &Item) -> Option<Decided> {
    if !item.legs.is_empty() {
        return None;
    }
    let mut references = Vec::new();
    super::graph::references(&item.check, &mut references);
    if references.is_empty() { combine(&item.check, &Nothing) } else { None }
}

/// Leaves of a check that names none.
struct Nothing;

impl Leaves for Nothing {
    fn leg(&self, _: usize) -> Decided {
        Decided::undecided(Reason::Unmapped, "expected a check, none is defined")
    }
    fn item(&self, _: Slot) -> Option<Decided> {
        None
    }
}

fn blocked(effective: &Effective, plan: &Plan, others: &Lookup<'_>) -> String {
    let Some((slot, root)) = effective.root_cause.and_then(|slot| Some((slot, plan.item(slot)?))) else {
        return "blocked by an item that is not passing".to_owned();
    };
    match others(slot) {
        Some((theirs, memory)) => {
            let sentence = underlying(theirs, memory, root);
            format!("blocked by `{}`, which is {}: {sentence}", root.id, theirs.state.as_str())
        }
        None => format!("blocked by `{}`, which is not passing", root.id),
    }
}

/// The root cause comes first; what the item itself saw follows where it says something else.
fn with_own(root: String, effective: &Effective, memory: &ItemMemory, item: &Item) -> String {
    let own = underlying(effective, memory, item);
    let says_more = effective.underlying == State::Fail && !root.ends_with(&own);
    if says_more { format!("{root}; itself: {own}") } else { root }
}

fn waived(effective: &Effective, memory: &ItemMemory, item: &Item, plan: &Plan) -> String {
    let beneath = underlying(effective, memory, item);
    match effective.waiver.and_then(|place| plan.waivers.get(place)) {
        Some(waiver) => {
            let (id, approver, until) = (&waiver.id, &waiver.approver, waiver.expires);
            format!("accepted by {approver} until {until} (waiver `{id}`): {beneath}")
        }
        None => beneath,
    }
}

/// The state without waiver and block, in a sentence.
pub(crate) fn underlying(effective: &Effective, memory: &ItemMemory, item: &Item) -> String {
    let reason = base_reason(effective);
    match (effective.underlying, reason) {
        (State::NotApplicable, _) => match &item.applicability {
            Applicability::NotApplicable(condition) => format!("does not apply: `{condition}` does not hold"),
            Applicability::Applicable => "does not apply: no part of its check applies".to_owned(),
        },
        (State::Unknown, Some(Reason::DefinitionChanged)) if memory.definition_changed => {
            "the check was changed and has not been evaluated since".to_owned()
        }
        (State::Unknown, Some(Reason::Pending)) if is_owed(memory) && effective.state != State::Blocked => {
            pending(memory)
        }
        (State::Stale, reason) if !is_own_word(memory, reason) => stale(memory, reason),
        _ => match (fixed(item), &memory.last_run) {
            (Some(decided), _) => decided.sentence.to_string(),
            (None, Some(last)) => run(effective.underlying, memory, item, last),
            (None, None) => "not evaluated yet".to_owned(),
        },
    }
}

/// Whether the last run itself said that its evidence is stale.
fn is_own_word(memory: &ItemMemory, reason: Option<Reason>) -> bool {
    memory.last_run.as_ref().is_some_and(|last| last.outcome == Outcome::Indeterminate && last.reason == reason)
}

/// What was seen last was seen while a dependency was away.
fn pending(memory: &ItemMemory) -> String {
    let seen = memory.last_run.as_ref().map(|run| format!("; while it was away: {}", run.sentence)).unwrap_or_default();
    format!("not looked at since what it depends on came back{seen}")
}

fn stale(memory: &ItemMemory, reason: Option<Reason>) -> String {
    let what = if reason == Some(Reason::AttestationExpired) { "attestation" } else { "evidence" };
    let until = memory.fresh_until.map_or_else(|| "no longer holds".to_owned(), |at| format!("held until {at}"));
    let last = memory.last_finished.map(|at| format!(", last evaluated at {at}")).unwrap_or_default();
    let seen = memory.last_run.as_ref().map(|run| format!(": {}", run.sentence)).unwrap_or_default();
    format!("the {what} {until}{last}{seen}")
}

/// The last run, and how far it is from being what the item counts as.
fn run(state: State, memory: &ItemMemory, item: &Item, last: &LastRun) -> String {
    let hysteresis = item.policy.hysteresis;
    let (done, needed) = match last.outcome {
        Outcome::Pass => (memory.contrary, hysteresis.recover_after),
        Outcome::Fail => (memory.contrary, hysteresis.fail_after),
        Outcome::Indeterminate => (memory.indeterminate, hysteresis.unknown_after),
    };
    let agrees = match last.outcome {
        Outcome::Pass => state == State::Pass,
        Outcome::Fail => state == State::Fail,
        Outcome::Indeterminate => matches!(state, State::Unknown | State::Stale),
    };
    if agrees {
        return last.sentence.to_string();
    }
    format!("still {}, {} {done} of {needed}: {}", state.as_str(), last.outcome.as_str(), last.sentence)
}
