//! Everything by checklist and section, within bounds that keep the page readable.

use std::collections::HashMap;

use crate::model::{Checklist, Section, Slot, State};
use crate::snapshot::Snapshot;
use crate::web::filter::Filter;
use crate::web::view::Links;
use crate::web::view::look::Kind;
use crate::web::view::row::Row;
use crate::web::view::tally::Tally;

/// So many rows are unfolded without being asked for; sections beyond are folded.
const UNFOLDED_LIMIT: usize = 200;

pub(in crate::web) struct ChecklistView<'a> {
    pub(in crate::web) title: &'a str,
    /// Shows this checklist alone.
    pub(in crate::web) href: String,
    pub(in crate::web) badge: String,
    /// Whether it is folded, because nobody has to look.
    pub(in crate::web) folded: bool,
    pub(in crate::web) tally: Tally,
    pub(in crate::web) sections: Vec<SectionView<'a>>,
}

pub(in crate::web) struct SectionView<'a> {
    pub(in crate::web) title: &'a str,
    /// Shows this section alone.
    pub(in crate::web) href: String,
    pub(in crate::web) folded: bool,
    pub(in crate::web) tally: Tally,
    /// Not passing, the most urgent first.
    pub(in crate::web) open: Vec<Row<'a>>,
    /// Not set up: folded, because there may be hundreds and none of them broke.
    pub(in crate::web) unset: Vec<Row<'a>>,
    /// Passing or not applicable: folded.
    pub(in crate::web) fine: Vec<Row<'a>>,
    /// Whether those two are unfolded.
    pub(in crate::web) all: bool,
    /// Rows left out because the page would be too long.
    pub(in crate::web) cut: usize,
}

#[derive(Default)]
struct Group {
    slots: Vec<Slot>,
    tally: Tally,
}

/// `slots` in the order of the plan; at most `limit` of them, the most urgent, become rows.
pub(super) fn checklists<'a>(
    snapshot: &'a Snapshot,
    slots: &[Slot],
    limit: usize,
    filter: &Filter,
    links: &Links,
    make: impl Fn(Slot) -> Option<Row<'a>>,
) -> Vec<ChecklistView<'a>> {
    let mut groups = groups(snapshot, slots, limit);
    // Who asks for a handful wants to see it, whatever state it is in.
    let all = filter.is_active() && slots.len() <= UNFOLDED_LIMIT;
    let mut unfolded = 0;
    let mut views = Vec::new();
    for checklist in &snapshot.plan.checklists {
        let only = Filter { checklist: checklist.id.as_str().to_owned(), ..filter.clone() };
        let mut view = |section: &'a Section| {
            let group = groups.remove(&(checklist.id.as_str(), section.path.as_str()))?;
            let href = Filter { section: section.path.as_str().to_owned(), ..only.clone() }.address(links);
            let mut view = section_view(snapshot, section, href, group, all, &make);
            unfolded += view.open.len();
            view.folded = !all && (view.open.is_empty() || unfolded > UNFOLDED_LIMIT);
            Some(view)
        };
        let sections: Vec<_> = checklist.sections.iter().filter_map(&mut view).collect();
        if !sections.is_empty() {
            views.push(checklist_view(checklist, sections, only.address(links), all, links));
        }
    }
    views
}

fn groups<'a>(snapshot: &'a Snapshot, slots: &[Slot], limit: usize) -> HashMap<(&'a str, &'a str), Group> {
    let mut groups: HashMap<_, Group> = HashMap::new();
    let mut kept = slots.to_vec();
    if kept.len() > limit {
        let place = |slot: &Slot| {
            snapshot.items.get(slot.index()).map(|view| (Kind::of(&view.effective).place(), view.item.priority))
        };
        kept.sort_by_key(place);
        kept.truncate(limit);
    }
    super::sort(snapshot, &mut kept);
    let name = |slot: &Slot| snapshot.plan.item(*slot).map(|item| (item.id.checklist(), item.section.as_str()));
    for slot in slots {
        let (Some(name), Some(view)) = (name(slot), snapshot.items.get(slot.index())) else { continue };
        groups.entry(name).or_default().tally.add(&view.effective);
    }
    for slot in kept {
        if let Some(group) = name(&slot).and_then(|name| groups.get_mut(&name)) {
            group.slots.push(slot);
        }
    }
    groups
}

fn checklist_view<'a>(
    checklist: &'a Checklist,
    sections: Vec<SectionView<'a>>,
    href: String,
    all: bool,
    links: &Links,
) -> ChecklistView<'a> {
    let tally = sections.iter().fold(Tally::default(), |sum, section| sum.plus(&section.tally));
    ChecklistView {
        title: &checklist.title,
        href,
        badge: links.checklist_badge(checklist.id.as_str()),
        folded: !all && tally.open() == 0,
        tally,
        sections,
    }
}

fn section_view<'a>(
    snapshot: &'a Snapshot,
    section: &'a Section,
    href: String,
    group: Group,
    all: bool,
    make: impl Fn(Slot) -> Option<Row<'a>>,
) -> SectionView<'a> {
    let cut = group.tally.total() - group.slots.len();
    let (mut open, mut unset, mut fine) = (Vec::new(), Vec::new(), Vec::new());
    for slot in group.slots {
        let (Some(view), Some(row)) = (snapshot.items.get(slot.index()), make(slot)) else { continue };
        match view.effective.state {
            State::Pass | State::NotApplicable => fine.push(row),
            _ if row.unset => unset.push(row),
            _ => open.push(row),
        }
    }
    SectionView {
        title: if section.title.is_empty() { section.path.as_str() } else { &section.title },
        href,
        folded: false,
        tally: group.tally,
        open,
        unset,
        fine,
        all,
        cut,
    }
}
