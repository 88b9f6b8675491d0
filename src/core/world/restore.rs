//! A restart: what the store kept, taken into a fresh world.

use std::collections::HashMap;
use std::sync::Arc;

use super::clock::never_ahead;
use super::settle::Trigger;
use super::{Effects, World};
use crate::core::absorb;
use crate::model::{ItemId, ItemMemory, Slot, State, Timestamp};

impl World {
    /// Memory under a former id is taken if there is none under the present one. Memory that is
    /// older than what the item has meanwhile seen is ignored.
    pub(super) fn restore(&mut self, kept: Vec<(ItemId, ItemMemory)>, now: Timestamp, effects: &mut Effects) {
        // The nearest we know to when we went away: what was stale then is stale now.
        let stopped_at = kept.iter().filter_map(|(_, memory)| memory.last_finished).max();
        for (slot, mut memory) in self.matched(kept) {
            let plan = Arc::clone(&self.plan);
            let Some(item) = plan.item(slot) else { continue };
            let Some(place) = self.memories.get_mut(slot.index()) else { continue };
            if place.last_started > memory.last_started {
                continue;
            }
            if memory.probe_digest == item.digests.probe {
                memory.legs.resize(item.legs.len(), None);
            } else {
                absorb::forget(&mut memory, item);
            }
            never_ahead(&mut memory, item, now);
            // Also if it was changed before we went and has not run since.
            if item.is_scheduled() && memory.definition_changed {
                effects.due.push((slot, now));
            }
            if let Some(resumed) = self.resumed.get_mut(slot.index()) {
                let was_stale = memory.standing.is_some_and(|standing| standing.state == State::Stale);
                *resumed = (memory.fresh_until >= stopped_at && !was_stale).then_some(now);
            }
            *place = Arc::new(memory);
            effects.dirty.push(slot);
        }
        self.settle_all(Trigger::Restore, now, effects);
    }

    /// In slot order, so that the order in which the store answers does not matter.
    fn matched(&mut self, kept: Vec<(ItemId, ItemMemory)>) -> Vec<(Slot, ItemMemory)> {
        let mut by_id: HashMap<ItemId, ItemMemory> = kept.into_iter().collect();
        let mut matched = Vec::with_capacity(by_id.len());
        let plan = Arc::clone(&self.plan);
        let items = || plan.items.iter().enumerate().filter_map(|(n, item)| Some((Slot(u32::try_from(n).ok()?), item)));
        let mut found = vec![false; self.plan.items.len()];
        for ((slot, item), found) in items().zip(&mut found) {
            if let Some(memory) = by_id.remove(&item.id) {
                matched.push((slot, memory));
                *found = true;
            }
        }
        for ((slot, item), _) in items().zip(found).filter(|(_, found)| !found) {
            if let Some(memory) = item.aliases.iter().find_map(|alias| by_id.remove(alias)) {
                matched.push((slot, memory));
            }
        }
        for (id, memory) in by_id {
            self.bury(id, Arc::new(memory));
        }
        matched
    }
}
