//! The exporter itself: whether what the other boards show can be believed.

use super::layout::row;
use super::look::{rising, steps};
use super::panel::{Panel, lines, now, over_time, stat};
use super::{Dashboard, variables};
use crate::families::{Family, table};
use crate::generate::promql::Expr;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "readiness-exporter",
        title: "Readiness: exporter",
        description: "The exporter itself.",
        variables: variables::exporter(),
        from: "now-6h",
        rows: vec![
            row("", 4, [heartbeat(), snapshot(), loaded(), store(), series(), panics(), version()]),
            row("Scheduling", 9, [lag(), overruns(), legs()]),
            row("Probes", 9, [durations(), outcomes()]),
            row("Store", 9, [commits(), waiting()]),
            row("Process", 9, [cpu(), memory(), descriptors()]),
        ],
    }
}

fn own(family: Family) -> Expr {
    Expr::family(family).chosen("job")
}

fn rate(family: Family) -> Expr {
    own(family).over("rate", "$__rate_interval")
}

/// How long something took, for the slowest of a hundred, by the label.
fn slowest(family: Family, by: &[&str]) -> Expr {
    let mut labels = by.to_vec();
    labels.push("le");
    Expr::buckets(family).chosen("job").over("rate", "$__rate_interval").by("sum", &labels).quantile("0.99")
}

fn age(title: &str, description: &str, family: Family, bad_s: f64) -> Panel {
    let age = Expr::name("time()").op("-", own(family));
    stat(title, description, vec![now(age, "{{instance}}")]).unit("s").thresholds(steps(&[(bad_s, "red")]))
}

fn heartbeat() -> Panel {
    age("Loop turned", "Seconds since the scheduler last turned.", table::HEARTBEAT, 60.0)
}

fn snapshot() -> Panel {
    age("Picture made", "Seconds since the served picture was made.", table::SNAPSHOT, 300.0)
}

fn loaded() -> Panel {
    stat("Catalogue loaded", "1 if the last load succeeded.", vec![now(own(table::RELOAD_SUCCESSFUL), "{{instance}}")])
        .thresholds(rising(&[(1.0, "green")]))
        .unit("none")
}

fn store() -> Panel {
    stat("Store healthy", "1 if the store took the last batch.", vec![now(own(table::STORE_HEALTHY), "{{instance}}")])
        .thresholds(rising(&[(1.0, "green")]))
        .unit("none")
}

fn series() -> Panel {
    stat(
        "Series",
        "About items and counts, in a full scrape.",
        vec![now(own(table::EXPOSITION_SERIES), "{{instance}}")],
    )
    .thresholds(steps(&[(100_000.0, "orange")]))
    .unit("short")
}

fn panics() -> Panel {
    stat("Panics", "Caught since the start; each is a bug.", vec![now(own(table::PANICS), "{{instance}}")])
        .thresholds(steps(&[(1.0, "red")]))
        .unit("none")
}

fn version() -> Panel {
    stat("Version", "", vec![now(own(table::BUILD_INFO), "{{version}}")]).plain().unit("none").named()
}

fn lag() -> Panel {
    lines(
        "Lateness",
        "From the planned to the real start, for the latest of a hundred.",
        vec![over_time(slowest(table::SCHEDULER_LAG, &["kind"]), "{{kind}}")],
    )
    .unit("s")
}

fn overruns() -> Panel {
    lines(
        "Left out",
        "Evaluations that were not made: the one before had not ended, or the item was changed meanwhile; and legs that were cut off.",
        vec![
            over_time(rate(table::OVERRUNS), "overruns"),
            over_time(rate(table::DROPPED), "dropped"),
            over_time(rate(table::CUT_OFFS), "cut off"),
        ],
    )
    .unit("cps")
}

fn legs() -> Panel {
    lines(
        "Legs",
        "Running, waiting for a permit, and how many may run.",
        vec![
            over_time(own(table::IN_FLIGHT), "{{class}} running"),
            over_time(own(table::WAITING), "{{class}} waiting"),
            over_time(own(table::LEGS_LIMIT), "{{class}} limit"),
        ],
    )
    .unit("none")
}

fn durations() -> Panel {
    lines(
        "Duration by kind",
        "Of the slowest of a hundred.",
        vec![over_time(slowest(table::PROBE_DURATION, &["kind"]), "{{kind}}")],
    )
    .unit("s")
}

fn outcomes() -> Panel {
    let runs = rate(table::PROBE_RUNS).by("sum", &["kind", "outcome"]);
    let turned = rate(table::TRANSITIONS);
    lines(
        "Looks by kind and outcome",
        "And changes of state.",
        vec![over_time(runs, "{{kind}} {{outcome}}"), over_time(turned, "transitions")],
    )
    .unit("cps")
}

fn commits() -> Panel {
    lines(
        "Batches",
        "Given to the store, and refused by it.",
        vec![
            over_time(rate(table::STORE_COMMITS), "commits"),
            over_time(rate(table::STORE_FAILURES), "failures"),
            over_time(rate(table::STORE_DROPPED), "{{rows}} given up"),
        ],
    )
    .unit("cps")
}

fn waiting() -> Panel {
    lines(
        "Store",
        "Rows that wait, and how long the slowest batch of a hundred takes.",
        vec![over_time(own(table::STORE_WAITING), "rows"), over_time(slowest(table::STORE_DURATION, &[]), "seconds")],
    )
}

fn cpu() -> Panel {
    lines("CPU", "Of one core.", vec![over_time(rate(table::CPU), "{{instance}}")]).unit("percentunit")
}

fn memory() -> Panel {
    lines("Memory", "Resident.", vec![over_time(own(table::RESIDENT_MEMORY), "{{instance}}")]).unit("bytes")
}

fn descriptors() -> Panel {
    lines(
        "File descriptors",
        "Open, and their limit.",
        vec![over_time(own(table::OPEN_FDS), "open"), over_time(own(table::MAX_FDS), "limit")],
    )
    .unit("none")
}
