//! What is shown of one item.

use crate::model::{Applicability, Check, Reason, Slot, State, Timestamp};
use crate::snapshot::Snapshot;

/// One item, as text and plain values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `checklist/item`.
    pub id: String,
    pub checklist: String,
    pub section: String,
    pub title: String,
    pub priority: &'static str,
    pub probe: String,
    pub coverage: &'static str,
    pub state: State,
    pub reason: Option<Reason>,
    pub since: Timestamp,
    /// One sentence: what was expected and what was seen, or why nothing was.
    pub sentence: String,
    pub root_cause: Option<String>,
    pub waiver: Option<String>,
    /// Of the last run, in milliseconds.
    pub duration_ms: Option<u64>,
}

impl Row {
    /// `None` if the snapshot has no such slot.
    pub fn of(snapshot: &Snapshot, slot: Slot) -> Option<Self> {
        let view = snapshot.items.get(slot.index())?;
        let (item, effective) = (&view.item, &view.effective);
        let waiver = effective.waiver.and_then(|place| snapshot.plan.waivers.get(place));
        let root_cause = effective.root_cause.and_then(|slot| snapshot.plan.item(slot)).map(|root| root.id.to_string());
        let own = observed(snapshot, slot);
        let sentence = match effective.state {
            State::NotApplicable => match &item.applicability {
                Applicability::NotApplicable(condition) => format!("does not apply: `{condition}` does not hold"),
                Applicability::Applicable => Reason::Inapplicable.meaning().to_owned(),
            },
            State::Waived => match waiver {
                Some(waiver) => {
                    format!("waived until {} ({}): {own}", waiver.expires, waiver.justification)
                }
                None => own,
            },
            State::Blocked => match &root_cause {
                Some(root) => format!("blocked by {root}: {own}"),
                None => own,
            },
            State::Pass | State::Fail | State::Unknown | State::Stale => own,
        };
        Some(Self {
            id: item.id.to_string(),
            checklist: item.id.checklist().to_owned(),
            section: item.section.to_string(),
            title: item.title.to_string(),
            priority: item.priority.as_str(),
            probe: item.probe.to_string(),
            coverage: item.coverage.as_str(),
            state: effective.state,
            reason: effective.reason,
            since: effective.since,
            sentence,
            root_cause,
            waiver: waiver.map(|waiver| waiver.id.to_string()),
            duration_ms: view.memory.last_run.as_ref().map(|run| run.duration.0),
        })
    }
}

/// The last sentence, unless the state says something newer than the last run.
fn observed(snapshot: &Snapshot, slot: Slot) -> String {
    let Some(view) = snapshot.items.get(slot.index()) else { return String::new() };
    let reason = view.effective.underlying_reason.or(view.effective.reason);
    match (reason, &view.memory.last_run) {
        (Some(reason), Some(run)) if run.reason != Some(reason) => {
            format!("{} Last seen: {}", reason.meaning(), run.sentence)
        }
        (_, Some(run)) => run.sentence.to_string(),
        (Some(reason), None) => undecided(&view.item.check).unwrap_or(reason.meaning()).to_owned(),
        (None, None) => "never evaluated".to_owned(),
    }
}

/// What is missing, as the catalogue says it.
fn undecided(check: &Check) -> Option<&str> {
    match check {
        Check::Undecided { sentence, .. } => Some(sentence),
        Check::AllOf(parts) | Check::AnyOf(parts) | Check::NoneOf(parts) | Check::AtLeast(_, parts) => {
            parts.iter().find_map(undecided)
        }
        Check::Leg(_) | Check::Item(_) | Check::NotApplicable => None,
    }
}
