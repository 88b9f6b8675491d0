//! What the boards ask Prometheus for, again and again.

use super::super::promql::Expr;
use super::look;
use crate::families::{Family, table};
use crate::model::State;

/// One exporter's item. Boards show what is there now, so the instance may take part.
pub(super) const ITEM: &[&str] = &["job", "instance", "checklist", "item"];
const FILTERS: [&str; 5] = ["job", "checklist", "section", "priority", "team"];

/// A family of items, of the checklists chosen.
pub(super) fn items(family: Family) -> Expr {
    ["job", "checklist"].into_iter().fold(Expr::family(family), Expr::chosen)
}

/// What the catalogue says of the items chosen.
pub(super) fn info() -> Expr {
    FILTERS.into_iter().fold(Expr::family(table::INFO), Expr::chosen)
}

/// A family of the items chosen, by all that may be chosen.
pub(super) fn chosen(expr: Expr) -> Expr {
    expr.and(ITEM, info())
}

pub(super) fn in_state(states: &[State]) -> Expr {
    items(table::STATE).any("state", states.iter().map(|state| state.as_str())).op("==", "1")
}

/// Each item's state as a number that [`look::states_by_code`] gives a word.
pub(super) fn state_codes(states: Expr, by: &[&str]) -> Expr {
    let coded =
        |state: State| states.clone().eq("state", state.as_str()).op("*", look::code(state).to_string().as_str());
    // The others are 0.
    State::ALL.into_iter().map(coded).reduce(|all, one| all.or_also(one)).unwrap_or(states.clone()).by("max", by)
}

/// One line a chosen item: labels of the catalogue, state and reason; the value is when the state
/// began, in milliseconds. `only` says which items.
pub(super) fn table_of(only: Expr) -> Expr {
    let labels = &["section", "title", "priority", "team", "runbook_url"];
    let since = items(table::STATE_SINCE).op("*", "1000").and(ITEM, only);
    since.with(ITEM, &["state"], items(table::STATE).op("==", "1")).with(ITEM, &["reason"], items(table::REASON)).with(
        ITEM,
        labels,
        info(),
    )
}

/// The share of chosen items for which `family` is 1, by labels of the catalogue.
pub(super) fn share(family: Family, by: &[&str]) -> Expr {
    items(family).with(ITEM, &["section", "priority", "team"], info()).by("avg", by)
}
