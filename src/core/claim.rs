//! The document's tick against the measurement.

use crate::model::{Claim, Effective, State};

/// How a claim and the truth differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Drift {
    /// Ticked, and the evidence says otherwise or is out of date.
    OverClaim,
    /// Not ticked, and passing.
    UnderClaim,
    /// Ticked, and nothing could be observed.
    Unproven,
}

impl Drift {
    pub const ALL: [Drift; 3] = [Drift::OverClaim, Drift::UnderClaim, Drift::Unproven];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Drift::OverClaim => "over_claim",
            Drift::UnderClaim => "under_claim",
            Drift::Unproven => "unproven",
        }
    }
}

/// The drift of an item now; a waiver or a block does not hide it.
pub fn drift(claim: Claim, effective: &Effective) -> Option<Drift> {
    if effective.state == State::NotApplicable {
        return None;
    }
    match (claim, effective.underlying) {
        (Claim::Done, State::Fail | State::Stale) => Some(Drift::OverClaim),
        (Claim::Done, State::Unknown | State::Blocked) => Some(Drift::Unproven),
        (Claim::Open, State::Pass) => Some(Drift::UnderClaim),
        _ => None,
    }
}
