//! The readiness board: what stands between us and go, at one glance and from across the room.

use super::columns::Column;
use super::layout::row;
use super::look::{self, steps};
use super::panel::{bars, lines, now, over_time, stat, table, timeline};
use super::select::{ITEM, chosen, in_state, info, items, share, state_codes, table_of};
use super::{Dashboard, variables};
use crate::families::table;
use crate::generate::promql::Expr;
use crate::model::State;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "readiness",
        title: "Readiness: board",
        description: "What is ready, what is not, since when.",
        variables: variables::items(),
        from: "now-24h",
        rows: vec![
            row("", 4, [ready(), accepted(), failing(), regressed(), blocked(), untold(), gates()]),
            row("What broke", 7, [regressions()]),
            row("What is not ready", 12, [not_ready()]),
            row("By section", 14, [ready_by_section(), accepted_by_section()]),
            row("Through time", 12, [states(), changes()]),
        ],
    }
}

fn ready() -> super::panel::Panel {
    let share = share(table::READY, &[]);
    stat("Ready", "The share of applicable items that pass.", vec![now(share, "ready")]).ratio()
}

fn accepted() -> super::panel::Panel {
    let share = share(table::ACCEPTED, &[]);
    stat("Accepted", "Those that pass, and those whose risk somebody has accepted.", vec![now(share, "accepted")])
        .ratio()
}

/// How many chosen items satisfy it; 0 where none does.
fn count(of: Expr) -> Expr {
    chosen(of).by("count", &[]).or_also(Expr::name("vector(0)"))
}

fn number(title: &str, description: &str, of: Expr, bad: &str) -> super::panel::Panel {
    stat(title, description, vec![now(count(of), "")]).thresholds(steps(&[(1.0, bad)])).unit("none")
}

fn failing() -> super::panel::Panel {
    number("Failing", "Confirmed by several looks.", in_state(&[State::Fail]), "red")
}

fn regressed() -> super::panel::Panel {
    let lost = items(table::REGRESSED).op("==", "1");
    number("Regressed", "Were ready, and are not any more.", lost, "red")
}

fn blocked() -> super::panel::Panel {
    number("Blocked", "Cannot be judged before another item passes.", in_state(&[State::Blocked]), "purple")
}

fn untold() -> super::panel::Panel {
    let states = in_state(&[State::Unknown, State::Stale]);
    number("Unknown or stale", "Cannot be told, or what is known is too old.", states, "orange")
}

fn gates() -> super::panel::Panel {
    let open = items(table::GATE_OPEN).by("min", &["checklist", "gate"]);
    stat("Gates", "Open when all of their items are accepted.", vec![now(open, "{{checklist}} {{gate}}")])
        .mappings(look::open_or_closed())
        .thresholds(look::rising(&[(1.0, "green")]))
        .width(6)
}

const COLUMNS: [Column; 9] = [
    Column::STATE,
    Column::REASON,
    Column::CHECKLIST,
    Column::ITEM,
    Column::TITLE,
    Column::PRIORITY,
    Column::TEAM,
    Column::SINCE,
    Column::RUNBOOK,
];

fn regressions() -> super::panel::Panel {
    let lost = items(table::REGRESSED).op("==", "1");
    table(
        "Regressions",
        "Were ready, and are not any more; the newest first.",
        now(table_of(lost).call("sort_desc"), ""),
        &COLUMNS,
    )
}

fn not_ready() -> super::panel::Panel {
    let others = in_state(&[State::Fail, State::Unknown, State::Stale, State::Blocked, State::Waived]);
    table(
        "Items that are not ready",
        "Item and runbook are links: to the item's board, to its evidence, to what to do.",
        now(table_of(others).call("sort_desc"), ""),
        &COLUMNS,
    )
}

fn ready_by_section() -> super::panel::Panel {
    let share = share(table::READY, &["checklist", "section"]).call("sort");
    bars("Ready by section", "The share of applicable items that pass.", vec![now(share, "{{checklist}} {{section}}")])
        .ratio()
}

fn accepted_by_section() -> super::panel::Panel {
    let share = share(table::ACCEPTED, &["checklist", "section"]).call("sort");
    bars("Accepted by section", "With those whose risk is accepted.", vec![now(share, "{{checklist}} {{section}}")])
        .ratio()
}

fn states() -> super::panel::Panel {
    let counted = items(table::STATE).with(ITEM, &["section", "priority", "team"], info()).by("sum", &["state"]);
    lines("Items by state", "Of the items chosen.", vec![over_time(counted, "{{state}}")])
        .unit("none")
        .coloured_by_state()
}

/// Hundreds of lines say nothing: only what was ready and what was not within the time shown.
fn changes() -> super::panel::Panel {
    let turned = items(table::STATE).eq("state", State::Pass.as_str()).at_the_end("changes").op("> ", "0");
    let broken = items(table::STATE)
        .any("state", [State::Fail, State::Stale, State::Blocked].map(State::as_str))
        .at_the_end("max_over_time")
        .op("> ", "0");
    let changed = turned.and(ITEM, broken);
    let states = chosen(state_codes(items(table::STATE), ITEM)).and(ITEM, changed);
    timeline(
        "What changed",
        "Items that were ready, and failing, stale or blocked, within the time shown.",
        over_time(states, "{{checklist}}/{{item}}"),
    )
}
