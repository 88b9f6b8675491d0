//! One item: what it is, what was measured, what it waits for and what waits for it.

use super::columns::Column;
use super::layout::row;
use super::look::{self, steps};
use super::panel::{Panel, lines, now, over_time, stat, table, timeline};
use super::select::state_codes;
use super::{Dashboard, variables};
use crate::families::{Family, table};
use crate::generate::promql::Expr;

const ITEM: &[&str] = &["job", "instance", "checklist", "item"];

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "readiness-item",
        title: "Readiness: item",
        description: "One item, its measurements and its dependencies.",
        variables: variables::one_item(),
        from: "now-24h",
        rows: vec![
            row("", 5, [state(), since(), last_look(), last_pass(), regressions()]),
            row("", 5, [history()]),
            row("What was measured", 10, [measured(), thresholds()]),
            row("Looks", 8, [outcomes(), durations()]),
            row("What it is", 6, [about(), accepted()]),
            row("Dependencies", 8, [depends_on(), blocks()]),
        ],
    }
}

/// The family, of the one item.
fn of(family: Family) -> Expr {
    of_checklist(family).eq("item", "$item")
}

fn of_checklist(family: Family) -> Expr {
    Expr::family(family).chosen("job").eq("checklist", "$checklist")
}

fn state() -> Panel {
    let code = state_codes(of(table::STATE), ITEM);
    stat("State", "The reason stands in the table below.", vec![now(code, "")])
        .mappings(look::states_by_code())
        .thresholds(steps(&[]))
}

fn ago(title: &str, description: &str, family: Family) -> Panel {
    stat(title, description, vec![now(of(family).op("*", "1000"), "")]).unit("dateTimeFromNow").plain()
}

fn since() -> Panel {
    ago("In this state since", "", table::STATE_SINCE)
}

fn last_look() -> Panel {
    ago("Last look", "When the last scheduled evaluation ended.", table::LAST_EVALUATION)
}

fn last_pass() -> Panel {
    ago("Last pass", "When an evaluation last passed.", table::LAST_PASS)
}

fn regressions() -> Panel {
    stat(
        "Regressions",
        "Confirmed losses of a pass, as long as the exporter remembers.",
        vec![now(of(table::REGRESSIONS), "")],
    )
    .thresholds(steps(&[(1.0, "orange")]))
    .unit("none")
}

fn history() -> Panel {
    let states = state_codes(of(table::STATE), ITEM);
    timeline("State", "", over_time(states, "{{item}}"))
}

fn measured() -> Panel {
    let measured = over_time(of(table::MEASUREMENT), "{{measurement}}");
    let compared = over_time(of(table::THRESHOLD), "{{measurement}} (threshold)");
    lines("Measurements and thresholds", "In base units: seconds, bytes, ratios.", vec![measured, compared])
}

fn thresholds() -> Panel {
    let columns = [Column::MEASUREMENT, Column::VALUE];
    table("Now", "What the verdict rests on.", now(of(table::MEASUREMENT), ""), &columns).width(8)
}

fn outcomes() -> Panel {
    let rate = |family: Family| of(family).over("increase", "$__rate_interval");
    lines(
        "Evaluations",
        "How often it was looked at, and how often that failed.",
        vec![over_time(rate(table::EVALUATIONS), "evaluations"), over_time(rate(table::FAILURES), "failures")],
    )
}

fn durations() -> Panel {
    lines(
        "Duration",
        "Of the last evaluation, and from one to the next.",
        vec![over_time(of(table::DURATION), "duration"), over_time(of(table::INTERVAL), "interval")],
    )
    .unit("s")
}

fn about() -> Panel {
    let columns = [
        Column::STATE,
        Column::TITLE,
        Column::SECTION,
        Column::PRIORITY,
        Column::MODE,
        Column::PROBE,
        Column::TEAM,
        Column::RUNBOOK,
    ];
    let labels = &["section", "title", "priority", "mode", "probe", "team", "runbook_url"];
    let state = of(table::STATE).op("==", "1").with(ITEM, labels, of(table::INFO));
    table("What the catalogue says", "", now(state, ""), &columns)
}

fn accepted() -> Panel {
    let columns = [Column::REASON, Column::VALUE];
    table("Why it does not pass", "Nothing while it passes.", now(of(table::REASON), ""), &columns).width(7)
}

fn depends_on() -> Panel {
    let columns = [Column::DEPENDS_ON];
    table(
        "Depends on",
        "While one of these does not pass, this item is blocked where it fails.",
        now(of(table::DEPENDENCY_INFO), ""),
        &columns,
    )
}

fn blocks() -> Panel {
    let columns = [Column::CHECKLIST, Column::BLOCKS];
    let edges = Expr::family(table::DEPENDENCY_INFO).chosen("job").eq("depends_on", "$checklist/$item");
    table("Waits for it", "Items that are blocked while this one does not pass.", now(edges, ""), &columns)
}
