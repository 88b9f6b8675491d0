//! Deriving what is affected, in rank order, each slot once.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Effects, World};
use crate::core::absorb;
use crate::core::combine::{Decided, Leaves, combine};
use crate::core::derive::{Context, Derived, Hold, base_reason, derive};
use crate::core::explain;
use crate::core::regression::Footing;
use crate::core::schedule::Timing;
use crate::model::{
    Cause, Effective, Item, ItemMemory, Outcome, Plan, Reason, Schedule, Slot, Span, State, Timestamp, Transition, cut,
};

/// What set the deriving off; with the states it gives the cause of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    Start,
    Evaluated(Slot),
    Time,
    Reload,
    Restore,
}

/// Dependants of an item that turned are spread over this, so that they do not run all at once.
const LOOK_WITHIN: Span = Span::from_secs(5);

/// What the inputs of an item without legs say, against the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inputs {
    NoneApplies,
    SaySame,
    SayOther,
}

/// A memory of nothing.
pub(super) fn blank(item: &Item) -> ItemMemory {
    ItemMemory { probe_digest: item.digests.probe, legs: vec![None; item.legs.len()], ..ItemMemory::default() }
}

/// Stands in until the first `settle`, which replaces all of it.
pub(super) fn unsettled(plan: &Plan, now: Timestamp) -> Vec<Effective> {
    let pending = Effective {
        state: State::Unknown,
        underlying: State::Unknown,
        reason: Some(Reason::Pending),
        underlying_reason: None,
        since: now,
        root_cause: None,
        waiver: None,
        soft: false,
        flapping: false,
        regressed_since: None,
        next_change_at: None,
    };
    vec![pending; plan.items.len()]
}

/// The values of other items, for a check without legs.
struct Others<'a>(&'a World);

impl Leaves for Others<'_> {
    fn leg(&self, _: usize) -> Decided {
        Decided::undecided(Reason::Internal, "expected a leg, the item has none")
    }
    fn item(&self, slot: Slot) -> Option<Decided> {
        self.0.value_of(slot)
    }
}

impl World {
    pub(super) fn settle_all(&mut self, trigger: Trigger, now: Timestamp, effects: &mut Effects) {
        let all: Vec<Slot> = self.slots().collect();
        self.settle(&all, trigger, now, effects);
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        (0..u32::try_from(self.plan.items.len()).unwrap_or(u32::MAX)).map(Slot)
    }

    /// Derives `slots` and whatever follows from them.
    pub(super) fn settle(&mut self, slots: &[Slot], trigger: Trigger, now: Timestamp, effects: &mut Effects) {
        let rank = |world: &World, slot: Slot| world.links.rank.get(slot.index()).copied().unwrap_or(usize::MAX);
        let mut queue: BTreeSet<(usize, Slot)> = slots.iter().map(|slot| (rank(self, *slot), *slot)).collect();
        let given: BTreeSet<Slot> = if slots.len() > 1 { slots.iter().copied().collect() } else { BTreeSet::new() };
        while let Some((place, slot)) = queue.pop_first() {
            let direct = slots == [slot] || given.contains(&slot);
            if !self.settle_one(slot, trigger, direct, now, effects) {
                continue;
            }
            for dependant in self.links.dependants.get(slot.index()).into_iter().flatten() {
                let next = (rank(self, *dependant), *dependant);
                // Only forward: a cycle, which no compiled plan has, must not go round for ever.
                if next.0 > place {
                    queue.insert(next);
                }
            }
        }
    }

    /// Whether items that depend on this one may change by it.
    fn settle_one(
        &mut self,
        slot: Slot,
        trigger: Trigger,
        direct: bool,
        now: Timestamp,
        effects: &mut Effects,
    ) -> bool {
        let plan = Arc::clone(&self.plan);
        let Some(item) = plan.item(slot) else { return false };
        let n = slot.index();
        let inputs = self.recombine(slot, item, now, effects);
        let Some(memory) = self.memories.get(n) else { return false };
        let waivers = self.links.waivers.get(&slot).into_iter().flatten();
        let context = Context {
            hold: self.hold_on(item),
            waivers: waivers.filter_map(|place| Some((*place, plan.waivers.get(*place)?))),
            resumed_at: self.resumed.get(n).copied().flatten(),
            inapplicable: inputs == Inputs::NoneApplies,
        };
        let Derived { effective, hold } = derive(memory, item, context, now);
        let Some(before) = self.effective.get_mut(n).map(|old| std::mem::replace(old, effective.clone())) else {
            return false;
        };
        let old_hold = self.holds.get_mut(n).and_then(|old| std::mem::replace(old, hold));
        if let Some(at) = before.next_change_at {
            self.wakes.remove(&(at, slot));
        }
        if let Some(at) = effective.next_change_at {
            self.wakes.insert((at, slot));
        }
        let standing = memory.standing;
        if let Some(old) = standing.filter(|old| old.state != effective.state) {
            let redefined = trigger == Trigger::Restore && effective.reason == Some(Reason::DefinitionChanged);
            let trigger = if redefined { Trigger::Reload } else { trigger };
            let cause = cause(trigger, slot, direct, old.state, effective.state);
            effects.transitions.push(self.transition(item, &effective, old.state, cause, now));
        }
        if before != effective || standing != Some(effective.standing()) {
            effects.dirty.push(slot);
        }
        let turned = (before.underlying == State::Pass) != (effective.underlying == State::Pass);
        if turned && matches!(trigger, Trigger::Evaluated(_) | Trigger::Time) {
            self.look_at_dependants(slot, now, effects);
        }
        // Only where it differs: changing one that readers have copies it.
        if standing != Some(effective.standing())
            && let Some(memory) = self.memories.get_mut(n)
        {
            Arc::make_mut(memory).standing = Some(effective.standing());
        }
        let seen = |one: &Effective| (one.state, one.underlying, base_reason(one));
        // A composite repeats the words of what keeps it from passing.
        let has_new_words = effective.underlying != State::Pass && (direct || inputs == Inputs::SayOther);
        seen(&before) != seen(&effective) || old_hold != hold || has_new_words
    }

    /// What hangs on an item that has come or gone is looked at soon, and not at its next phase,
    /// which may be an hour away: until then it would show what was true before.
    fn look_at_dependants(&self, slot: Slot, now: Timestamp, effects: &mut Effects) {
        for dependant in self.links.dependants.get(slot.index()).into_iter().flatten() {
            let Some(item) = self.plan.item(*dependant).filter(|item| item.is_scheduled()) else { continue };
            if item.depends_on.contains(&slot) {
                let spread = Timing::new(&item.id, 0, Schedule::every(LOOK_WITHIN)).phase();
                effects.due.push((*dependant, now.plus(spread)));
            }
        }
    }

    /// Absorbs what the inputs of a pure composite say now.
    fn recombine(&mut self, slot: Slot, item: &Item, now: Timestamp, effects: &mut Effects) -> Inputs {
        if !item.legs.is_empty() {
            return Inputs::SaySame;
        }
        let Some(decided) = combine(&item.check, &Others(self)) else { return Inputs::NoneApplies };
        if explain::fixed(item).is_some() {
            return Inputs::SaySame;
        }
        let footing = self.footing(item);
        let Some(mut memory) = self.memory(slot).map(|memory| ItemMemory::clone(memory)) else {
            return Inputs::SaySame;
        };
        if absorb::recombine(&mut memory, item, decided, footing, now)
            && let Some(place) = self.memories.get_mut(slot.index())
        {
            *place = Arc::new(memory);
            effects.dirty.push(slot);
            return Inputs::SayOther;
        }
        Inputs::SaySame
    }

    /// The value of an item inside the check of another. A waived item has the value of what is
    /// underneath; a held one, waived or not, says nothing about itself.
    pub(super) fn value_of(&self, slot: Slot) -> Option<Decided> {
        let (item, effective, memory) = (self.plan.item(slot)?, self.effective(slot)?, self.memory(slot)?);
        let undecided = |reason, sentence: String| Some(Decided::undecided(reason, cut(sentence)));
        if let Some(root) = self.holds.get(slot.index()).copied().flatten().and_then(|hold| self.plan.item(hold.root)) {
            return undecided(Reason::Dependency, format!("`{}` is blocked by `{}`", item.id, root.id));
        }
        let theirs = || explain::underlying(effective, memory, item);
        match effective.underlying {
            State::NotApplicable => None,
            State::Pass => Some(Decided {
                outcome: Outcome::Pass,
                reason: None,
                sentence: format!("`{}` passes", item.id).into(),
                valid_until: None,
            }),
            State::Fail => Some(Decided {
                outcome: Outcome::Fail,
                reason: Some(base_reason(effective).unwrap_or(Reason::Other)),
                sentence: cut(format!("`{}` fails: {}", item.id, theirs())).into(),
                valid_until: None,
            }),
            other => undecided(
                base_reason(effective).unwrap_or(Reason::Other),
                format!("`{}` is {}: {}", item.id, other.as_str(), theirs()),
            ),
        }
    }

    /// Whether a hard dependency satisfies, which only what is observed can: a waiver accepts the
    /// risk of the parent, it does not bring it up.
    fn satisfies(&self, slot: Slot) -> bool {
        self.effective(slot).is_some_and(|one| matches!(one.underlying, State::Pass | State::NotApplicable))
    }

    pub(super) fn footing(&self, item: &Item) -> Footing {
        if !item.depends_on.iter().all(|slot| self.satisfies(*slot)) {
            return Footing::Lost;
        }
        let passing = item.depends_on.iter().filter_map(|slot| self.effective(*slot));
        Footing::FirmSince(passing.filter(|one| one.state == State::Pass).map(|one| one.since).max())
    }

    /// The nearest root cause among the hard dependencies; of equally near ones the first named.
    fn hold_on(&self, item: &Item) -> Option<Hold> {
        let holds = item.depends_on.iter().filter(|slot| !self.satisfies(**slot)).map(|slot| {
            match self.holds.get(slot.index()).copied().flatten() {
                Some(hold) => Hold { root: hold.root, distance: hold.distance.saturating_add(1) },
                None => Hold { root: *slot, distance: 1 },
            }
        });
        holds.min_by_key(|hold| hold.distance)
    }

    fn transition(&self, item: &Item, effective: &Effective, from: State, cause: Cause, at: Timestamp) -> Transition {
        let look = |slot: Slot| Some((self.effective(slot)?, &**self.memory(slot)?));
        let memory = self.plan.slot(&item.id).and_then(|slot| self.memory(slot));
        let sentence = memory.map(|memory| explain::explain_with(effective, memory, item, &self.plan, &look));
        Transition {
            item: item.id.clone(),
            from: Some(from),
            to: effective.state,
            reason: effective.reason,
            at,
            cause,
            root_cause: effective.root_cause.and_then(|slot| self.plan.item(slot)).map(|root| root.id.clone()),
            sentence: sentence.unwrap_or_default(),
        }
    }
}

fn cause(trigger: Trigger, slot: Slot, direct: bool, from: State, to: State) -> Cause {
    let waiver = from == State::Waived || to == State::Waived;
    match trigger {
        Trigger::Evaluated(evaluated) if evaluated == slot => Cause::Evaluation,
        Trigger::Evaluated(_) => Cause::Dependency,
        Trigger::Time | Trigger::Start | Trigger::Restore | Trigger::Reload if waiver => Cause::Waiver,
        Trigger::Time if !direct => Cause::Dependency,
        Trigger::Time | Trigger::Start | Trigger::Restore => Cause::Time,
        Trigger::Reload => Cause::Reload,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Event;
    use crate::core::fixture::{Def, evaluation, id, plan, verdict};

    #[test]
    fn what_hangs_on_an_item_that_turns_is_looked_at_soon() {
        let defs = ["a", "b", "c"].map(|name| {
            let mut def = Def::new(name);
            def.interval = Span::from_secs(3600);
            def.depends = if name == "b" { vec!["a".to_owned()] } else { vec![] };
            def
        });
        let plan = plan(&defs, &[]);
        let slot = |name: &str| plan.slot(&id(name)).unwrap();
        let mut world = World::new(Arc::clone(&plan), Timestamp::from_secs(0));
        let mut look = |outcome, secs: i64| {
            let now = Timestamp::from_secs(secs);
            let item = plan.item(slot("a")).unwrap();
            let run = evaluation(item, &verdict(outcome, Reason::Refused, "seen"), now);
            (world.apply(Event::Evaluated(Box::new(run)), now).due, now)
        };
        let (due, now) = look(Outcome::Pass, 10);
        let of_b = |due: &[(Slot, Timestamp)]| due.iter().find(|(found, _)| *found == slot("b")).map(|(_, at)| *at);
        assert!(of_b(&due).is_some_and(|at| at >= now && at < now.plus(LOOK_WITHIN)), "{due:?}");
        assert!(!due.iter().any(|(found, _)| *found == slot("c")), "what does not hang on it is left alone");
        let (due, _) = look(Outcome::Pass, 20);
        assert_eq!(due, [], "nothing turned");
        for secs in [30, 40] {
            assert_eq!(of_b(&look(Outcome::Fail, secs).0), None, "not confirmed yet");
        }
        assert!(of_b(&look(Outcome::Fail, 50).0).is_some(), "confirmed");
    }
}
