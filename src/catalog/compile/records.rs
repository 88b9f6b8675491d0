//! Waivers and attestations, with the items they are about.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::names::Names;
use crate::catalog::sink::Sink;
use crate::catalog::wire::{AttestationDef, WaiverDef, duplicates};
use crate::model::{Attestation, ItemId, Waiver};

pub(super) fn waivers(defs: &[WaiverDef], names: &Names<'_>, sink: &Sink) -> Vec<Waiver> {
    duplicates("waiver", defs.iter().map(|def| (def.id.value.as_str(), def.id.at)), sink);
    let one = |def: &WaiverDef| Waiver {
        id: def.id.value.as_str().into(),
        items: def
            .items
            .iter()
            .filter_map(|item| names.resolve(&item.value, None, item.at, sink))
            .filter_map(|slot| names.items.get(slot.index()).map(|item| item.id.clone()))
            .collect(),
        justification: def.justification.as_str().into(),
        approver: def.approver.as_str().into(),
        ticket: def.ticket.as_str().into(),
        starts: def.starts.value,
        expires: def.expires.value,
        reasons: def.reasons.clone(),
    };
    defs.iter().map(one).collect()
}

pub(super) fn attestations(defs: &[AttestationDef], names: &Names<'_>, sink: &Sink) -> Vec<Attestation> {
    duplicates("attestation", defs.iter().map(|def| (def.id.value.as_str(), def.id.at)), sink);
    let one = |def: &AttestationDef| {
        let slot = names.resolve(&def.item.value, None, def.item.at, sink)?;
        Some(Attestation {
            id: def.id.value.as_str().into(),
            item: names.items.get(slot.index())?.id.clone(),
            statement: def.statement.as_str().into(),
            attester: def.attester.as_str().into(),
            role: def.role.as_str().into(),
            evidence: def.evidence.as_str().into(),
            evidence_sha256: def.evidence_sha256.as_str().into(),
            attested_at: def.attested_at.value,
            expires: def.expires.value,
            signature: def.signature.as_str().into(),
            fields: def.fields.as_str().into(),
        })
    };
    defs.iter().filter_map(one).collect()
}

/// By item, in the form in which the kind `attestation` reads them: the fields of the file, with
/// instants in whole seconds since the epoch.
pub(super) fn by_item(attestations: &[Attestation]) -> HashMap<ItemId, Vec<Value>> {
    let mut by_item: HashMap<ItemId, Vec<Value>> = HashMap::new();
    for record in attestations {
        by_item.entry(record.item.clone()).or_default().push(json!({
            "id": record.id,
            "statement": record.statement,
            "attester": record.attester,
            "role": record.role,
            "evidence": record.evidence,
            "evidence_sha256": record.evidence_sha256,
            "attested_at_s": record.attested_at.0.div_euclid(1000),
            "expires_s": record.expires.0.div_euclid(1000),
            "signature": record.signature,
            "fields": serde_json::from_str(&record.fields).unwrap_or_else(|_| json!({})),
        }));
    }
    by_item
}
