//! Puts the snapshot together that everybody else reads, at most a few times a second.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::core::World;
use crate::families::{self, Detail};
use crate::model::{Effective, Slot, Timestamp};
use crate::snapshot::{Current, Health, ItemView, LoadStatus, Snapshot};

pub(super) struct Publisher {
    current: Current,
    views: Vec<Arc<ItemView>>,
    /// Slots to render anew; may hold one twice.
    dirty: Vec<Slot>,
    generation: u64,
    changed: bool,
    /// Of all views, and of counts and dates.
    series: Series,
    /// What pages say of the daemon itself.
    shown: Option<Shown>,
    period: Duration,
    next: Instant,
}

/// Counts are walked through once for each plan, views as they change.
#[derive(Default)]
struct Series {
    views: u64,
    others: Option<u64>,
}

/// Store waiting only while it is degraded: else nobody is told.
type Shown = (bool, bool, bool, Option<Arc<str>>, u64);

impl Publisher {
    pub(super) fn new(current: Current, period: Duration) -> Self {
        let generation = current.load().generation;
        let (views, dirty, next) = (Vec::new(), Vec::new(), Instant::now());
        Self { current, views, dirty, generation, changed: true, series: Series::default(), shown: None, period, next }
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
        let views = self.views.iter().map(|view| u64::from(view.fragment.series)).sum();
        self.series = Series { views, others: None };
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

    /// Renders what is dirty and makes it current. The generation stays only while no page would
    /// look different, so that a cached page is valid exactly as long as it is true.
    ///
    /// Gives the number of series of a full scrape.
    pub(super) fn publish(&mut self, world: &World, load: &LoadStatus, health: Health, now: Timestamp) -> u64 {
        self.dirty.sort_unstable();
        self.dirty.dedup();
        for slot in self.dirty.drain(..) {
            if let (Some(place), Some(view)) = (self.views.get_mut(slot.index()), view(world, slot)) {
                let series = &mut self.series.views;
                *series = (*series + u64::from(view.fragment.series)).saturating_sub(place.fragment.series.into());
                *place = view;
            }
        }
        let shown = Some(shown(&health));
        if self.changed || self.shown != shown {
            self.shown = shown;
            self.generation += 1;
        }
        self.changed = false;
        self.next = Instant::now() + self.period;
        let snapshot = Snapshot {
            generation: self.generation,
            taken_at: now,
            plan: Arc::clone(world.plan()),
            items: self.views.clone(),
            rollups: world.rollups(),
            load: load.clone(),
            health,
        };
        let views = self.series.views;
        let count = || families::series(&snapshot, Detail::Full).saturating_sub(views);
        let others = *self.series.others.get_or_insert_with(count);
        self.current.store(snapshot);
        views + others
    }
}

fn shown(health: &Health) -> Shown {
    let store = &health.store;
    let waiting = if store.degraded { store.waiting } else { 0 };
    (health.ready, health.draining, store.degraded, store.last_error.clone(), waiting)
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
        memory: Arc::clone(memory),
        fragment: families::render(item, effective, memory, world.plan()),
    }))
}
