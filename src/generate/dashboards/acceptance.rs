//! What people accepted, stated and claimed, and until when it holds: for the auditor.

use super::columns::Column;
use super::layout::row;
use super::look::steps;
use super::panel::{Panel, lines, now, over_time, stat, table};
use super::select::{ITEM, items};
use super::{Dashboard, variables};
use crate::families::{Family, table};
use crate::generate::promql::Expr;
use crate::model::State;

/// Where a date is near.
const NOTICE: &str = "14 * 86400";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "readiness-acceptance",
        title: "Readiness: waivers, attestations and claims",
        description: "Who accepted which risk until when, and where the document and the measurement disagree.",
        variables: variables::checklists(),
        from: "now-7d",
        rows: vec![
            row(
                "",
                4,
                [
                    waived(),
                    ending(table::WAIVER_EXPIRES, "Waivers that end soon"),
                    ending(table::ATTESTATION_EXPIRES, "Attestations that end soon"),
                    over_claims(),
                ],
            ),
            row("Accepted risks", 9, [waivers()]),
            row("What people stated", 9, [attestations()]),
            row("Claims", 12, [drifts(), through_time()]),
        ],
    }
}

fn waived() -> Panel {
    let count = items(table::STATE).eq("state", State::Waived.as_str()).by("sum", &[]);
    stat("Waived items", "Do not pass; somebody has accepted that.", vec![now(count, "")])
        .thresholds(steps(&[(1.0, "blue")]))
        .unit("none")
}

fn ending(family: Family, title: &str) -> Panel {
    let left = items(family).op("-", "time()").op("< ", NOTICE).by("count", &[]).or_also(Expr::name("vector(0)"));
    stat(title, "Within two weeks, or ended already.", vec![now(left, "")])
        .thresholds(steps(&[(1.0, "orange")]))
        .unit("none")
}

fn over_claims() -> Panel {
    let count = items(table::CLAIM_DRIFT).eq("drift", "over_claim").by("count", &[]).or_also(Expr::name("vector(0)"));
    stat("Over-claims", "Ticked in the document, and not ready.", vec![now(count, "")])
        .thresholds(steps(&[(1.0, "red")]))
        .unit("none")
}

/// A date, with title and state of its item.
fn dated(family: Family) -> Expr {
    items(family)
        .op("*", "1000")
        .with(ITEM, &["title", "priority", "team"], items(table::INFO))
        .with(ITEM, &["state"], items(table::STATE).op("==", "1"))
        .call("sort")
}

/// What ends when, and what it is about.
fn about(named: Column) -> [Column; 8] {
    let [of, item, title] = [Column::CHECKLIST, Column::ITEM, Column::TITLE];
    [Column::ENDS, named, of, item, title, Column::STATE, Column::PRIORITY, Column::TEAM]
}

fn waivers() -> Panel {
    let columns = about(Column::WAIVER);
    table(
        "Waivers",
        "Approver and justification stand on the item's page.",
        now(dated(table::WAIVER_EXPIRES), ""),
        &columns,
    )
}

fn attestations() -> Panel {
    let columns = about(Column::ATTESTATION);
    table(
        "Attestations",
        "Who attested what stands on the item's page.",
        now(dated(table::ATTESTATION_EXPIRES), ""),
        &columns,
    )
}

fn drifts() -> Panel {
    let columns = [Column::DRIFT, Column::STATE, Column::CHECKLIST, Column::ITEM, Column::TITLE, Column::AGE];
    let since = Expr::name("time()").op("-", items(table::STATE_SINCE));
    let drift = items(table::CLAIM_DRIFT)
        .with(ITEM, &["title"], items(table::INFO))
        .with(ITEM, &["state"], items(table::STATE).op("==", "1"))
        .with(ITEM, &[], since);
    table(
        "Document against measurement",
        "over_claim: ticked, not ready. under_claim: open, ready. unproven: ticked, not told.",
        now(drift, ""),
        &columns,
    )
    .width(15)
}

fn through_time() -> Panel {
    let count = items(table::CLAIM_DRIFT).by("count", &["drift"]);
    lines("Drift", "Items by drift.", vec![over_time(count, "{{drift}}")]).unit("none")
}
