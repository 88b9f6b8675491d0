//! Puts the snapshot together that everybody else reads, at most a few times a second.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::core::World;
use crate::families;
use crate::model::{Effective, Slot, Timestamp};
use crate::snapshot::{Current, Health, ItemView, LoadStatus, Snapshot};

pub(super) struct Publisher {
    current: Current,
    views: Vec<Arc<ItemView>>,
    /// Slots to render anew; may hold one twice.
    dirty: Vec<Slot>,
    generation: u64,
    changed: bool,
    period: Duration,
    next: Instant,
}

impl Publisher {
    pub(super) fn new(current: Current, period: Duration) -> Self {
        let generation = current.load().generation;
        Self { current, views: Vec::new(), dirty: Vec::new(), generation, changed: true, period, next: Instant::now() }
    }

    /// Marks items whose view is out of date.
    pub(super) fn mark(&mut self, slots: &[Slot]) {
        self.dirty.extend_from_slice(slots);
        self.changed = true;
    }

    /// Forgets all views: the plan was replaced, and slots mean something else now.
    pub(super) fn reset(&mut self, world: &World) {
        self.dirty.clear();
        self.views = all_slots(world).filter_map(|slot| view(world, slot)).collect();
        self.changed = true;
    }

    /// Something that is not about an item has changed, such as the status of a reload.
    pub(super) fn touch(&mut self) {
        self.changed = true;
    }

    /// When `publish` has something to do; `None` while nothing has changed.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.changed.then_some(self.next)
    }

    /// Renders what is dirty and makes it current. Without a change the generation stays, so that
    /// a cached page stays valid; only the daemon's own health is brought up to date.
    pub(super) fn publish(&mut self, world: &World, load: &LoadStatus, health: Health, now: Timestamp) {
        self.dirty.sort_unstable();
        self.dirty.dedup();
        for slot in self.dirty.drain(..) {
            if let (Some(place), Some(view)) = (self.views.get_mut(slot.index()), view(world, slot)) {
                *place = view;
            }
        }
        if self.changed {
            self.generation += 1;
        }
        self.changed = false;
        self.next = Instant::now() + self.period;
        self.current.store(Snapshot {
            generation: self.generation,
            taken_at: now,
            plan: Arc::clone(world.plan()),
            items: self.views.clone(),
            rollups: world.rollups(),
            load: load.clone(),
            health,
        });
    }
}

fn all_slots(world: &World) -> impl Iterator<Item = Slot> {
    (0..u32::try_from(world.plan().items.len()).unwrap_or(u32::MAX)).map(Slot)
}

fn view(world: &World, slot: Slot) -> Option<Arc<ItemView>> {
    let item = world.plan().item(slot)?;
    let (effective, memory): (&Effective, _) = (world.effective(slot)?, world.memory(slot)?);
    Some(Arc::new(ItemView {
        item: Arc::clone(item),
        effective: effective.clone(),
        memory: memory.clone(),
        fragment: families::render(item, effective, memory, world.plan()),
    }))
}
