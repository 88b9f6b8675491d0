//! Alerts about the exporter itself: its own outage must be louder than any item's.

use super::super::promql::Expr;
use super::{Alert, Group, Rule, Severity, minutes};
use crate::families::table;

const JOB: &[&str] = &["job"];

pub(super) fn group() -> Group {
    let rules = vec![down(), stuck(), lagging(), store(), reload(), panics()];
    Group { name: "readiness-exporter", about: "The exporter itself.", rules }
}

fn alert(
    name: &'static str,
    severity: Severity,
    after: u64,
    expr: Expr,
    summary: &'static str,
    description: &str,
) -> Rule {
    let runbook = super::page(&format!("/runbooks/{name}"));
    let (description, more) = (description.to_owned(), vec![("runbook_url", runbook)]);
    Rule::Alert(Box::new(Alert { name, severity, after: minutes(after), expr, summary, description, more }))
}

/// Whatever the job is called: one that was there within a day, or none at all.
fn down() -> Rule {
    let build = || Expr::family(table::BUILD_INFO);
    let seen = build().over("last_over_time", "1d").by("group", JOB);
    let gone = seen.unless(JOB, build());
    alert(
        "ReadinessExporterDown",
        Severity::Critical,
        3,
        gone.or(&[], build().over("absent_over_time", "1d")),
        "Readiness is not being watched.",
        "Prometheus gets nothing from the readiness exporter {{ $labels.job }}; all that it said is as old as that.",
    )
}

fn stuck() -> Rule {
    alert(
        "ReadinessSchedulerStuck",
        Severity::Critical,
        2,
        Expr::name("time()").op("-", Expr::family(table::HEARTBEAT)).op(">", "60"),
        "The exporter answers, but evaluates nothing.",
        "The loop of {{ $labels.instance }} last turned {{ $value | humanizeDuration }} ago.",
    )
}

fn lagging() -> Rule {
    let buckets = Expr::buckets(table::SCHEDULER_LAG).over("rate", "10m").by("sum", &["job", "instance", "le"]);
    alert(
        "ReadinessSchedulerLagging",
        Severity::Warning,
        15,
        buckets.quantile("0.99").op(">", "30"),
        "Checks start late.",
        "One in a hundred checks of {{ $labels.instance }} starts {{ $value | humanizeDuration }} late or more.",
    )
}

fn store() -> Rule {
    alert(
        "ReadinessStoreDegraded",
        Severity::Warning,
        5,
        Expr::family(table::STORE_HEALTHY).op("==", "0"),
        "State is not being written down.",
        "The store of {{ $labels.instance }} refuses what it is given; a restart now would lose the last states.",
    )
}

fn reload() -> Rule {
    alert(
        "ReadinessReloadFailed",
        Severity::Warning,
        5,
        Expr::family(table::RELOAD_SUCCESSFUL).op("==", "0"),
        "The catalogue on disk is not the one in force.",
        "The last load of {{ $labels.instance }} failed; the catalogue before it goes on. Its log says what is wrong.",
    )
}

fn panics() -> Rule {
    alert(
        "ReadinessPanic",
        Severity::Info,
        0,
        Expr::family(table::PANICS).over("increase", "1h").op(">", "0"),
        "A bug in the exporter was caught.",
        "A check of {{ $labels.instance }} panicked; others were not touched. Please report it.",
    )
}
