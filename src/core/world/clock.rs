//! A jump of the wall clock: the evidence is as old as it was, whatever the clock says now.

use std::sync::Arc;

use super::settle::Trigger;
use super::{Effects, World};
use crate::core::absorb;
use crate::model::{Evaluation, Item, ItemMemory, Outcome, Timestamp};

impl World {
    /// `expected` is what the clock would say without the jump. What measures freshness and order
    /// moves along with the clock; what people read as history stays, but never lies ahead.
    pub(super) fn clock_jumped(&mut self, expected: Timestamp, now: Timestamp, effects: &mut Effects) {
        let by = now.0.saturating_sub(expected.0);
        for (memory, item) in self.memories.iter_mut().zip(&self.plan.items) {
            let memory = Arc::make_mut(memory);
            shift(memory, item, by);
            never_ahead(memory, item, now);
        }
        for resumed in self.resumed.iter_mut().flatten() {
            moved(resumed, by);
        }
        effects.dirty.extend(self.slots());
        self.settle_all(Trigger::Time, now, effects);
    }
}

/// The windows between runs move. An expiry is a date and does not: a certificate is no longer
/// valid because the clock was put forward.
fn shift(memory: &mut ItemMemory, item: &Item, by: i64) {
    let end = absorb::evidence_end(memory);
    for stamp in [&mut memory.last_started, &mut memory.fresh_until].into_iter().flatten() {
        moved(stamp, by);
    }
    for leg in memory.legs.iter_mut().flatten() {
        moved(&mut leg.at, by);
        let window = leg.at.plus(item.policy.fresh_for);
        let valid_until = leg.verdict.valid_until.filter(|_| leg.verdict.outcome() == Outcome::Pass);
        leg.fresh_until = valid_until.map_or(window, |end| end.min(window));
    }
    if let Some(end) = end {
        let last = memory.legs.iter().flatten().map(|leg| leg.at).max();
        memory.fresh_until = Some(last.map_or(end, |at| end.min(at.plus(item.policy.fresh_for))));
    } else if let Some(until) = &mut memory.fresh_until {
        // Where the window came first, the end may come first now.
        let passes = memory.legs.iter().flatten().filter(|leg| leg.verdict.outcome() == Outcome::Pass);
        if by > 0
            && let Some(end) = passes.filter_map(|leg| leg.verdict.valid_until).min()
        {
            *until = end.min(*until);
        }
    }
}

/// Nothing was seen in the future, and no window reaches further than one that begins now. Also
/// what the store kept from a time when the clock was wrong.
pub(super) fn never_ahead(memory: &mut ItemMemory, item: &Item, now: Timestamp) {
    let seen = [
        &mut memory.last_started,
        &mut memory.last_finished,
        &mut memory.last_pass,
        &mut memory.first_ready,
        &mut memory.ready_since,
        &mut memory.regressed_at,
    ];
    for stamp in seen.into_iter().flatten() {
        *stamp = (*stamp).min(now);
    }
    if let Some(confirmed) = &mut memory.confirmed {
        confirmed.since = confirmed.since.min(now);
    }
    if let Some(standing) = &mut memory.standing {
        standing.since = standing.since.min(now);
    }
    let window = now.plus(item.policy.fresh_for);
    for leg in memory.legs.iter_mut().flatten() {
        leg.at = leg.at.min(now);
        leg.fresh_until = leg.fresh_until.min(window);
    }
    memory.fresh_until = memory.fresh_until.map(|until| until.min(window));
}

/// A run that ended just before the clock went back reports from the future.
pub(super) fn arrived(mut evaluation: Evaluation, now: Timestamp) -> Evaluation {
    let ahead = evaluation.finished.since(now);
    evaluation.started = evaluation.started - ahead;
    evaluation.finished = evaluation.finished - ahead;
    evaluation
}

fn moved(stamp: &mut Timestamp, by: i64) {
    stamp.0 = stamp.0.saturating_add(by);
}
