//! Puts the snapshot together that everybody else reads, at most a few times a second.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::core::World;
use crate::families::{self, Detail};
use crate::model::{Effective, Slot, Timestamp};
use crate::snapshot::{Current, Health, ItemView, LoadStatus, Row, Rows, Snapshot};

pub(super) struct Publisher {
    current: Current,
    views: Vec<Arc<ItemView>>,
    rows: Rows,
    /// Slots whose view is out of date; may hold one twice.
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
        let (rows, series) = (Rows::default(), Series::default());
        let (views, dirty, next) = (Vec::new(), Vec::new(), Instant::now());
        Self { current, views, rows, dirty, generation, changed: true, series, shown: None, period, next }
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
        self.rows = families::rows(&self.views);
        let rows = self.rows.blocks_from(0).flat_map(|(_, block)| block.iter());
        let views = rows.zip(&self.views).map(|((_, row), view)| families::series_of(row, &view.item)).sum();
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

    /// Takes over what is dirty and makes it current. The generation stays only while no page would
    /// look different, so that a cached page is valid exactly as long as it is true.
    ///
    /// Gives the number of series of a full scrape.
    pub(super) fn publish(&mut self, world: &World, load: &LoadStatus, health: Health, now: Timestamp) -> u64 {
        self.dirty.sort_unstable();
        self.dirty.dedup();
        for slot in self.dirty.drain(..) {
            let places = (self.views.get_mut(slot.index()), self.rows.get_mut(slot));
            if let ((Some(place), Some(row)), Some(view)) = (places, view(world, slot)) {
                let next = Row::of(&view);
                let series = self.series.views + families::series_of(&next, &view.item);
                self.series.views = series.saturating_sub(families::series_of(row, &view.item));
                (*place, *row) = (view, next);
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
            rows: self.rows.clone(),
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
    Some(Arc::new(ItemView { item: Arc::clone(item), effective: effective.clone(), memory: Arc::clone(memory) }))
}
