//! What runs next. Pure: the scheduler asks it with its clock, and a test with any number.

use std::collections::BTreeSet;

use super::schedule::Timing;
use super::{Change, PlanDiff};
use crate::model::{Plan, Slot, Timestamp};

/// Due instants of all scheduled items, ordered and re-keyable, with a mark on each item that
/// runs now. An item is never in flight twice.
#[derive(Clone, Debug, Default)]
pub struct DueQueue {
    /// By slot; nothing for an item that is not scheduled.
    entries: Vec<Option<Entry>>,
    order: BTreeSet<(Timestamp, Slot)>,
    overruns: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    timing: Timing,
    at: Timestamp,
    in_flight: bool,
    /// `at` was asked for and is not the item's phase: it must not be skipped as an overrun.
    asked: bool,
    /// Asked for while in flight; happens after `finished`.
    again: Option<Timestamp>,
}

impl DueQueue {
    pub fn new() -> Self {
        Self::default()
    }

    /// All scheduled items of a plan at a start. `last_finished` is what the store kept.
    pub fn start(plan: &Plan, seed: u64, now: Timestamp, last_finished: impl Fn(Slot) -> Option<Timestamp>) -> Self {
        let mut queue = Self::new();
        for (slot, item) in slots(plan).filter(|(_, item)| item.is_scheduled()) {
            let timing = Timing::new(&item.id, seed, item.schedule);
            queue.insert(slot, timing, timing.first_due(now, last_finished(slot)));
        }
        queue
    }

    /// Puts an item in, or moves it. A mark of being in flight stays.
    pub fn insert(&mut self, slot: Slot, timing: Timing, at: Timestamp) {
        let fresh = Entry { timing, at, in_flight: false, asked: false, again: None };
        let entry = match self.entry(slot).copied() {
            Some(old) => {
                self.order.remove(&(old.at, slot));
                Entry { timing, at, asked: false, ..old }
            }
            None => fresh,
        };
        self.put(slot, entry);
    }

    fn put(&mut self, slot: Slot, entry: Entry) {
        if self.entries.len() <= slot.index() {
            self.entries.resize(slot.index() + 1, None);
        }
        if let Some(place) = self.entries.get_mut(slot.index()) {
            *place = Some(entry);
            self.order.insert((entry.at, slot));
        }
    }

    fn entry(&mut self, slot: Slot) -> Option<&mut Entry> {
        self.entries.get_mut(slot.index())?.as_mut()
    }

    /// Runs an item at `at` if that is earlier than planned: a retry, a changed definition, a
    /// request. Nothing if there is no such item.
    pub fn hasten(&mut self, slot: Slot, at: Timestamp) {
        let Some(entry) = self.entry(slot).filter(|entry| at < entry.at) else { return };
        let before = std::mem::replace(&mut entry.at, at);
        entry.asked = true;
        self.order.remove(&(before, slot));
        self.order.insert((at, slot));
    }

    /// Everything that is due, with the instant it was planned for, earliest first. Each is marked
    /// as in flight and planned anew at its next phase. One that is in flight already is skipped
    /// and counted; if it was asked for, it follows when the run has finished.
    pub fn pop_due(&mut self, now: Timestamp) -> Vec<(Slot, Timestamp)> {
        let mut due = Vec::new();
        while let Some((at, slot)) = self.order.first().copied().filter(|(at, _)| *at <= now) {
            self.order.remove(&(at, slot));
            let Some(entry) = self.entries.get_mut(slot.index()).and_then(Option::as_mut) else { continue };
            if !entry.in_flight {
                entry.in_flight = true;
                due.push((slot, at));
            } else if entry.asked {
                entry.again = Some(at);
            } else {
                self.overruns = self.overruns.saturating_add(1);
            }
            entry.asked = false;
            entry.at = entry.timing.next_due(now);
            // At the end of time there is no later instant to plan.
            if entry.at > now {
                self.order.insert((entry.at, slot));
            }
        }
        due
    }

    /// The run has ended, whatever came of it.
    pub fn finished(&mut self, slot: Slot) {
        let Some(entry) = self.entry(slot) else { return };
        entry.in_flight = false;
        if let Some(at) = entry.again.take() {
            self.hasten(slot, at);
        }
    }

    pub fn remove(&mut self, slot: Slot) {
        if let Some(entry) = self.entries.get_mut(slot.index()).and_then(Option::take) {
            self.order.remove(&(entry.at, slot));
        }
    }

    /// When to call `pop_due` next.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    pub fn is_in_flight(&self, slot: Slot) -> bool {
        self.entries.get(slot.index()).and_then(Option::as_ref).is_some_and(|entry| entry.in_flight)
    }

    /// How often an item was due while it still ran.
    pub fn overruns(&self) -> u64 {
        self.overruns
    }

    pub fn len(&self) -> usize {
        self.entries.iter().flatten().count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Plans everything as at a start, after a jump of the clock: what has not run yet, or is
    /// overdue by the new time, does not wait for its phase. Marks stay; what was asked for and has
    /// not come yet happens now.
    pub fn replan(&mut self, now: Timestamp, last_finished: impl Fn(Slot) -> Option<Timestamp>) {
        self.order.clear();
        for (n, place) in self.entries.iter_mut().enumerate() {
            let (Some(entry), slot) = (place, slot(n)) else { continue };
            entry.at = if entry.asked { now } else { entry.timing.first_due(now, last_finished(slot)) };
            entry.again = entry.again.map(|at| at.min(now));
            self.order.insert((entry.at, slot));
        }
    }

    /// Moves to the slots of a new plan. What is unchanged keeps its due time and its mark; a
    /// new schedule, and a new id, start from their phase; new items start soon. An item under a
    /// new id loses its mark, because its run reports under the old id.
    pub fn replace(&mut self, plan: &Plan, diff: &PlanDiff, seed: u64, now: Timestamp) {
        let old = std::mem::take(&mut self.entries);
        self.order.clear();
        for ((slot, item), change) in slots(plan).zip(&diff.items).filter(|((_, item), _)| item.is_scheduled()) {
            let timing = Timing::new(&item.id, seed, item.schedule);
            let kept = change.old.and_then(|slot| old.get(slot.index()).copied().flatten());
            let fresh = |at| Entry { timing, at, in_flight: false, asked: false, again: None };
            let entry = match (change, kept) {
                (_, None) => fresh(timing.first_due(now, None)),
                (Change { renamed: true, .. }, Some(_)) => fresh(timing.next_due(now)),
                (_, Some(kept)) if kept.timing == timing => kept,
                (_, Some(kept)) => Entry { timing, at: timing.next_due(now), asked: false, ..kept },
            };
            self.put(slot, entry);
        }
    }
}

fn slots(plan: &Plan) -> impl Iterator<Item = (Slot, &crate::model::Item)> {
    plan.items.iter().enumerate().map(|(n, item)| (slot(n), &**item))
}

fn slot(n: usize) -> Slot {
    Slot(u32::try_from(n).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fixture::{Def, plan};
    use crate::model::Span;

    const DAY: Span = Span::from_secs(86_400);
    const SOON: Span = Span::from_secs(60);

    #[test]
    fn after_a_jump_what_never_ran_or_is_overdue_does_not_wait_for_its_phase() {
        let defs: Vec<Def> = (0..20).map(|n| Def { interval: DAY, ..Def::new(&format!("i{n}")) }).collect();
        let plan = plan(&defs, &[]);
        let now = Timestamp::from_secs(1_767_225_600);
        let never = |_| None;
        let mut queue = DueQueue::start(&plan, 0, now, never);
        let later = now + DAY.times(400);
        queue.replan(later, never);
        assert!(queue.entries.iter().flatten().all(|entry| entry.at >= later && entry.at <= later + SOON));
        queue.replan(later, |_| Some(now));
        assert!(queue.entries.iter().flatten().all(|entry| entry.at >= later && entry.at <= later + SOON), "overdue");
        let earlier = now - DAY.times(3);
        queue.replan(earlier, |_| Some(earlier));
        assert!(
            queue.entries.iter().flatten().all(|entry| entry.at == entry.timing.next_due(earlier)),
            "just looked at"
        );
        assert_eq!(queue.order.len(), 20);
    }

    #[test]
    fn a_jump_keeps_marks_and_does_what_was_asked_for() {
        let plan = plan(&[Def { interval: DAY, ..Def::new("a") }, Def { interval: DAY, ..Def::new("b") }], &[]);
        let now = Timestamp::from_secs(1_767_225_600);
        let mut queue = DueQueue::start(&plan, 0, now, |_| Some(now));
        queue.hasten(Slot(0), now);
        assert_eq!(queue.pop_due(now), [(Slot(0), now)]);
        queue.hasten(Slot(1), now + SOON);
        let back = now - DAY;
        queue.replan(back, |_| Some(back));
        assert!(queue.is_in_flight(Slot(0)));
        assert_eq!(queue.pop_due(back), [(Slot(1), back)]);
    }
}
