//! All state, and the one function that changes it.

mod clock;
mod replace;
mod restore;
mod settle;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use self::settle::Trigger;
use super::Rollups;
use super::absorb::{self, Around};
use super::derive::Hold;
use super::graph::{self, Graph};
use super::rollup::Frame;
use crate::model::{Effective, Evaluation, ItemId, ItemMemory, Plan, Slot, Timestamp, Transition};

/// Owned by one task; everybody else reads snapshots.
pub struct World {
    plan: Arc<Plan>,
    /// Shared with readers and with what waits to be written: a memory is half of what an item costs,
    /// and each of them would hold one of its own.
    memories: Vec<Arc<ItemMemory>>,
    effective: Vec<Effective>,
    /// By slot; of waived items too, where the effective state does not show it.
    holds: Vec<Option<Hold>>,
    /// By slot: when we came back, for items that were fresh when we went.
    resumed: Vec<Option<Timestamp>>,
    /// Of items that are not in the plan, so that one that comes back is as it was.
    buried: HashMap<ItemId, Arc<ItemMemory>>,
    links: Links,
    /// The next change by time alone of each item that has one.
    wakes: BTreeSet<(Timestamp, Slot)>,
}

/// Beyond so many, memories of items that are gone are not kept; the store has them.
const BURIED: usize = 10_000;

/// What follows from a plan and is not in it.
struct Links {
    /// By slot: its place in rank order.
    rank: Vec<usize>,
    dependants: Vec<Vec<Slot>>,
    /// Places in the plan's waivers; only slots that have any.
    waivers: HashMap<Slot, Vec<usize>>,
    rollups: Frame,
}

/// All that can happen.
#[derive(Debug)]
pub enum Event {
    /// An item ran.
    Evaluated(Box<Evaluation>),
    /// Time passed; something may be due to change by it.
    Tick,
    /// A reload.
    PlanReplaced(Arc<Plan>),
    /// What the store kept. Comes once, before the first evaluation.
    Restored(Vec<(ItemId, ItemMemory)>),
    /// The wall clock was set; without that it would say `expected` now.
    ClockJumped { expected: Timestamp },
}

/// What the shells must do. Nothing is performed here.
#[derive(Debug, Default)]
pub struct Effects {
    /// In the order in which they happened.
    pub transitions: Vec<Transition>,
    /// Slots whose view must be made anew and whose memory must be stored, each once,
    /// ascending.
    pub dirty: Vec<Slot>,
    /// Slots to run earlier than their phase says: a retry, or a changed definition.
    pub due: Vec<(Slot, Timestamp)>,
    /// When to send the next `Tick`.
    pub wake_at: Option<Timestamp>,
    /// Ids that a new plan no longer has.
    pub removed: Vec<ItemId>,
    /// The evaluation was dropped: its definition was replaced, or a later run is known already.
    pub dropped: bool,
}

impl World {
    /// A world in which nothing was ever evaluated.
    pub fn new(plan: Arc<Plan>, now: Timestamp) -> Self {
        let links = Links::of(&plan);
        let memories = plan.items.iter().map(|item| Arc::new(settle::blank(item))).collect();
        let mut world = Self {
            effective: settle::unsettled(&plan, now),
            holds: vec![None; plan.items.len()],
            resumed: vec![None; plan.items.len()],
            buried: HashMap::new(),
            wakes: BTreeSet::new(),
            memories,
            links,
            plan,
        };
        world.settle_all(Trigger::Start, now, &mut Effects::default());
        world
    }

    /// Changes the world by one event. `now` must not be before the `now` of an earlier call by
    /// more than clock skew; if it is, nothing panics and no state is lost.
    ///
    /// Whatever the event, changes that time has brought since come first, so the result does not
    /// depend on whether a `Tick` was late.
    pub fn apply(&mut self, event: Event, now: Timestamp) -> Effects {
        let mut effects = Effects::default();
        match event {
            Event::Evaluated(evaluation) => {
                self.pass_time(now, &mut effects);
                self.evaluated(clock::arrived(*evaluation, now), now, &mut effects);
            }
            Event::Tick => self.pass_time(now, &mut effects),
            // These derive everything anew.
            Event::PlanReplaced(plan) => self.replace(plan, now, &mut effects),
            Event::Restored(memories) => self.restore(memories, now, &mut effects),
            Event::ClockJumped { expected } => self.clock_jumped(expected, now, &mut effects),
        }
        effects.dirty.sort_unstable();
        effects.dirty.dedup();
        effects.wake_at = self.wakes.first().map(|(at, _)| *at);
        effects
    }

    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    pub fn memory(&self, slot: Slot) -> Option<&Arc<ItemMemory>> {
        self.memories.get(slot.index())
    }

    pub fn effective(&self, slot: Slot) -> Option<&Effective> {
        self.effective.get(slot.index())
    }

    /// Whether other items depend on this one.
    pub fn leads(&self, slot: Slot) -> bool {
        let mut others = self.links.dependants.get(slot.index()).into_iter().flatten();
        others.any(|other| self.plan.item(*other).is_some_and(|other| other.depends_on.contains(&slot)))
    }

    pub fn rollups(&self) -> Rollups {
        self.links.rollups.count(&self.plan, &self.effective)
    }

    fn bury(&mut self, id: ItemId, memory: Arc<ItemMemory>) {
        if self.buried.len() < BURIED {
            self.buried.insert(id, memory);
        }
    }

    fn pass_time(&mut self, now: Timestamp, effects: &mut Effects) {
        let due: Vec<Slot> = self.wakes.iter().take_while(|(at, _)| *at <= now).map(|(_, slot)| *slot).collect();
        self.settle(&due, Trigger::Time, now, effects);
    }

    fn evaluated(&mut self, evaluation: Evaluation, now: Timestamp, effects: &mut Effects) {
        let plan = Arc::clone(&self.plan);
        let found = plan.slot(&evaluation.item).and_then(|slot| Some((slot, plan.item(slot)?)));
        let Some((slot, item)) = found else {
            effects.dropped = true;
            return;
        };
        let finished = evaluation.finished;
        let footing = self.footing(item);
        // Readers keep what was before, and the other items are looked at meanwhile.
        let Some(mut memory) = self.memory(slot).map(|memory| ItemMemory::clone(memory)) else { return };
        if memory.last_started.is_some_and(|last| last > now) {
            // The clock went back: nothing that starts now may be dropped for being earlier.
            memory.last_started = None;
        }
        let around = Around { footing, items: &|other| self.value_of(other) };
        effects.dropped = !absorb::absorb(&mut memory, item, evaluation, &around);
        let soft = absorb::is_soft(&memory);
        if let Some(place) = self.memories.get_mut(slot.index()) {
            *place = Arc::new(memory);
        }
        if effects.dropped {
            return;
        }
        if soft && item.is_scheduled() {
            effects.due.push((slot, finished.plus(item.schedule.retry)));
        }
        effects.dirty.push(slot);
        self.settle(&[slot], Trigger::Evaluated(slot), now, effects);
    }
}

impl Links {
    /// Does not rely on the plan's own graph, so that a plan put together by hand works too.
    fn of(plan: &Plan) -> Self {
        let inputs: Vec<Vec<Slot>> = plan.items.iter().map(|item| graph::inputs(item)).collect();
        let Graph { ranked, dependants, .. } = Graph::of(&inputs);
        let mut rank = vec![usize::MAX; plan.items.len()];
        for (place, slot) in ranked.iter().enumerate() {
            if let Some(entry) = rank.get_mut(slot.index()) {
                *entry = place;
            }
        }
        let mut waivers: HashMap<Slot, Vec<usize>> = HashMap::new();
        for (place, waiver) in plan.waivers.iter().enumerate() {
            for slot in waiver.items.iter().filter_map(|id| plan.slot(id)) {
                waivers.entry(slot).or_default().push(place);
            }
        }
        Self { rank, dependants, waivers, rollups: Frame::of(plan) }
    }
}
