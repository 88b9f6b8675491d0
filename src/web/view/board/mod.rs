//! The board: what broke, and everything else by section.

mod facets;
mod find;
mod gates;
mod matching;
mod sections;
#[cfg(test)]
mod tests;
mod trouble;

use super::look::Kind;
use super::row::{Blocking, row};
use super::tally::Tally;
use super::when::When;
use super::{Links, Notice, notices};
use crate::model::{Slot, Timestamp};
use crate::snapshot::Snapshot;
use crate::web::filter::Filter;
use facets::Count;
use find::Find;
use gates::GateView;
use sections::ChecklistView;
use trouble::Trouble;

pub(in crate::web) use gates::{blockers, gate_count};
pub(in crate::web) use matching::admitted;

/// More rows than a person can read; beyond them the page asks for a filter.
const ROW_LIMIT: usize = 2000;

pub(in crate::web) struct BoardView<'a> {
    pub(in crate::web) taken: When,
    pub(in crate::web) total: usize,
    pub(in crate::web) shown: usize,
    /// Rows left out because there are too many.
    pub(in crate::web) cut: usize,
    pub(in crate::web) filtered: bool,
    pub(in crate::web) find: Find,
    pub(in crate::web) notices: Vec<Notice>,
    pub(in crate::web) counts: Vec<Count>,
    pub(in crate::web) gates: Vec<GateView<'a>>,
    pub(in crate::web) trouble: Trouble<'a>,
    /// What can be said if nothing fails; empty otherwise.
    pub(in crate::web) calm: String,
    pub(in crate::web) checklists: Vec<ChecklistView<'a>>,
    /// Seconds between reloads, if it reloads by itself.
    pub(in crate::web) refresh: Option<u32>,
    /// The same board, reloading by itself or no more.
    pub(in crate::web) toggle_reload: String,
}

impl<'a> BoardView<'a> {
    pub(in crate::web) fn new(snapshot: &'a Snapshot, filter: &Filter, links: &Links, now: Timestamp) -> Self {
        let blocking = Blocking::count(snapshot);
        let make =
            |slot: Slot| snapshot.items.get(slot.index()).map(|view| row(snapshot, view, slot, &blocking, links, now));
        let (slots, tally) = matching::matching(snapshot, filter);
        let trouble = Trouble::new(snapshot, filter, &slots, &blocking, links, make);
        let refresh = if filter.refresh.is_none() { Some(30) } else { None };
        Self {
            taken: When::new(snapshot.taken_at, now),
            total: snapshot.items.len(),
            shown: slots.len(),
            cut: slots.len().saturating_sub(ROW_LIMIT),
            filtered: filter.is_active(),
            find: Find::new(snapshot, filter, links),
            notices: notices(snapshot, now),
            counts: facets::counts(&tally, filter, links),
            gates: gates::gates(snapshot, filter, links, make),
            calm: calm(filter, &trouble, &tally),
            trouble,
            checklists: sections::checklists(snapshot, &slots, ROW_LIMIT, filter, links, make),
            refresh: filter.refresh,
            toggle_reload: Filter { refresh, ..filter.clone() }.address(links),
        }
    }
}

/// By state, then priority, then the newest change.
fn sort(snapshot: &Snapshot, slots: &mut [Slot]) {
    slots.sort_by_key(|slot| {
        snapshot.items.get(slot.index()).map(|view| {
            (Kind::of(&view.effective).place(), view.item.priority, std::cmp::Reverse(view.effective.since))
        })
    });
}

/// Says that nothing fails, and also how little that may mean.
fn calm(filter: &Filter, trouble: &Trouble<'_>, tally: &Tally) -> String {
    if !filter.is_part() || !trouble.is_empty() || tally.total() == 0 {
        return String::new();
    }
    format!("Nothing is failing. {}.", tally.said())
}
