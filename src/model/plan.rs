//! Everything the core, the snapshot and the encoder need to know of a catalogue: pure data,
//! immutable, replaced as a whole. It holds no probe.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Attestation, ChecklistId, Item, ItemId, SectionPath, Slot, Waiver};

#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub generation: u64,
    pub checklists: Vec<Checklist>,
    /// In the order of the catalogue: checklist, section, item.
    pub items: Vec<Arc<Item>>,
    pub slots: HashMap<ItemId, Slot>,
    pub waivers: Vec<Waiver>,
    pub attestations: Vec<Attestation>,
}

#[derive(Clone, Debug)]
pub struct Checklist {
    pub id: ChecklistId,
    pub title: Box<str>,
    pub sections: Vec<Section>,
    pub gates: Vec<Gate>,
}

#[derive(Clone, Debug)]
pub struct Section {
    pub path: SectionPath,
    pub title: Box<str>,
}

/// A named set of items of one checklist that must all be accepted.
#[derive(Clone, Debug)]
pub struct Gate {
    pub name: Box<str>,
    pub title: Box<str>,
    pub items: Vec<Slot>,
}

impl Plan {
    pub fn item(&self, slot: Slot) -> Option<&Arc<Item>> {
        self.items.get(slot.index())
    }

    pub fn slot(&self, id: &ItemId) -> Option<Slot> {
        self.slots.get(id).copied()
    }
}
