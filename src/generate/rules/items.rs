//! Alerts about what an item says.
//!
//! One root cause makes one page: an item that waits for another is `blocked`, and what is blocked
//! pages nobody. Nor does what nobody has set up.

use std::time::Duration;

use super::super::promql::{Expr, ITEM};
use super::{Alert, Group, Rule, Severity, lookup, minutes, record};
use crate::families::table;
use crate::model::{Priority, Reason, State};

/// Kept by an alert, so that it can be routed and kept quiet: never what changes with a new title.
const ROUTING: &[&str] = &["job", "checklist", "item", "section", "priority", "mode", "team"];
const STATES: &[&str] = &["job", "checklist", "item", "state"];

/// What the catalogue says of items, as it was when they were last scraped.
const INFO: &str = "job_checklist_item:readiness_item_info:held";
/// The state of each item, one series each.
const STATE: &str = "job_checklist_item:readiness_item_state:held";
/// Items that lost a pass and have it not back.
const REGRESSED: &str = "job_checklist_item:readiness_item_regressed:held";
/// Items of which nobody has said how or where to look, or which nobody has attested.
const UNSET: &str = "job_checklist_item:readiness_item_unset:held";
/// Items that others wait for, as `root_cause`.
const ROOT_CAUSE: &str = "job_root_cause:readiness_item_blocked:count";

pub(super) fn group() -> Group {
    let mut rules = vec![
        record(INFO, info()),
        record(STATE, Expr::family(table::STATE).held(STATES, ITEM).op("==", "1")),
        record(REGRESSED, Expr::family(table::REGRESSED).held(ITEM, ITEM).op("==", "1")),
        record(UNSET, unset()),
        record(
            ROOT_CAUSE,
            Expr::family(table::ROOT_CAUSE)
                .held(&["job", "checklist", "item", "root_cause"], ITEM)
                .and(ITEM, states(&[State::Blocked]))
                .by("count", &["job", "root_cause"]),
        ),
    ];
    rules.extend(regressed());
    rules.extend([gate(), blocking(), blocked()]);
    rules.extend(by_urgency(unknown));
    rules.extend(by_urgency(stale));
    rules.extend([over_claim(), flapping()]);
    Group { name: "readiness-items", about: "Each item, in the state it is in.", rules }
}

/// Of several texts in the last minutes one is taken, or every join would fail.
fn info() -> Expr {
    let family = || Expr::family(table::INFO);
    let before = family().before_the_gap().by("max", ROUTING);
    family().by("max", ROUTING).or(ITEM, before.first_by(ITEM))
}

/// Coverage shows them and gates count them; no alert is about them.
fn unset() -> Expr {
    let reasons = Reason::ALL.iter().filter(|reason| reason.is_unset() || **reason == Reason::AttestationMissing);
    Expr::family(table::REASON).any("reason", reasons.map(|reason| reason.as_str())).held(ITEM, ITEM)
}

fn states(states: &[State]) -> Expr {
    Expr::name(STATE).any("state", states.iter().map(|state| state.as_str()))
}

fn with_priority(priorities: &[Priority]) -> Expr {
    Expr::name(INFO).any("priority", priorities.iter().map(|priority| priority.as_str()))
}

fn alert(
    name: &'static str,
    severity: Severity,
    after: Duration,
    expr: Expr,
    summary: &'static str,
    says: &str,
) -> Rule {
    let of_item = "{job='%s', checklist='%s', item='%s'}";
    let since = format!("last_over_time({}{of_item}[15m])", table::STATE_SINCE.name);
    let reason = format!("{}{of_item}", table::REASON.name);
    let last_pass = format!("last_over_time({}{of_item}[15m])", table::LAST_PASS.name);
    let own = format!("last_over_time({}{of_item}[15m])", table::INFO.name);
    let title = lookup(&own, "label \"title\"");
    let description = format!("{{{{ $labels.checklist }}}}/{{{{ $labels.item }}}} “{title}” {says}");
    let more = vec![
        ("since", lookup(&since, "value | humanizeTimestamp")),
        ("last_pass", lookup(&last_pass, "value | humanizeTimestamp")),
        ("reason", lookup(&reason, "label \"reason\"")),
        ("item_url", super::page("/items/{{ $labels.checklist }}/{{ $labels.item }}")),
        ("item_runbook_url", lookup(&own, "label \"runbook_url\"")),
        ("runbook_url", super::page(&format!("/runbooks/{name}"))),
    ];
    Rule::Alert(Box::new(Alert { name, severity, after, expr, summary, description, more }))
}

/// The page. Only what was ready can regress, and only a confirmed failure counts.
fn regressed() -> impl Iterator<Item = Rule> {
    let quiet = || states(&[State::Waived, State::Blocked, State::NotApplicable]);
    let levels: [(Severity, &[Priority]); 3] = [
        (Severity::Critical, &[Priority::Critical]),
        (Severity::Warning, &[Priority::High]),
        (Severity::Info, &[Priority::Medium, Priority::Low]),
    ];
    levels.into_iter().map(move |(severity, priorities)| {
        let expr = with_priority(priorities).and(ITEM, Expr::name(REGRESSED)).unless(ITEM, quiet());
        alert(
            "ReadinessItemRegressed",
            severity,
            minutes(2),
            expr.full_name("root_cause"),
            "An item that was ready is failing.",
            "was ready and is failing.",
        )
    })
}

/// What others wait for, and which is not a regression: it cannot be told, or it never passed.
fn blocking() -> Rule {
    let root = Expr::name(INFO)
        .unless(ITEM, Expr::name(REGRESSED))
        .unless(ITEM, Expr::name(UNSET))
        .unless(ITEM, states(&[State::Waived]))
        .full_name("root_cause")
        .and(&["job", "root_cause"], Expr::name(ROOT_CAUSE));
    alert(
        "ReadinessRootCause",
        Severity::Warning,
        minutes(15),
        root,
        "An item that others wait for is not passing.",
        "is not passing, and others are blocked by it.",
    )
}

/// For those who look. Kept quiet by the alert about the root cause.
fn blocked() -> Rule {
    let root = Expr::family(table::ROOT_CAUSE).held(&["job", "checklist", "item", "root_cause"], ITEM);
    let expr = root.and(ITEM, states(&[State::Blocked])).with(ITEM, &["section", "priority", "team"], Expr::name(INFO));
    alert(
        "ReadinessItemBlocked",
        Severity::Info,
        minutes(15),
        expr,
        "An item cannot be judged before another one passes.",
        "is blocked by {{ $labels.root_cause }}.",
    )
}

/// Items that fail and never were ready are no emergency, but they keep a gate shut.
fn gate() -> Rule {
    let gates = Expr::family(table::GATE_ITEM).held(&["job", "checklist", "gate", "item"], ITEM);
    let expr = gates.and(ITEM, states(&[State::Fail])).by("count", &["job", "checklist", "gate"]);
    let failing = format!(
        "count by (item) ({}{{job='%s', checklist='%s', gate='%s'}} and on (job, checklist, item) {}{{state='fail'}} == 1)",
        table::GATE_ITEM.name,
        table::STATE.name,
    );
    let items = format!(
        "{{{{ range $n, $item := printf `{failing}` $labels.job $labels.checklist $labels.gate | query }}}}{{{{ if lt $n 10 }}}} {{{{ $item.Labels.item }}}}{{{{ end }}}}{{{{ end }}}}"
    );
    Rule::Alert(Box::new(Alert {
        name: "ReadinessGateFailing",
        severity: Severity::Warning,
        after: minutes(30),
        expr,
        summary: "Items fail that must be accepted for a gate to open.",
        description: format!(
            "{{{{ $value }}}} items of gate {{{{ $labels.gate }}}} of {{{{ $labels.checklist }}}} are failing, the first of them:{items}"
        ),
        more: vec![("board_url", super::page("/")), ("runbook_url", super::page("/runbooks/ReadinessGateFailing"))],
    }))
}

/// One rule for what is urgent, one for the rest.
fn by_urgency(rule: fn(Severity, &[Priority]) -> Rule) -> [Rule; 2] {
    [
        rule(Severity::Warning, &[Priority::Critical, Priority::High]),
        rule(Severity::Info, &[Priority::Medium, Priority::Low]),
    ]
}

/// Longer than a look takes after a change of the definition.
fn unknown(severity: Severity, priorities: &[Priority]) -> Rule {
    let untold = with_priority(priorities).and(ITEM, states(&[State::Unknown]));
    alert(
        "ReadinessItemUnknown",
        severity,
        minutes(60),
        untold.unless(ITEM, Expr::name(UNSET)).unless(ITEM, Expr::name(REGRESSED)),
        "It cannot be told whether an item is ready.",
        "has not been told for an hour.",
    )
}

fn stale(severity: Severity, priorities: &[Priority]) -> Rule {
    alert(
        "ReadinessItemStale",
        severity,
        minutes(15),
        with_priority(priorities).and(ITEM, states(&[State::Stale])).unless(ITEM, Expr::name(REGRESSED)),
        "What is known of an item is too old.",
        "has no evidence that is recent enough.",
    )
}

fn over_claim() -> Rule {
    let drift = Expr::family(table::CLAIM_DRIFT).eq("drift", "over_claim").held(ITEM, ITEM);
    alert(
        "ReadinessOverClaim",
        Severity::Info,
        minutes(60),
        Expr::name(INFO).and(ITEM, drift),
        "The document says done, the measurement says otherwise.",
        "is ticked in the document and fails.",
    )
}

fn flapping() -> Rule {
    let flag = Expr::family(table::FLAPPING).held(ITEM, ITEM).op("==", "1");
    alert(
        "ReadinessItemFlapping",
        Severity::Info,
        minutes(15),
        Expr::name(INFO).and(ITEM, flag),
        "The outcome of an item changes often.",
        "changes between passing and failing.",
    )
}
