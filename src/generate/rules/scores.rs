//! Recorded series for dashboards and own rules: the wide form, and scores.

use super::super::promql::{Expr, ITEM};
use super::{Group, Rule, record};
use crate::families::{Family, table};
use crate::model::State;

const SECTION: &[&str] = &["job", "checklist", "section"];
const CHECKLIST: &[&str] = &["job", "checklist"];
/// What the wide form adds to the identity.
const WIDE: &[&str] = &["section", "priority", "mode", "team", "claimed"];

pub(super) fn group() -> Group {
    let rules: Vec<Rule> = [
        ("job_checklist_item:readiness_item_ready:wide", wide(table::READY)),
        ("job_checklist_item:readiness_item_accepted:wide", wide(table::ACCEPTED)),
        ("job_checklist_section:readiness_items:ready_ratio", ratio(&[State::Pass], SECTION)),
        ("job_checklist_section:readiness_items:accepted_ratio", ratio(&[State::Pass, State::Waived], SECTION)),
        ("job_checklist:readiness_items:ready_ratio", ratio(&[State::Pass], CHECKLIST)),
        ("job_checklist:readiness_items:accepted_ratio", ratio(&[State::Pass, State::Waived], CHECKLIST)),
        ("job_checklist_state:readiness_items:count", items(&["job", "checklist", "state"])),
    ]
    .map(|(name, expr)| record(name, expr))
    .into();
    Group { name: "readiness-scores", about: "Wide forms and scores; no alert reads them.", rules }
}

/// With the labels of the catalogue, for those who need no join.
fn wide(family: Family) -> Expr {
    let mut labels = ITEM.to_vec();
    labels.extend(WIDE);
    Expr::family(family).by("max", ITEM).with(ITEM, WIDE, Expr::family(table::INFO).by("max", &labels))
}

fn items(by: &[&str]) -> Expr {
    Expr::family(table::SECTION_ITEMS).by("sum", by)
}

/// Of the items that apply. Not ready and not accepted are two numbers, on purpose.
fn ratio(good: &[State], by: &[&str]) -> Expr {
    let of = |states: &mut dyn Iterator<Item = State>| {
        let names: Vec<&str> = states.map(State::as_str).collect();
        Expr::family(table::SECTION_ITEMS).any("state", names).by("sum", by)
    };
    let applicable = &mut State::ALL.into_iter().filter(|state| *state != State::NotApplicable);
    of(&mut good.iter().copied()).op("/", of(applicable))
}
