//! Alerts about what people accepted or stated, before it ends and after.

use super::super::promql::{Expr, ITEM};
use super::{Alert, D, Group, Rule, Severity, minutes};
use crate::families::{Family, table};

const WAIVER: &[&str] = &["job", "checklist", "item", "waiver"];
/// So long before the end somebody is told.
const NOTICE_S: u64 = 14 * D;

pub(super) fn group() -> Group {
    let rules = vec![expiring_waiver(), expired_waiver(), dead_waiver(), expiring_attestation()];
    Group { name: "readiness-acceptance", about: "Waivers and attestations.", rules }
}

fn alert(name: &'static str, severity: Severity, after: u64, expr: Expr, summary: &'static str, says: &str) -> Rule {
    let description = format!("{{{{ $labels.checklist }}}}/{{{{ $labels.item }}}}: {says}");
    let more = vec![
        ("item_url", super::page("/items/{{ $labels.checklist }}/{{ $labels.item }}")),
        ("runbook_url", super::page(&format!("/runbooks/{name}"))),
    ];
    let alert = Alert { name, severity, after: minutes(after), expr, summary, description, more };
    Rule::Alert(Box::new(alert))
}

/// Seconds that are left.
fn left(family: Family, labels: &[&str]) -> Expr {
    Expr::family(family).held(labels, labels).op("-", "time()")
}

fn soon(left: Expr) -> Expr {
    left.op("> 0 <", NOTICE_S.to_string().as_str())
}

/// Items that pass without their waiver.
fn passing() -> Expr {
    Expr::family(table::READY).held(ITEM, ITEM).op("==", "1")
}

fn expiring_waiver() -> Rule {
    alert(
        "ReadinessWaiverExpiring",
        Severity::Warning,
        5,
        soon(left(table::WAIVER_EXPIRES, WAIVER)).unless(ITEM, passing()),
        "An accepted risk comes back soon.",
        "waiver {{ $labels.waiver }} ends in {{ $value | humanizeDuration }}.",
    )
}

fn expired_waiver() -> Rule {
    alert(
        "ReadinessWaiverExpired",
        Severity::Warning,
        5,
        left(table::WAIVER_EXPIRES, WAIVER).op("<=", "0"),
        "A waiver has ended and is still in the catalogue.",
        "waiver {{ $labels.waiver }} no longer covers the item.",
    )
}

fn dead_waiver() -> Rule {
    let lasting = left(table::WAIVER_EXPIRES, WAIVER).op(">", "0");
    alert(
        "ReadinessWaiverDead",
        Severity::Info,
        24 * 60,
        lasting.and(ITEM, passing()),
        "A waiver covers an item that passes without it.",
        "passes, so waiver {{ $labels.waiver }} is needed no longer.",
    )
}

/// Of several attestations of an item the last one counts.
fn expiring_attestation() -> Rule {
    alert(
        "ReadinessAttestationExpiring",
        Severity::Warning,
        5,
        soon(left(table::ATTESTATION_EXPIRES, ITEM)),
        "What somebody stated about an item ends soon.",
        "the last attestation ends in {{ $value | humanizeDuration }}.",
    )
}
