//! Which ears a catalogue wants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalog::Compiled;
use crate::model::{Access, Slot};
use crate::probe::{Credentials, LegProbe};

/// Ears beyond these are not opened; the items are still run by their schedule.
const MOST: usize = 256;

/// All ears of one catalogue. Each new one is another generation: slots and places mean something else.
#[derive(Default)]
pub(in crate::engine) struct Wanted {
    pub(super) generation: u64,
    pub(super) ears: Vec<Ear>,
    pub(super) credentials: Arc<Credentials>,
}

/// One way to hear of changes of one target.
pub(in crate::engine) struct Ear {
    pub(super) kind: &'static str,
    pub(super) target: Arc<str>,
    /// One of the legs that share it; they all listen in the same way.
    pub(super) probe: LegProbe,
    /// Items that look again when something changes.
    slots: BTreeSet<Slot>,
}

impl Wanted {
    /// Of all scheduled legs that only read and whose target is configured.
    pub(super) fn of(catalogue: &Compiled, generation: u64) -> Self {
        let mut ears: BTreeMap<(&'static str, Arc<str>, String), Ear> = BTreeMap::new();
        let items = catalogue.plan.items.iter().zip(0u32..).filter(|(item, _)| item.is_scheduled());
        for (leg, slot) in items.flat_map(|(item, n)| item.legs.iter().map(move |leg| (leg, Slot(n)))) {
            let Some(probe) = catalogue.legs.get(leg.index.0 as usize) else { continue };
            let Some(target) = probe.target.as_ref().filter(|_| leg.access == Access::Read) else { continue };
            let Some(what) = probe.probe.watches() else { continue };
            let kind = probe.probe.kind();
            let ear = ears.entry((kind, Arc::clone(&target.name), what));
            let new = || Ear { kind, target: Arc::clone(&target.name), probe: probe.clone(), slots: BTreeSet::new() };
            ear.or_insert_with(new).slots.insert(slot);
        }
        if ears.len() > MOST {
            tracing::warn!(wanted = ears.len(), opened = MOST, "more ways to hear of changes than are opened");
        }
        let credentials = Arc::clone(&catalogue.credentials);
        Self { generation, ears: ears.into_values().take(MOST).collect(), credentials }
    }

    /// The items that this ear concerns.
    pub(super) fn slots(&self, ear: usize) -> impl Iterator<Item = &Slot> {
        self.ears.get(ear).into_iter().flat_map(|ear| &ear.slots)
    }
}
