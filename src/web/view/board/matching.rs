//! Which items a filter lets through.

use std::collections::HashSet;

use crate::model::Slot;
use crate::snapshot::Snapshot;
use crate::web::filter::Filter;
use crate::web::view::tally::Tally;

/// Slots the filter lets through, in the order of the plan.
pub(in crate::web) fn admitted(snapshot: &Snapshot, filter: &Filter) -> Vec<Slot> {
    let gate = gate_members(snapshot, &filter.gate);
    let views = snapshot.items.iter().zip(0_u32..).map(|(view, place)| (view, Slot(place)));
    views
        .filter(|(view, slot)| filter.admits(view, gate.contains(slot), || snapshot.sentence(view)))
        .map(|(_, slot)| slot)
        .collect()
}

/// The same, and how many there would be in each state if no state were asked for.
pub(super) fn matching(snapshot: &Snapshot, filter: &Filter) -> (Vec<Slot>, Tally) {
    let mut slots = admitted(snapshot, &filter.in_any_state());
    let mut tally = Tally::default();
    slots.retain(|slot| {
        let Some(view) = snapshot.items.get(slot.index()) else { return false };
        tally.add(&view.effective);
        filter.admits_state(&view.effective)
    });
    (slots, tally)
}

fn gate_members(snapshot: &Snapshot, asked: &str) -> HashSet<Slot> {
    let Some((checklist, name)) = asked.split_once('/') else { return HashSet::new() };
    let checklists = snapshot.plan.checklists.iter().filter(|c| c.id.as_str() == checklist);
    checklists.flat_map(|c| &c.gates).filter(|gate| *gate.name == *name).flat_map(|g| g.items.iter().copied()).collect()
}
