//! All state, and the one function that changes it.

use std::sync::Arc;

use super::Rollups;
use crate::model::{Effective, Evaluation, ItemId, ItemMemory, Plan, Slot, Timestamp, Transition};

/// Owned by one task; everybody else reads snapshots.
pub struct World {
    plan: Arc<Plan>,
    memories: Vec<ItemMemory>,
    effective: Vec<Effective>,
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
}

/// What the shells must do. Nothing is performed here.
#[derive(Debug, Default)]
pub struct Effects {
    /// In the order in which they happened.
    pub transitions: Vec<Transition>,
    /// Slots whose view must be rendered anew and whose memory must be stored, each once.
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
        let _ = now;
        Self { plan, memories: Vec::new(), effective: Vec::new() }
    }

    /// Changes the world by one event. `now` must not be before the `now` of an earlier call by
    /// more than clock skew; if it is, nothing panics and no state is lost.
    pub fn apply(&mut self, event: Event, now: Timestamp) -> Effects {
        let _ = (event, now);
        Effects::default()
    }

    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    pub fn memory(&self, slot: Slot) -> Option<&ItemMemory> {
        self.memories.get(slot.index())
    }

    pub fn effective(&self, slot: Slot) -> Option<&Effective> {
        self.effective.get(slot.index())
    }

    pub fn rollups(&self) -> Rollups {
        super::rollup::count(&self.plan, &self.effective)
    }
}
