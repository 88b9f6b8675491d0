//! A dated human statement about an item.

use super::{ItemId, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    pub id: Box<str>,
    pub item: ItemId,
    pub statement: Box<str>,
    pub attester: Box<str>,
    pub role: Box<str>,
    /// Link to the evidence.
    pub evidence: Box<str>,
    /// Of a local evidence file, lower-case hex; empty if none was given.
    pub evidence_sha256: Box<str>,
    pub attested_at: Timestamp,
    pub expires: Timestamp,
    /// Armoured SSH signature over the canonical text; empty if unsigned.
    pub signature: Box<str>,
    /// Structured claims, as JSON with sorted names; empty if there are none.
    pub fields: Box<str>,
}
