//! The board: what broke, and everything else by section.

use std::collections::HashSet;

use super::look::{Look, UNSET, URGENCY, is_unset, look, urgency};
use super::row::{Blocking, Row, row};
use super::tally::Tally;
use super::when::When;
use super::{Links, Notice, links, notices};
use crate::core::GateCount;
use crate::model::{Checklist, Effective, Gate, Priority, Slot, State, Timestamp};
use crate::snapshot::Snapshot;
use crate::web::filter::{Filter, Setup};

/// More rows than a person can read; beyond them the page asks for a filter.
const ROW_LIMIT: usize = 5000;
const BROKEN_LIMIT: usize = 12;
const BLOCKER_LIMIT: usize = 4;

pub(in crate::web) struct BoardView<'a> {
    pub(in crate::web) taken: When,
    pub(in crate::web) total: usize,
    pub(in crate::web) shown: usize,
    /// Rows left out because there are too many.
    pub(in crate::web) cut: usize,
    pub(in crate::web) filtered: bool,
    pub(in crate::web) filter: &'a Filter,
    pub(in crate::web) choices: Choices,
    pub(in crate::web) notices: Vec<Notice>,
    pub(in crate::web) counts: Vec<Count>,
    pub(in crate::web) gates: Vec<GateView<'a>>,
    pub(in crate::web) broken: Vec<Row<'a>>,
    pub(in crate::web) more_broken: usize,
    /// What can be said if nothing fails; empty otherwise.
    pub(in crate::web) calm: String,
    pub(in crate::web) checklists: Vec<ChecklistView<'a>>,
}

pub(in crate::web) struct Count {
    pub(in crate::web) look: Look,
    pub(in crate::web) items: usize,
    pub(in crate::web) href: String,
    pub(in crate::web) active: bool,
    /// Place in the bar, in thousandths of its width.
    pub(in crate::web) x: usize,
    pub(in crate::web) width: usize,
}

/// What the form offers, and what is chosen.
pub(in crate::web) struct Choices {
    pub(in crate::web) states: Vec<(&'static str, &'static str, bool)>,
    pub(in crate::web) priorities: Vec<(&'static str, bool)>,
    /// All that was asked for, in words; the form cannot show everything.
    pub(in crate::web) text: String,
}

pub(in crate::web) struct GateView<'a> {
    pub(in crate::web) checklist: &'a str,
    pub(in crate::web) title: &'a str,
    pub(in crate::web) href: String,
    pub(in crate::web) open: bool,
    pub(in crate::web) blockers: u32,
    pub(in crate::web) items: u32,
    /// Blockers that are not set up.
    pub(in crate::web) unset: usize,
    /// The first of the other blockers, and how many more there are.
    pub(in crate::web) first: Vec<Row<'a>>,
    pub(in crate::web) more: usize,
}

pub(in crate::web) struct ChecklistView<'a> {
    pub(in crate::web) id: &'a str,
    pub(in crate::web) title: &'a str,
    /// Nobody has to look: all sections are folded.
    pub(in crate::web) quiet: bool,
    pub(in crate::web) text: String,
    pub(in crate::web) sections: Vec<SectionView<'a>>,
}

pub(in crate::web) struct SectionView<'a> {
    pub(in crate::web) path: &'a str,
    pub(in crate::web) title: &'a str,
    pub(in crate::web) tally: Tally,
    /// Not passing: always visible, the most urgent first.
    pub(in crate::web) open: Vec<Row<'a>>,
    /// Not set up: folded, because there may be hundreds and none of them broke.
    pub(in crate::web) unset: Vec<Row<'a>>,
    /// Passing or not applicable: folded.
    pub(in crate::web) fine: Vec<Row<'a>>,
}

impl<'a> BoardView<'a> {
    pub(in crate::web) fn new(snapshot: &'a Snapshot, filter: &'a Filter, links: &Links, now: Timestamp) -> Self {
        let blocking = Blocking::count(snapshot);
        let make =
            |slot: Slot| snapshot.items.get(slot.index()).map(|view| row(snapshot, view, slot, &blocking, links, now));
        let admitted = admitted(snapshot, filter);
        let shown = admitted.len();
        let kept = admitted.get(..shown.min(ROW_LIMIT)).unwrap_or(&admitted);
        let mut broken = if filter.is_active() { Vec::new() } else { failing(snapshot, &blocking) };
        let all_broken = broken.len();
        broken.truncate(BROKEN_LIMIT);
        Self {
            taken: When::new(snapshot.taken_at, now),
            total: snapshot.items.len(),
            shown,
            cut: shown - kept.len(),
            filtered: filter.is_active(),
            filter,
            choices: Choices::new(filter),
            notices: notices(snapshot, now),
            counts: counts(snapshot, filter, links),
            gates: if filter.is_active() { Vec::new() } else { gates(snapshot, links, make) },
            more_broken: all_broken - broken.len(),
            broken: broken.into_iter().filter_map(make).collect(),
            calm: calm(snapshot, filter, all_broken),
            checklists: snapshot.plan.checklists.iter().filter_map(|c| checklist(snapshot, c, kept, make)).collect(),
        }
    }
}

/// Slots the filter lets through, in the order of the plan.
pub(in crate::web) fn admitted(snapshot: &Snapshot, filter: &Filter) -> Vec<Slot> {
    let gate = gate_members(snapshot, &filter.gate);
    let views = snapshot.items.iter().zip(0_u32..).map(|(view, place)| (view, Slot(place)));
    views
        .filter(|(view, slot)| filter.admits(view, gate.contains(slot), || snapshot.sentence(view)))
        .map(|(_, slot)| slot)
        .collect()
}

fn gate_members(snapshot: &Snapshot, asked: &str) -> HashSet<Slot> {
    let Some((checklist, name)) = asked.split_once('/') else { return HashSet::new() };
    let checklists = snapshot.plan.checklists.iter().filter(|c| c.id.as_str() == checklist);
    checklists.flat_map(|c| &c.gates).filter(|gate| *gate.name == *name).flat_map(|g| g.items.iter().copied()).collect()
}

/// The worst first; among equals the one that holds up most, because it explains the others.
fn failing(snapshot: &Snapshot, blocking: &Blocking) -> Vec<Slot> {
    let views = snapshot.items.iter().zip(0_u32..);
    let mut slots: Vec<Slot> =
        views.filter(|(view, _)| view.effective.state == State::Fail).map(|(_, place)| Slot(place)).collect();
    sort(snapshot, &mut slots);
    slots.sort_by_key(|slot| {
        (snapshot.plan.item(*slot).map(|item| item.priority), std::cmp::Reverse(blocking.by(*slot)))
    });
    slots
}

/// What is not set up comes after everything that somebody has to look at.
fn place(effective: &Effective) -> (bool, usize) {
    (is_unset(effective), urgency(effective.state))
}

/// By state, then priority, then the newest change.
fn sort(snapshot: &Snapshot, slots: &mut [Slot]) {
    slots.sort_by_key(|slot| {
        snapshot
            .items
            .get(slot.index())
            .map(|view| (place(&view.effective), view.item.priority, std::cmp::Reverse(view.effective.since)))
    });
}

fn counts(snapshot: &Snapshot, filter: &Filter, links: &Links) -> Vec<Count> {
    let total = snapshot.items.len().max(1);
    let asked = Filter { refresh: None, ..filter.clone() };
    let mut kinds: Vec<(Look, Filter)> = Vec::new();
    for state in URGENCY {
        // What is not set up has a count of its own, or nobody would see what could not be told.
        let setup = (state == State::Unknown).then_some(Setup::Complete);
        kinds.push((look(state), Filter { states: vec![state], setup, ..Filter::default() }));
    }
    let last = kinds.len() - 1;
    kinds.insert(last, (UNSET, Filter { setup: Some(Setup::Missing), ..Filter::default() }));
    let mut seen = 0;
    let mut all = Vec::new();
    for (look, query) in kinds {
        let items = snapshot.items.iter().filter(|view| query.admits(view, false, String::new)).count();
        let (x, end) = (seen * 1000 / total, (seen + items) * 1000 / total);
        seen += items;
        let state = query.states.first().map(|state| format!("state={}", state.as_str()));
        let setup = query.setup.map(|setup| format!("setup={}", setup.as_str()));
        let address: Vec<String> = state.into_iter().chain(setup).collect();
        all.push(Count {
            look,
            items,
            href: links.to(&format!("/?{}", address.join("&"))),
            active: asked == query,
            x,
            width: end - x,
        });
    }
    all
}

/// Says that nothing fails, and also how little that may mean.
fn calm(snapshot: &Snapshot, filter: &Filter, broken: usize) -> String {
    if filter.is_active() || broken > 0 || snapshot.items.is_empty() {
        return String::new();
    }
    let mut tally = Tally::default();
    snapshot.items.iter().for_each(|view| tally.add(&view.effective));
    format!("Nothing is failing. {tally}.")
}

fn gates<'a>(
    snapshot: &'a Snapshot,
    links: &Links,
    make: impl Fn(Slot) -> Option<Row<'a>> + Copy,
) -> Vec<GateView<'a>> {
    let all = snapshot.plan.checklists.iter().flat_map(|checklist| checklist.gates.iter().map(move |g| (checklist, g)));
    all.map(|(checklist, gate)| {
        let count = gate_count(snapshot, checklist, gate);
        let mut slots = blockers(snapshot, gate);
        sort(snapshot, &mut slots);
        let is_told = |slot: &Slot| snapshot.items.get(slot.index()).is_some_and(|view| !is_unset(&view.effective));
        let told = slots.iter().filter(|slot| is_told(slot)).count();
        let rows = slots.iter().take(told.min(BLOCKER_LIMIT)).filter_map(|slot| make(*slot)).collect();
        let address = format!(
            "/?gate={}%2F{}&state=fail,stale,unknown,blocked",
            links::encode(checklist.id.as_str()),
            links::encode(&gate.name)
        );
        GateView {
            checklist: checklist.id.as_str(),
            title: if gate.title.is_empty() { &gate.name } else { &gate.title },
            href: links.to(&address),
            open: count.is_some_and(GateCount::is_open),
            blockers: count.map_or(0, |count| count.blockers),
            items: count.map_or(0, |count| count.items),
            first: rows,
            unset: slots.len() - told,
            more: told.saturating_sub(BLOCKER_LIMIT),
        }
    })
    .collect()
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

fn checklist<'a>(
    snapshot: &'a Snapshot,
    checklist: &'a Checklist,
    kept: &[Slot],
    make: impl Fn(Slot) -> Option<Row<'a>> + Copy,
) -> Option<ChecklistView<'a>> {
    let mine: Vec<Slot> = kept
        .iter()
        .copied()
        .filter(|slot| snapshot.plan.item(*slot).is_some_and(|item| item.id.checklist() == checklist.id.as_str()))
        .collect();
    let sections: Vec<SectionView<'a>> =
        checklist.sections.iter().filter_map(|s| section(snapshot, s.path.as_str(), &s.title, &mine, make)).collect();
    (!sections.is_empty()).then(|| ChecklistView {
        id: checklist.id.as_str(),
        title: &checklist.title,
        quiet: sections.iter().all(|section| section.open.is_empty()),
        text: sections.iter().fold(Tally::default(), |sum, section| sum.plus(&section.tally)).to_string(),
        sections,
    })
}

fn section<'a>(
    snapshot: &'a Snapshot,
    path: &'a str,
    title: &'a str,
    slots: &[Slot],
    make: impl Fn(Slot) -> Option<Row<'a>> + Copy,
) -> Option<SectionView<'a>> {
    let mut mine: Vec<Slot> = slots
        .iter()
        .copied()
        .filter(|slot| snapshot.plan.item(*slot).is_some_and(|item| item.section.as_str() == path))
        .collect();
    sort(snapshot, &mut mine);
    let mut tally = Tally::default();
    let (mut open, mut unset, mut fine) = (Vec::new(), Vec::new(), Vec::new());
    for slot in mine {
        let (Some(view), Some(row)) = (snapshot.items.get(slot.index()), make(slot)) else { continue };
        tally.add(&view.effective);
        match view.effective.state {
            State::Pass | State::NotApplicable => fine.push(row),
            _ if row.unset => unset.push(row),
            _ => open.push(row),
        }
    }
    (tally.total() > 0).then_some(SectionView {
        path,
        title: if title.is_empty() { path } else { title },
        tally,
        open,
        unset,
        fine,
    })
}

impl Choices {
    fn new(filter: &Filter) -> Self {
        let states = URGENCY.into_iter().map(|s| (s.as_str(), look(s).word, filter.states == [s])).collect();
        let priorities = Priority::ALL.into_iter().map(|p| (p.as_str(), filter.priorities == [p])).collect();
        Self { states, priorities, text: filter.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;
    use crate::web::fixture;

    #[test]
    fn what_broke_comes_first_and_the_worst_of_it_before_the_rest() {
        let mut snapshot = fixture::snapshot();
        // The oldest failure, but the one that explains others.
        let long_ago = fixture::NOW - Span::from_secs(30 * 86_400);
        std::sync::Arc::make_mut(&mut snapshot.items[0]).effective.since = long_ago;
        let filter = Filter::default();
        let board = BoardView::new(&snapshot, &filter, &Links::default(), fixture::NOW);
        assert!(board.broken.iter().all(|row| row.look.class == "fail"));
        assert_eq!(board.broken[0].priority, "critical");
        assert!(board.broken[0].blocks >= 2, "it holds up others");
        let rows: usize = board
            .checklists
            .iter()
            .flat_map(|c| &c.sections)
            .map(|s| s.open.len() + s.unset.len() + s.fine.len())
            .sum();
        assert_eq!(rows, snapshot.items.len(), "every item is on the board once");
        assert_eq!(board.counts.iter().map(|count| count.items).sum::<usize>(), board.total);
        assert_eq!(board.counts.iter().map(|count| count.width).sum::<usize>(), 1000);
    }

    #[test]
    fn a_filtered_board_shows_what_was_asked_for_only() {
        let snapshot = fixture::snapshot();
        let filter = Filter::parse("state=blocked").unwrap();
        let board = BoardView::new(&snapshot, &filter, &Links::default(), fixture::NOW);
        assert!(board.filtered && board.broken.is_empty());
        let rows: Vec<_> = board.checklists.iter().flat_map(|c| &c.sections).flat_map(|s| &s.open).collect();
        assert!(!rows.is_empty() && rows.iter().all(|row| row.look.class == "blocked"));
    }

    #[test]
    fn a_gate_names_its_blockers() {
        let snapshot = fixture::snapshot();
        let filter = Filter::default();
        let board = BoardView::new(&snapshot, &filter, &Links::default(), fixture::NOW);
        let closed = board.gates.iter().find(|gate| !gate.open).unwrap();
        assert!(closed.unset > 0 && closed.first.iter().all(|row| !row.unset));
        assert_eq!(closed.first.len() + closed.more + closed.unset, closed.blockers as usize);
        assert!(board.gates.iter().any(|gate| gate.open));
    }

    #[test]
    fn what_nobody_has_set_up_does_not_drown_what_broke() {
        let snapshot = fixture::snapshot();
        let filter = Filter::default();
        let board = BoardView::new(&snapshot, &filter, &Links::default(), fixture::NOW);
        let sections: Vec<_> = board.checklists.iter().flat_map(|c| &c.sections).collect();
        assert!(sections.iter().flat_map(|s| &s.open).all(|row| !row.unset));
        let folded: Vec<_> = sections.iter().flat_map(|s| &s.unset).collect();
        assert!(!folded.is_empty() && folded.iter().all(|row| row.look == UNSET));
        let count = |class| board.counts.iter().find(|count| count.look.class == class).unwrap();
        assert_eq!(count("unset").items, folded.len());
        let asked = Filter::parse(count("unknown").href.trim_start_matches("/?")).unwrap();
        let shown = BoardView::new(&snapshot, &asked, &Links::default(), fixture::NOW);
        assert_eq!(shown.shown, count("unknown").items, "the address shows what was counted");
        assert!(shown.counts.iter().filter(|count| count.active).all(|count| count.look.class == "unknown"));
        assert!(shown.gates.is_empty() && board.calm.is_empty());
        assert!(board.checklists.iter().any(|c| c.quiet) && board.checklists.iter().any(|c| !c.quiet));
    }

    #[test]
    fn without_failures_it_says_how_much_that_means() {
        let mut snapshot = fixture::snapshot();
        snapshot.items.retain(|view| view.effective.state != State::Fail);
        let said = calm(&snapshot, &Filter::default(), 0);
        assert!(said.starts_with("Nothing is failing. ") && said.contains("not set up"), "{said}");
    }
}
