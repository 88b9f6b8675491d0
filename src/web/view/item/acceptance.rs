//! Who answers for an item: a waiver takes its risk, an attestation says that it holds.

use crate::model::{Item, Plan, Timestamp};
use crate::snapshot::ItemView;
use crate::web::view::safe_url;
use crate::web::view::when::When;

pub(in crate::web) struct WaiverView<'a> {
    pub(in crate::web) id: &'a str,
    pub(in crate::web) approver: &'a str,
    pub(in crate::web) justification: &'a str,
    pub(in crate::web) ticket: &'a str,
    pub(in crate::web) ticket_url: Option<&'a str>,
    pub(in crate::web) starts: When,
    pub(in crate::web) expires: When,
    /// `in force`, `expired`, …
    pub(in crate::web) standing: &'static str,
}

pub(in crate::web) struct AttestationView<'a> {
    pub(in crate::web) statement: &'a str,
    pub(in crate::web) attester: &'a str,
    pub(in crate::web) role: &'a str,
    pub(in crate::web) evidence: &'a str,
    pub(in crate::web) evidence_url: Option<&'a str>,
    pub(in crate::web) attested: When,
    pub(in crate::web) expires: When,
    pub(in crate::web) expired: bool,
    pub(in crate::web) signed: bool,
}

/// The waiver that applies, else the last one that names the item.
pub(super) fn waiver<'a>(view: &ItemView, plan: &'a Plan, now: Timestamp) -> Option<WaiverView<'a>> {
    let applying = view.effective.waiver.and_then(|place| plan.waivers.get(place));
    let naming = || plan.waivers.iter().filter(|w| w.items.contains(&view.item.id)).max_by_key(|w| w.expires);
    let waiver = applying.or_else(naming)?;
    let standing = if applying.is_some() {
        "in force"
    } else if now < waiver.starts {
        "not begun"
    } else if waiver.is_valid_at(now) {
        "not needed at the moment, or not for this reason"
    } else {
        "expired"
    };
    Some(WaiverView {
        id: &waiver.id,
        approver: &waiver.approver,
        justification: &waiver.justification,
        ticket: &waiver.ticket,
        ticket_url: safe_url(&waiver.ticket),
        starts: When::new(waiver.starts, now),
        expires: When::new(waiver.expires, now),
        standing,
    })
}

pub(super) fn attestations<'a>(item: &Item, plan: &'a Plan, now: Timestamp) -> Vec<AttestationView<'a>> {
    let mine = plan.attestations.iter().filter(|attestation| attestation.item == item.id);
    mine.map(|attestation| AttestationView {
        statement: &attestation.statement,
        attester: &attestation.attester,
        role: &attestation.role,
        evidence: &attestation.evidence,
        evidence_url: safe_url(&attestation.evidence),
        attested: When::new(attestation.attested_at, now),
        expires: When::new(attestation.expires, now),
        expired: attestation.expires <= now,
        signed: !attestation.signature.is_empty(),
    })
    .collect()
}
