//! One line of the board.

use super::Links;
use super::look::{Kind, Look, is_unset};
use super::when::When;
use crate::core::drift;
use crate::model::{Reason, Slot, Timestamp};
use crate::snapshot::{ItemView, Snapshot};

/// How many items each slot holds up.
pub(in crate::web) struct Blocking(Vec<u32>);

impl Blocking {
    pub(in crate::web) fn count(snapshot: &Snapshot) -> Self {
        let mut counts = vec![0; snapshot.items.len()];
        for cause in snapshot.items.iter().filter_map(|view| view.effective.root_cause) {
            if let Some(count) = counts.get_mut(cause.index()) {
                *count += 1;
            }
        }
        Self(counts)
    }

    pub(in crate::web) fn by(&self, slot: Slot) -> u32 {
        self.0.get(slot.index()).copied().unwrap_or(0)
    }
}

#[derive(Clone, Debug)]
pub(in crate::web) struct Row<'a> {
    pub(in crate::web) id: &'a str,
    pub(in crate::web) checklist: &'a str,
    pub(in crate::web) item: &'a str,
    pub(in crate::web) title: &'a str,
    pub(in crate::web) href: String,
    pub(in crate::web) look: Look,
    /// Nobody has said yet how or where to look.
    pub(in crate::web) unset: bool,
    /// Whether the sentence says more than its reason.
    pub(in crate::web) told: bool,
    pub(in crate::web) priority: &'static str,
    pub(in crate::web) reason: &'static str,
    pub(in crate::web) since: When,
    pub(in crate::web) sentence: String,
    /// Items held up by this one.
    pub(in crate::web) blocks: u32,
    pub(in crate::web) cause: Option<(String, String)>,
    /// Since when a confirmed pass is lost.
    pub(in crate::web) regressed: Option<When>,
    pub(in crate::web) flapping: bool,
    pub(in crate::web) soft: bool,
    pub(in crate::web) drift: &'static str,
    pub(in crate::web) runbook: Option<&'a str>,
    pub(in crate::web) team: &'a str,
}

pub(super) fn row<'a>(
    snapshot: &'a Snapshot,
    view: &'a ItemView,
    slot: Slot,
    blocking: &Blocking,
    links: &Links,
    now: Timestamp,
) -> Row<'a> {
    let effective = &view.effective;
    let cause = effective.root_cause.and_then(|slot| snapshot.plan.item(slot));
    Row {
        id: view.item.id.as_str(),
        checklist: view.item.id.checklist(),
        item: view.item.id.item(),
        title: &view.item.title,
        href: links.item(&view.item.id),
        look: Kind::of(effective).look(),
        unset: is_unset(effective),
        told: effective.reason != Some(Reason::Unmapped),
        priority: view.item.priority.as_str(),
        reason: effective.reason.map_or("", |reason| reason.as_str()),
        since: When::new(effective.since, now),
        sentence: snapshot.sentence(view),
        blocks: blocking.by(slot),
        cause: cause.map(|item| (links.item(&item.id), item.title.to_string())),
        regressed: effective.regressed_since.map(|at| When::new(at, now)),
        flapping: effective.flapping,
        soft: effective.soft,
        drift: drift(view.item.claim, effective).map_or("", |drift| drift.as_str()),
        runbook: super::safe_url(&view.item.runbook_url),
        team: &view.item.team,
    }
}
