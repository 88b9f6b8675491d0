//! Counts and gates of all checklists.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::core::GateCount;
use crate::model::{Checklist, Gate, State};
use crate::snapshot::Snapshot;
use crate::web::view;

#[derive(Debug, Serialize)]
pub(super) struct ChecklistJson {
    id: String,
    title: String,
    items: usize,
    states: BTreeMap<&'static str, usize>,
    /// By coverage: auto, derived, artifact, attested, unmapped.
    coverage: BTreeMap<&'static str, u32>,
    sections: Vec<SectionJson>,
    gates: Vec<GateJson>,
}

#[derive(Debug, Serialize)]
struct SectionJson {
    path: String,
    title: String,
    states: BTreeMap<&'static str, u32>,
}

#[derive(Debug, Serialize)]
struct GateJson {
    name: String,
    title: String,
    open: bool,
    blockers: u32,
    items: u32,
    /// Ids of the items in the way.
    blocker_items: Vec<String>,
}

pub(super) fn all(snapshot: &Snapshot) -> Vec<ChecklistJson> {
    snapshot.plan.checklists.iter().map(|checklist| one(snapshot, checklist)).collect()
}

fn one(snapshot: &Snapshot, checklist: &Checklist) -> ChecklistJson {
    let id = checklist.id.as_str();
    let mut states: BTreeMap<_, _> = State::ALL.into_iter().map(|state| (state.as_str(), 0)).collect();
    let mine = snapshot.items.iter().filter(|view| view.item.id.checklist() == id);
    let mut items = 0;
    for view in mine {
        *states.entry(view.effective.state.as_str()).or_default() += 1;
        items += 1;
    }
    let coverage = snapshot.rollups.coverage.iter().filter(|(checklist, _, _)| **checklist == *id);
    ChecklistJson {
        id: id.to_owned(),
        title: checklist.title.to_string(),
        items,
        states,
        coverage: coverage.map(|(_, mode, n)| (mode.as_str(), *n)).collect(),
        sections: sections(snapshot, checklist),
        gates: checklist.gates.iter().map(|g| gate(snapshot, checklist, g)).collect(),
    }
}

fn sections(snapshot: &Snapshot, checklist: &Checklist) -> Vec<SectionJson> {
    let counts = |path: &str| {
        let mut all = snapshot.rollups.sections.iter();
        let found = all.find(|count| *count.checklist == *checklist.id.as_str() && *count.section == *path);
        found.map(|count| State::ALL.into_iter().map(State::as_str).zip(count.states).collect()).unwrap_or_default()
    };
    let all = checklist.sections.iter();
    all.map(|section| SectionJson {
        path: section.path.as_str().to_owned(),
        title: section.title.to_string(),
        states: counts(section.path.as_str()),
    })
    .collect()
}

fn gate(snapshot: &Snapshot, checklist: &Checklist, gate: &Gate) -> GateJson {
    let count = view::gate_count(snapshot, checklist, gate);
    let blockers = view::blockers(snapshot, gate).into_iter().filter_map(|slot| snapshot.plan.item(slot));
    GateJson {
        name: gate.name.to_string(),
        title: gate.title.to_string(),
        open: count.is_some_and(GateCount::is_open),
        blockers: count.map_or(0, |count| count.blockers),
        items: count.map_or(0, |count| count.items),
        blocker_items: blockers.map(|item| item.id.to_string()).collect(),
    }
}
