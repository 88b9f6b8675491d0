//! What people have stated about an item.
//!
//! A pass proves that enough people of the right role stated it, that none of these statements
//! has expired, and that evidence and signatures hold where they are given. It does not prove
//! that the statement is true.

mod judge;
mod verify;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::expect::Gap;
use crate::model::{Class, Timestamp, Verdict};
use crate::probe::guard::lane::Lane;
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

/// Judges the attestations of this item.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Attestation {
    /// The role an attester must have; none: any.
    role: Option<String>,
    /// The text that must have been attested, white space and case aside; none: any.
    statement: Option<String>,
    /// How many different people must have attested.
    min_attesters: usize,
    /// Whether a statement counts only with an SSH signature (`ssh-keygen -Y sign -n readiness`).
    require_signature: bool,
    /// The file of allowed signers (`ssh-keygen(1)`); the attester is the principal.
    allowed_signers: Option<PathBuf>,
    /// People whose own attestation does not count, such as the author of what is attested.
    not_by: Vec<String>,
    /// What its `fields` must say, such as `{ release: "2026.11" }`; lists are compared without their order.
    fields: BTreeMap<String, Value>,
    /// Another item, such as `signoff.approval-recorded`, whose attestations are judged instead of this item's.
    of: Option<String>,
    /// Nobody need have attested: another check of the item judges what was.
    only_look: bool,
    /// With `only_look`: statements that have expired hold as well, as they did when they were made. Evidence is not
    /// looked at again, as it may be gone by now; a signature must hold still, so whoever may not sign any more is
    /// no signer of the past either. A statement that was withdrawn is taken out of the catalogue.
    past: bool,
    /// Days after which a statement has expired, even if it says that it lasts longer.
    max_days: Option<u32>,
    /// The item's attestations. The catalogue fills this in, so it is no parameter that one writes.
    #[schemars(skip)]
    records: Vec<Record>,
    #[serde(skip)]
    #[schemars(skip)]
    lane: Lane,
}

impl Default for Attestation {
    fn default() -> Self {
        Self {
            role: None,
            statement: None,
            min_attesters: 1,
            require_signature: false,
            allowed_signers: None,
            not_by: Vec::new(),
            fields: BTreeMap::new(),
            of: None,
            only_look: false,
            past: false,
            max_days: None,
            records: Vec::new(),
            lane: Lane::default(),
        }
    }
}

/// One attestation, as the catalogue hands it over. Times are seconds since the epoch.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::probe::kinds) struct Record {
    id: String,
    statement: String,
    attester: String,
    role: String,
    evidence: String,
    evidence_sha256: String,
    attested_at_s: i64,
    expires_s: i64,
    signature: String,
    fields: BTreeMap<String, Value>,
}

/// What was found out about the attestations.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    attestations: Vec<Attested>,
    /// How many count now.
    valid_count: usize,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Attested {
    id: String,
    attester: String,
    role: String,
    attested_at_s: i64,
    /// What it says itself, or earlier by `max_days`.
    expires_s: i64,
    evidence: String,
    /// The SHA-256 recorded with it; empty if none is.
    evidence_sha256: String,
    /// The structured claims it makes.
    fields: BTreeMap<String, Value>,
    /// Null if there is no digest, or the evidence is not a file of this host.
    evidence_ok: Option<bool>,
    /// Null if there is no signature, or nothing to check it with.
    signature_ok: Option<bool>,
    /// Why it does not count; empty if it counts.
    problem: String,
    /// What kind of problem that is.
    standing: Standing,
}

/// What one attestation is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Standing {
    Valid,
    /// It was never meant for this, or not yet.
    #[default]
    Unsuitable,
    Expired,
    /// Its evidence or signature does not hold.
    Invalid,
    /// Its evidence or signature could not be checked.
    Unchecked,
}

impl Probe for Attestation {
    const NAME: &'static str = "attestation";
    const SUMMARY: &'static str = "Judges dated statements of people, their evidence and signatures";
    const CLASS: Class = Class::Blocking;
    type Facts = Facts;

    fn check(&self, findings: &mut Findings) {
        if self.min_attesters == 0 {
            findings.error("min_attesters", "at least one attester is needed");
        }
        if self.require_signature && self.allowed_signers.is_none() {
            findings.error("allowed_signers", "signatures are required, but no file of allowed signers is named");
        }
        if self.allowed_signers.as_ref().is_some_and(|path| !path.is_absolute()) {
            findings.error("allowed_signers", "the path is not absolute");
        }
        if self.past && !self.only_look {
            findings.error("past", "what has expired cannot decide: it belongs to `only_look`");
        }
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        let mut attestations = Vec::with_capacity(self.records.len());
        for record in &self.records {
            let mut attested = judge::on_paper(self, record, cx.now());
            if attested.standing == Standing::Valid && !self.past {
                verify::evidence(self, record, &mut attested, cx).await?;
            }
            if attested.standing == Standing::Valid {
                verify::signature(self, record, &mut attested, cx).await?;
            }
            attestations.push(attested);
        }
        let valid_count = attestations.iter().filter(|attested| attested.standing == Standing::Valid).count();
        Ok(Facts { attestations, valid_count })
    }

    fn judge(&self, facts: &Facts, now: Timestamp) -> Verdict {
        judge::judge(self, facts, now)
    }

    /// Whoever looks for a statement among those that hold must not miss one that could not be checked.
    fn gaps(&self, facts: &Facts) -> Vec<Gap> {
        let unchecked = |attested: &&Attested| self.only_look && attested.standing == Standing::Unchecked;
        let unchecked = facts.attestations.iter().find(unchecked);
        let gap = |attested: &Attested| Gap {
            field: "attestations",
            why: format!("{} could not be checked", attested.id),
            hides: true,
        };
        unchecked.map(gap).into_iter().collect()
    }
}

#[cfg(test)]
mod tests;
