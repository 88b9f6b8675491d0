//! What stands in the way of an item, and what waits for it.

use std::collections::HashSet;

use crate::model::{Slot, State};
use crate::snapshot::Snapshot;

/// Longer lists are cut; the board shows the rest.
pub(super) const LIMIT: usize = 100;

pub(super) struct Neighbours {
    /// Dependencies, near and far, that do not pass: the root cause first, the nearest last.
    pub(super) blockers: Vec<Slot>,
    /// Its own dependencies that pass.
    pub(super) passing: Vec<Slot>,
    /// Items that are blocked and whose root cause this is.
    pub(super) blocks: Vec<Slot>,
    /// Other items that name it as a dependency.
    pub(super) dependents: Vec<Slot>,
}

impl Neighbours {
    pub(super) fn of(snapshot: &Snapshot, slot: Slot) -> Self {
        let (mut blocks, mut dependents) = (Vec::new(), Vec::new());
        for (view, place) in snapshot.items.iter().zip(0_u32..) {
            if view.effective.root_cause == Some(slot) {
                blocks.push(Slot(place));
            } else if view.item.depends_on.contains(&slot) {
                dependents.push(Slot(place));
            }
        }
        let parents = snapshot.items.get(slot.index()).map(|view| view.item.parents().collect()).unwrap_or_default();
        let passing = |slot: &Slot| state(snapshot, *slot).is_none_or(|state| state == State::Pass);
        let parents: Vec<Slot> = parents;
        Self {
            blockers: blockers(snapshot, slot),
            passing: parents.into_iter().filter(passing).collect(),
            blocks,
            dependents,
        }
    }
}

fn state(snapshot: &Snapshot, slot: Slot) -> Option<State> {
    snapshot.items.get(slot.index()).map(|view| view.effective.state)
}

/// Goes up level by level through what does not pass, and gives the far end first.
fn blockers(snapshot: &Snapshot, slot: Slot) -> Vec<Slot> {
    let root = snapshot.items.get(slot.index()).and_then(|view| view.effective.root_cause);
    let (mut seen, mut found) = (HashSet::from([slot]), Vec::new());
    let mut level = vec![slot];
    while !level.is_empty() && found.len() < LIMIT {
        let mut above = Vec::new();
        for parent in level.iter().filter_map(|slot| snapshot.plan.item(*slot)).flat_map(|item| item.parents()) {
            if state(snapshot, parent).is_some_and(|state| state != State::Pass) && seen.insert(parent) {
                above.push(parent);
            }
        }
        found.extend(above.iter().copied());
        level = above;
    }
    found.reverse();
    found.sort_by_key(|slot| Some(*slot) != root);
    found
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::web::fixture;

    /// `core.database.*`: 1 hangs on 0, and here 2 hangs on 1 and on 5, which passes.
    fn chain() -> Snapshot {
        let mut snapshot = fixture::snapshot();
        let view = Arc::make_mut(&mut snapshot.items[2]);
        Arc::make_mut(&mut view.item).depends_on = Box::new([Slot(1), Slot(5)]);
        let item = view.item.clone();
        Arc::make_mut(&mut snapshot.plan).items[2] = item;
        snapshot
    }

    #[test]
    fn the_root_cause_comes_first() {
        let near = Neighbours::of(&chain(), Slot(2));
        assert_eq!(near.blockers, [Slot(0), Slot(1)]);
        assert_eq!(near.passing, [Slot(5)]);
    }

    #[test]
    fn what_waits_for_an_item_is_told_from_what_it_blocks() {
        let snapshot = chain();
        assert_eq!(Neighbours::of(&snapshot, Slot(0)).blocks, [Slot(1), Slot(2), Slot(4)]);
        let passing = Neighbours::of(&snapshot, Slot(5));
        assert!(passing.blocks.is_empty() && passing.blockers.is_empty());
        assert_eq!(passing.dependents, [Slot(2)]);
    }

    #[test]
    fn a_circle_ends() {
        let mut snapshot = chain();
        let view = Arc::make_mut(&mut snapshot.items[0]);
        Arc::make_mut(&mut view.item).depends_on = Box::new([Slot(2)]);
        let item = view.item.clone();
        Arc::make_mut(&mut snapshot.plan).items[0] = item;
        assert_eq!(Neighbours::of(&snapshot, Slot(2)).blockers, [Slot(0), Slot(1)]);
    }
}
