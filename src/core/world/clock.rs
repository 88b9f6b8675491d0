//! A jump of the wall clock: the evidence is as old as it was, whatever the clock says now.

use super::settle::Trigger;
use super::{Effects, World};
use crate::model::{ItemMemory, Timestamp};

impl World {
    /// `expected` is what the clock would say without the jump. What measures freshness and order
    /// moves along with the clock; what people read as history stays, but never lies ahead.
    pub(super) fn clock_jumped(&mut self, expected: Timestamp, now: Timestamp, effects: &mut Effects) {
        let by = now.0.saturating_sub(expected.0);
        for memory in &mut self.memories {
            shift(memory, by, now);
        }
        for resumed in self.resumed.iter_mut().flatten() {
            moved(resumed, by);
        }
        effects.dirty.extend(self.slots());
        self.settle_all(Trigger::Time, now, effects);
    }
}

fn shift(memory: &mut ItemMemory, by: i64, now: Timestamp) {
    for stamp in [&mut memory.last_started, &mut memory.fresh_until].into_iter().flatten() {
        moved(stamp, by);
    }
    for leg in memory.legs.iter_mut().flatten() {
        moved(&mut leg.at, by);
        moved(&mut leg.fresh_until, by);
    }
    let read_by_people = [
        &mut memory.last_finished,
        &mut memory.last_pass,
        &mut memory.first_ready,
        &mut memory.ready_since,
        &mut memory.regressed_at,
    ];
    for stamp in read_by_people.into_iter().flatten() {
        *stamp = (*stamp).min(now);
    }
    if let Some(confirmed) = &mut memory.confirmed {
        confirmed.since = confirmed.since.min(now);
    }
}

fn moved(stamp: &mut Timestamp, by: i64) {
    stamp.0 = stamp.0.saturating_add(by);
}
