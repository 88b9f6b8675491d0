//! What is shown of one item.

use crate::model::{Reason, Slot, State, Timestamp};
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
            sentence: snapshot.sentence(view),
            root_cause,
            waiver: waiver.map(|waiver| waiver.id.to_string()),
            duration_ms: view.memory.last_run.as_ref().map(|run| run.duration.0),
        })
    }
}
