//! What a reload changed, item by item.

use crate::model::{Item, ItemId, Plan, Slot};

/// The strongest change of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    Unchanged,
    /// Title, team, labels: memory and due time stay.
    Meta,
    Schedule,
    Policy,
    /// What is observed: history stays, the outcome does not.
    Probe,
    /// Known under a former id; there may be other changes besides.
    AliasOf,
    Added,
}

/// One item of the new plan against the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its slot in the old plan.
    pub old: Option<Slot>,
    pub renamed: bool,
    pub probe: bool,
    pub policy: bool,
    pub schedule: bool,
    pub meta: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanDiff {
    /// By slot of the new plan.
    pub items: Vec<Change>,
    /// Ids of the old plan that live on under no id of the new one.
    pub removed: Vec<ItemId>,
}

impl Change {
    const ADDED: Change =
        Change { old: None, renamed: false, probe: false, policy: false, schedule: false, meta: false };

    pub fn kind(&self) -> ChangeKind {
        match self {
            Change { old: None, .. } => ChangeKind::Added,
            Change { renamed: true, .. } => ChangeKind::AliasOf,
            Change { probe: true, .. } => ChangeKind::Probe,
            Change { policy: true, .. } => ChangeKind::Policy,
            Change { schedule: true, .. } => ChangeKind::Schedule,
            Change { meta: true, .. } => ChangeKind::Meta,
            _ => ChangeKind::Unchanged,
        }
    }

    fn between(slot: Slot, old: &Item, new: &Item) -> Self {
        Self {
            old: Some(slot),
            renamed: old.id != new.id,
            probe: old.digests.probe != new.digests.probe,
            policy: old.digests.policy != new.digests.policy,
            schedule: old.digests.schedule != new.digests.schedule,
            meta: old.digests.meta != new.digests.meta,
        }
    }
}

impl PlanDiff {
    /// An id that is in both plans is the same item; a former id counts only if it is gone, and
    /// only for the first item that names it.
    pub fn between(old: &Plan, new: &Plan) -> Self {
        let mut moved = vec![false; old.items.len()];
        for item in &new.items {
            if let Some(place) = old.slot(&item.id).and_then(|slot| moved.get_mut(slot.index())) {
                *place = true;
            }
        }
        let mut items = Vec::with_capacity(new.items.len());
        for item in &new.items {
            let former = || {
                item.aliases
                    .iter()
                    .filter_map(|alias| old.slot(alias))
                    .find(|slot| moved.get(slot.index()) == Some(&false))
            };
            let slot = old.slot(&item.id).or_else(former);
            if let Some(place) = slot.and_then(|slot| moved.get_mut(slot.index())) {
                *place = true;
            }
            let change = slot.and_then(|slot| Some(Change::between(slot, old.item(slot)?, item)));
            items.push(change.unwrap_or(Change::ADDED));
        }
        let removed =
            old.items.iter().zip(moved).filter(|(_, moved)| !moved).map(|(item, _)| item.id.clone()).collect();
        Self { items, removed }
    }
}
