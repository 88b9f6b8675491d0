//! Go or no-go: each gate, and what keeps it shut.

use super::columns::Column;
use super::layout::row;
use super::look::{self, steps};
use super::panel::{Panel, bars, lines, now, over_time, stat, table, timeline};
use super::select::{ITEM, in_state, items};
use super::{Dashboard, variables};
use crate::families::table;
use crate::model::State;

const GATE: &[&str] = &["checklist", "gate"];

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "readiness-gates",
        title: "Readiness: gates",
        description: "Go or no-go, and what is in the way.",
        variables: variables::checklists(),
        from: "now-7d",
        rows: vec![
            row("", 6, [gates()]),
            row("What is in the way", 9, [blockers(), by_state()]),
            row("", 16, [list()]),
            row("Through time", 9, [history(), counts()]),
        ],
    }
}

fn gates() -> Panel {
    let open = items(table::GATE_OPEN).by("min", GATE);
    stat(
        "Gates",
        "A gate is open when every applicable item of it passes or is accepted.",
        vec![now(open, "{{checklist}} {{gate}}")],
    )
    .mappings(look::open_or_closed())
    .thresholds(look::rising(&[(1.0, "green")]))
}

fn blockers() -> Panel {
    let count = items(table::GATE_BLOCKERS).by("max", GATE).call("sort_desc");
    bars("Items in the way", "Applicable items that are not accepted.", vec![now(count, "{{checklist}} {{gate}}")])
        .unit("none")
        .thresholds(steps(&[(1.0, "orange"), (10.0, "red")]))
}

/// Work to be done is not what broke: the states tell them apart.
fn by_state() -> Panel {
    let in_the_way = in_state(&[State::Fail, State::Unknown, State::Stale, State::Blocked]);
    let counted =
        items(table::GATE_ITEM).with(ITEM, &["state"], in_the_way).by("count", &["checklist", "gate", "state"]);
    bars(
        "In the way, by state",
        "Unknown may only mean: not set up yet.",
        vec![now(counted, "{{checklist}} {{gate}} {{state}}")],
    )
    .unit("none")
    .coloured_by_state()
}

fn list() -> Panel {
    let columns =
        [Column::GATE, Column::STATE, Column::REASON, Column::CHECKLIST, Column::ITEM, Column::PRIORITY, Column::SINCE];
    let since = items(table::STATE_SINCE).op("*", "1000").and(ITEM, items(table::ACCEPTED).op("==", "0"));
    let info = items(table::INFO);
    let each = items(table::GATE_ITEM)
        .with(ITEM, &["state"], in_state(&[State::Fail, State::Unknown, State::Stale, State::Blocked]))
        .with(ITEM, &["reason"], items(table::REASON))
        .with(ITEM, &["priority"], info)
        .with(ITEM, &[], since);
    table("What keeps the gates shut", "Every item that is neither ready nor accepted.", now(each, ""), &columns)
}

fn history() -> Panel {
    let open = items(table::GATE_OPEN).by("min", GATE);
    timeline("Open and closed", "", over_time(open, "{{checklist}} {{gate}}")).mappings(look::open_or_closed())
}

fn counts() -> Panel {
    let count = items(table::GATE_BLOCKERS).by("max", GATE);
    lines("Items in the way", "", vec![over_time(count, "{{checklist}} {{gate}}")]).unit("none")
}
