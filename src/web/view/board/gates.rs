//! Gates, and what is in their way.

use crate::core::GateCount;
use crate::model::{Checklist, Gate, Slot, State};
use crate::snapshot::Snapshot;
use crate::web::filter::Filter;
use crate::web::view::Links;
use crate::web::view::look::is_unset;
use crate::web::view::row::Row;

const BLOCKER_LIMIT: usize = 4;

pub(in crate::web) struct GateView<'a> {
    pub(in crate::web) checklist: &'a str,
    pub(in crate::web) title: &'a str,
    pub(in crate::web) href: String,
    pub(in crate::web) badge: String,
    pub(in crate::web) open: bool,
    pub(in crate::web) blockers: u32,
    pub(in crate::web) items: u32,
    /// Blockers that are not set up.
    pub(in crate::web) unset: usize,
    /// The first of the other blockers, and how many more there are.
    pub(in crate::web) first: Vec<Row<'a>>,
    pub(in crate::web) more: usize,
}

/// The gates that the filter does not cut through: a gate is about all its items, so it is not shown
/// beside some of them.
pub(super) fn gates<'a>(
    snapshot: &'a Snapshot,
    filter: &Filter,
    links: &Links,
    make: impl Fn(Slot) -> Option<Row<'a>> + Copy,
) -> Vec<GateView<'a>> {
    let whole = Filter {
        checklist: filter.checklist.clone(),
        gate: filter.gate.clone(),
        states: if filter.gate.is_empty() { Vec::new() } else { filter.states.clone() },
        refresh: filter.refresh,
        ..Filter::default()
    };
    if *filter != whole {
        return Vec::new();
    }
    let mut views = Vec::new();
    for checklist in &snapshot.plan.checklists {
        for gate in &checklist.gates {
            let address = format!("{}/{}", checklist.id.as_str(), gate.name);
            let listed = filter.checklist.is_empty() || filter.checklist == checklist.id.as_str();
            if listed && (filter.gate.is_empty() || filter.gate == address) {
                views.push(view(snapshot, checklist, gate, address, links, make));
            }
        }
    }
    views
}

fn view<'a>(
    snapshot: &'a Snapshot,
    checklist: &'a Checklist,
    gate: &'a Gate,
    address: String,
    links: &Links,
    make: impl Fn(Slot) -> Option<Row<'a>>,
) -> GateView<'a> {
    let count = gate_count(snapshot, checklist, gate);
    let mut slots = blockers(snapshot, gate);
    let all = slots.len();
    slots.retain(|slot| snapshot.items.get(slot.index()).is_some_and(|view| !is_unset(&view.effective)));
    super::sort(snapshot, &mut slots);
    let states = vec![State::Fail, State::Stale, State::Unknown, State::Blocked];
    GateView {
        checklist: checklist.id.as_str(),
        title: if gate.title.is_empty() { &gate.name } else { &gate.title },
        href: Filter { gate: address, states, ..Filter::default() }.address(links),
        badge: links.gate_badge(checklist.id.as_str(), &gate.name),
        open: count.is_some_and(GateCount::is_open),
        blockers: count.map_or(0, |count| count.blockers),
        items: count.map_or(0, |count| count.items),
        unset: all - slots.len(),
        more: slots.len().saturating_sub(BLOCKER_LIMIT),
        first: slots.into_iter().take(BLOCKER_LIMIT).filter_map(make).collect(),
    }
}

pub(in crate::web) fn gate_count<'a>(
    snapshot: &'a Snapshot,
    checklist: &Checklist,
    gate: &Gate,
) -> Option<&'a GateCount> {
    let mut counts = snapshot.rollups.gates.iter();
    counts.find(|count| *count.checklist == *checklist.id.as_str() && *count.gate == *gate.name)
}

/// Applicable items of the gate that are not accepted.
pub(in crate::web) fn blockers(snapshot: &Snapshot, gate: &Gate) -> Vec<Slot> {
    let state = |slot: &Slot| snapshot.items.get(slot.index()).map(|view| view.effective.state);
    let closed = |slot: &&Slot| state(slot).is_some_and(|s| !s.is_accepted() && s != State::NotApplicable);
    gate.items.iter().filter(closed).copied().collect()
}
