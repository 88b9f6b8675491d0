//! A reload: one event, applied whole.

use std::sync::Arc;

use super::settle::{Trigger, blank, unsettled};
use super::{Effects, Links, World};
use crate::core::absorb;
use crate::core::{ChangeKind, PlanDiff};
use crate::model::{Plan, Slot, Timestamp};

impl World {
    pub(super) fn replace(&mut self, plan: Arc<Plan>, now: Timestamp, effects: &mut Effects) {
        let diff = PlanDiff::between(&self.plan, &plan);
        let mut memories: Vec<_> = std::mem::take(&mut self.memories).into_iter().map(Some).collect();
        let old_effective = std::mem::replace(&mut self.effective, unsettled(&plan, now));
        let old_resumed = std::mem::take(&mut self.resumed);

        for (n, (item, change)) in plan.items.iter().zip(&diff.items).enumerate() {
            let slot = Slot(u32::try_from(n).unwrap_or(u32::MAX));
            let old = change.old.map(Slot::index);
            let kept = old.and_then(|old| memories.get_mut(old)).and_then(Option::take);
            let dug_up = || self.buried.remove(&item.id);
            let mut memory = kept.or_else(dug_up).unwrap_or_else(|| Arc::new(blank(item)));
            if memory.legs.len() != item.legs.len() {
                Arc::make_mut(&mut memory).legs.resize(item.legs.len(), None);
            }
            if change.probe || memory.probe_digest != item.digests.probe {
                absorb::forget(Arc::make_mut(&mut memory), item);
                if item.is_scheduled() && memory.definition_changed {
                    effects.due.push((slot, now));
                }
            }
            self.memories.push(memory);
            self.resumed.push(old.and_then(|old| old_resumed.get(old)).copied().flatten());
            if let Some(effective) = old.and_then(|old| old_effective.get(old))
                && let Some(place) = self.effective.get_mut(n)
            {
                // What the view showed, so that an unchanged item in its old place is not dirty.
                place.clone_from(effective);
            }
            // A view is found by slot, so an item that moved gets a new one.
            if change.kind() != ChangeKind::Unchanged || change.old != Some(slot) {
                effects.dirty.push(slot);
            }
        }
        for id in &diff.removed {
            let old = self.plan.slot(id).map(Slot::index);
            if let Some(memory) = old.and_then(|old| memories.get_mut(old)).and_then(Option::take) {
                self.bury(id.clone(), memory);
            }
        }
        self.holds = vec![None; plan.items.len()];
        self.wakes.clear();
        self.links = Links::of(&plan);
        self.plan = plan;
        effects.removed = diff.removed;
        self.settle_all(Trigger::Reload, now, effects);
    }
}
