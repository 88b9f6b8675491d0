//! What an evaluation does to a memory. Nothing else changes what an item remembers of its
//! evidence, except `forget`, when the definition changed.

mod legs;

use std::sync::Arc;

use super::combine::{Decided, combine};
use super::flap;
use super::regression::{self, Footing};
use crate::model::{
    Confirmed, Evaluation, Hysteresis, Item, ItemMemory, LastRun, LegMemory, Measurement, Outcome, Policy, Reason,
    Slot, Span, Timestamp,
};

/// What an item may look at beside its own legs.
pub(crate) struct Around<'a> {
    pub(crate) footing: Footing,
    /// The value of another item; `None` if it does not apply.
    pub(crate) items: &'a dyn Fn(Slot) -> Option<Decided>,
}

/// Takes one run into `memory`. `false` if it was dropped: its definition is not the current one,
/// or it started before a run that was absorbed already.
pub(crate) fn absorb(memory: &mut ItemMemory, item: &Item, evaluation: Evaluation, around: &Around<'_>) -> bool {
    let (started, finished) = (evaluation.started, evaluation.finished);
    if evaluation.probe_digest != item.digests.probe || memory.last_started.is_some_and(|last| started < last) {
        return false;
    }
    let duration = finished.since(started);
    let end = evidence_end(memory);
    legs::merge(memory, item, evaluation);
    let looks = legs::Looks { item, legs: &memory.legs, at: finished, items: around.items };
    let decided = combine(&item.check, &looks);
    let measurements = legs::measurements(item, &memory.legs, finished);

    let mut hysteresis = item.policy.hysteresis;
    if regression::is_owed(memory) {
        hysteresis.recover_after = 1;
    }
    memory.probe_digest = item.digests.probe;
    memory.last_started = Some(started);
    memory.last_finished = Some(finished);
    memory.evaluations = memory.evaluations.saturating_add(1);
    // A check of which nothing applies is `not_applicable` whatever its legs said.
    let Some(decided) = decided else { return true };
    if decided.outcome == Outcome::Fail {
        memory.failures = memory.failures.saturating_add(1);
    }
    if decided.outcome != Outcome::Indeterminate {
        memory.flap = flap::record(memory.flap, memory.last_decisive, decided.outcome);
        memory.flapping = flap::is_flapping(memory.flap, memory.flapping, item.policy.flap);
    }
    confirm(memory, &item.policy, hysteresis, &decided, around.footing, started, finished);
    refresh(memory, &item.policy, &decided, end, finished);
    memory.last_run = Some(last_run(decided, measurements, duration));
    true
}

/// The same for an item made of other items only. Nothing runs for it and nothing can confirm a
/// second time, so its outcome changes at once, it never goes stale of itself, and it has no
/// runs to count. `false` if it says what it said before.
pub(crate) fn recombine(
    memory: &mut ItemMemory,
    item: &Item,
    decided: Decided,
    footing: Footing,
    now: Timestamp,
) -> bool {
    let footing = footing.at_this_instant();
    let same = memory.last_run.as_ref().is_some_and(|last| {
        last.outcome == decided.outcome && last.reason == decided.reason && *last.sentence == *decided.sentence
    });
    let owed = decided.outcome == Outcome::Fail && memory.ready_since.is_some() && footing.carries(now);
    if same && !owed && !memory.definition_changed {
        return false;
    }
    memory.probe_digest = item.digests.probe;
    if decided.reason == Some(Reason::DefinitionChanged) {
        // What an input says under its new definition is no loss of what it said under the old.
        memory.ready_since = None;
    }
    confirm(memory, &item.policy, Hysteresis::IMMEDIATE, &decided, footing, now, now);
    memory.last_run = Some(last_run(decided, Arc::from([]), Span::ZERO));
    true
}

/// Forgets what the old definition of `item` saw, and keeps history, counters and what legs
/// remember, which each new approval or release would wipe out otherwise. Never a regression: the
/// new definition has not been ready yet.
pub(crate) fn forget(memory: &mut ItemMemory, item: &Item) {
    let had_evidence = memory.last_run.is_some() || memory.confirmed.is_some() || memory.definition_changed;
    *memory = ItemMemory {
        probe_digest: item.digests.probe,
        definition_changed: had_evidence,
        flap: memory.flap,
        flapping: memory.flapping,
        last_started: memory.last_started,
        last_finished: memory.last_finished,
        last_pass: memory.last_pass,
        first_ready: memory.first_ready,
        evaluations: memory.evaluations,
        failures: memory.failures,
        regressions: memory.regressions,
        standing: memory.standing,
        legs: vec![None; item.legs.len()],
        remembered: std::mem::take(&mut memory.remembered),
        ..ItemMemory::default()
    };
}

/// Whether the last run is not yet what the item counts as.
pub(crate) fn is_soft(memory: &ItemMemory) -> bool {
    let confirmed = memory.confirmed.map(|confirmed| confirmed.outcome);
    memory.contrary > 0 || (memory.indeterminate > 0 && confirmed != Some(Outcome::Indeterminate))
}

fn confirm(
    memory: &mut ItemMemory,
    policy: &Policy,
    hysteresis: Hysteresis,
    decided: &Decided,
    footing: Footing,
    started: Timestamp,
    at: Timestamp,
) {
    let outcome = decided.outcome;
    let held = memory.confirmed.map(|confirmed| confirmed.outcome);
    memory.definition_changed = false;
    let flips = if outcome == Outcome::Indeterminate {
        memory.indeterminate = memory.indeterminate.saturating_add(1);
        if held == Some(outcome) {
            // Else one failing look would have it retried for ever.
            memory.contrary = 0;
        }
        held != Some(outcome) && memory.indeterminate >= hysteresis.unknown_after.max(1)
    } else {
        memory.indeterminate = 0;
        let repeated = memory.last_decisive == Some(outcome);
        // Nothing decisive is known of this definition: believe the first look.
        let first = memory.last_decisive.is_none();
        memory.last_decisive = Some(outcome);
        if held == Some(outcome) {
            memory.contrary = 0;
            false
        } else {
            memory.contrary = if repeated { memory.contrary.saturating_add(1) } else { 1 };
            let needed = if outcome == Outcome::Fail { hysteresis.fail_after } else { hysteresis.recover_after };
            first || memory.contrary >= needed
        }
    };
    if flips {
        memory.contrary = 0;
        memory.confirmed = Some(Confirmed { outcome, reason: decided.reason, since: at });
        if outcome == Outcome::Pass {
            regression::regained(memory, at);
        }
    } else if let Some(confirmed) = memory.confirmed.as_mut().filter(|confirmed| confirmed.outcome == outcome) {
        confirmed.reason = decided.reason;
    }
    if outcome == Outcome::Pass {
        memory.last_pass = Some(at);
    }
    if outcome == Outcome::Fail && memory.confirmed.is_some_and(|confirmed| confirmed.outcome == outcome) {
        regression::lost(memory, policy.ready_hold, footing, started, at);
    }
}

/// When the evidence of a pass itself ends, if that is what freshness is bounded by.
pub(crate) fn evidence_end(memory: &ItemMemory) -> Option<Timestamp> {
    let ends =
        |leg: &LegMemory| leg.verdict.outcome() == Outcome::Pass && leg.verdict.valid_until == memory.fresh_until;
    memory.fresh_until.filter(|_| memory.legs.iter().flatten().any(ends))
}

/// A look that contradicts what is confirmed may keep it fresh until the next one decides, but
/// never bring it back to life once it has gone stale, nor outlive the evidence it rests on.
/// "Could not tell" refreshes nothing that is confirmed.
fn refresh(
    memory: &mut ItemMemory,
    policy: &Policy,
    decided: &Decided,
    evidence_end: Option<Timestamp>,
    finished: Timestamp,
) {
    let contradicts = memory.confirmed.is_some_and(|confirmed| confirmed.outcome != decided.outcome);
    let lapsed = memory.fresh_until.is_some_and(|until| until <= finished);
    if contradicts && (lapsed || decided.outcome == Outcome::Indeterminate) {
        return;
    }
    let end = match decided.outcome {
        _ if contradicts => evidence_end,
        Outcome::Pass => decided.valid_until,
        _ => None,
    };
    let window = finished.plus(policy.fresh_for);
    memory.fresh_until = Some(end.map_or(window, |end| end.min(window)));
}

fn last_run(decided: Decided, measurements: Arc<[Measurement]>, duration: Span) -> LastRun {
    LastRun { outcome: decided.outcome, reason: decided.reason, sentence: decided.sentence, measurements, duration }
}

#[cfg(test)]
mod tests;
