//! One checklist, section by section.

use super::columns::Column;
use super::layout::row;
use super::panel::{Panel, bars, now, over_time, stat, table, timeline};
use super::select::{ITEM, info, items, share};
use super::{Dashboard, look, variables};
use crate::families::table;
use crate::generate::promql::Expr;
use crate::model::State;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "readiness-checklist",
        title: "Readiness: checklist",
        description: "A checklist by sections and items.",
        variables: variables::items(),
        from: "now-24h",
        rows: vec![
            row("", 5, [score("Ready", table::READY), score("Accepted", table::ACCEPTED), coverage()]),
            row("Sections", 12, [sections(), ages()]),
            row("Items", 16, [all()]),
            row("Through time", 14, [worst()]),
        ],
    }
}

fn score(title: &str, family: crate::families::Family) -> Panel {
    let share = share(family, &["checklist"]);
    stat(title, "Of the applicable items that are chosen.", vec![now(share, "{{checklist}}")]).ratio().width(6)
}

fn coverage() -> Panel {
    let modes = items(table::CHECKLIST_ITEMS).by("sum", &["checklist", "mode"]);
    bars(
        "How the truth is found",
        "Items by mode; unmapped: a check is missing.",
        vec![now(modes, "{{checklist}} {{mode}}")],
    )
    .unit("none")
}

fn sections() -> Panel {
    let counts = items(table::SECTION_ITEMS).chosen("section").by("sum", &["section", "state"]).op(">", "0");
    bars("States by section", "Items in each state.", vec![now(counts, "{{section}} {{state}}")])
        .unit("none")
        .coloured_by_state()
}

/// Time in state, of what is not ready.
fn ages() -> Panel {
    let since = Expr::name("time()").op("-", items(table::STATE_SINCE));
    let not_ready = items(table::READY).op("==", "0");
    let longest = since.and(ITEM, not_ready).with(ITEM, &["section", "priority", "team"], info());
    bars(
        "Time in state",
        "How long the longest of each section has not been ready.",
        vec![now(longest.by("max", &["checklist", "section"]).call("sort_desc"), "{{checklist}} {{section}}")],
    )
    .unit("dtdurations")
    .thresholds(look::steps(&[(86_400.0, "yellow"), (7.0 * 86_400.0, "orange"), (30.0 * 86_400.0, "red")]))
}

fn all() -> Panel {
    let columns = [
        Column::SECTION,
        Column::CHECKLIST,
        Column::ITEM,
        Column::TITLE,
        Column::STATE,
        Column::PRIORITY,
        Column::MODE,
        Column::PROBE,
        Column::TEAM,
        Column::SINCE,
        Column::RUNBOOK,
    ];
    let since = items(table::STATE_SINCE).op("*", "1000").with(ITEM, &["state"], items(table::STATE).op("==", "1"));
    let labels = &["section", "title", "priority", "mode", "probe", "team", "runbook_url"];
    table("All items", "Every item chosen, ready or not.", now(since.with(ITEM, labels, info()), ""), &columns)
}

/// The worst state of each section.
fn worst() -> Panel {
    let order = [State::Fail, State::Stale, State::Unknown, State::Blocked, State::Waived, State::Pass];
    let counts = |state: State| items(table::SECTION_ITEMS).chosen("section").eq("state", state.as_str()).op("> ", "0");
    let of = &["job", "instance", "checklist", "section"][..];
    let coded = |state: State| {
        let number = look::code(state).to_string();
        counts(state).op("* 0 +", number.as_str()).by("max", of)
    };
    let worst =
        order.into_iter().map(coded).reduce(|worse, better| worse.or(of, better)).unwrap_or(Expr::name("vector(0)"));
    timeline("Sections", "The worst state of each section's items.", over_time(worst, "{{checklist}} {{section}}"))
}
