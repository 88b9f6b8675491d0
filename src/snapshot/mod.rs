//! One immutable picture of everything, for `/metrics`, pages and API.

mod rows;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::core::{Rollups, explain_with};
use crate::model::{Effective, Item, ItemMemory, Plan, Slot, Timestamp};

pub use rows::{Block, Row, Rows};

/// Coherent: all of it belongs to one instant.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Counts up with every change; the ETag of pages.
    pub generation: u64,
    pub taken_at: Timestamp,
    pub plan: Arc<Plan>,
    /// By slot.
    pub items: Vec<Arc<ItemView>>,
    /// The same for an exposition.
    pub rows: Rows,
    pub rollups: Rollups,
    pub load: LoadStatus,
    pub health: Health,
}

/// One item as shown. Replaced as a whole when anything about it changes.
#[derive(Clone, Debug)]
pub struct ItemView {
    pub item: Arc<Item>,
    pub effective: Effective,
    pub memory: Arc<ItemMemory>,
}

/// The last (re)load of the catalogue.
#[derive(Clone, Debug, Default)]
pub struct LoadStatus {
    pub successful: bool,
    /// Of the last successful one.
    pub loaded_at: Option<Timestamp>,
    /// Rendered errors of the last attempt, if it failed; redacted.
    pub errors: Option<Arc<str>>,
}

/// What the daemon says about itself.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// State was restored; before that, nothing is served as ready.
    pub ready: bool,
    pub draining: bool,
    pub store: StoreHealth,
    /// When the scheduler loop last turned.
    pub heartbeat: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub struct StoreHealth {
    pub kind: &'static str,
    pub degraded: bool,
    pub last_commit: Option<Timestamp>,
    pub last_error: Option<Arc<str>>,
    /// Memories and transitions waiting to be written.
    pub waiting: u64,
}

impl Snapshot {
    /// Why the item is in its state: the one sentence that board, API and command line share.
    pub fn sentence(&self, view: &ItemView) -> String {
        let other = |slot: Slot| self.items.get(slot.index()).map(|view| (&view.effective, &*view.memory));
        explain_with(&view.effective, &view.memory, &view.item, &self.plan, &other)
    }
}

/// Where the current snapshot is read from. Cloning shares it.
#[derive(Clone)]
pub struct Current(Arc<ArcSwap<Snapshot>>);

impl Current {
    pub fn new(first: Snapshot) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(first)))
    }

    pub fn load(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// For the publisher only.
    pub fn store(&self, next: Snapshot) {
        self.0.store(Arc::new(next));
    }
}
