//! The document's tick against the measurement.

use crate::model::{Claim, Effective, State};

/// How the document and the measurement disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Drift {
    /// Ticked, but measured as failing or stale.
    OverClaim,
    /// Open, but measured as passing.
    UnderClaim,
    /// Ticked, and nothing could be measured.
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

    /// What it means, in one sentence for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Drift::OverClaim => "The document says done; the measurement says it is not.",
            Drift::UnderClaim => "The box is open, but the measurement passes.",
            Drift::Unproven => "The document says done; nothing proves it at the moment.",
        }
    }
}

/// A waiver changes nothing about what was claimed, so a waived item is judged by what is
/// underneath. An item that does not apply cannot disagree.
pub fn drift(claim: Claim, effective: &Effective) -> Option<Drift> {
    let measured = if effective.state == State::Waived { effective.underlying } else { effective.state };
    match (claim, measured) {
        (Claim::Done, State::Fail | State::Stale) => Some(Drift::OverClaim),
        (Claim::Done, State::Unknown | State::Blocked) => Some(Drift::Unproven),
        (Claim::Open, State::Pass) => Some(Drift::UnderClaim),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn effective(state: State, underlying: State) -> Effective {
        Effective {
            state,
            underlying,
            reason: None,
            underlying_reason: None,
            since: Timestamp(0),
            root_cause: None,
            waiver: None,
            soft: false,
            flapping: false,
            regressed_since: None,
            next_change_at: None,
        }
    }

    #[test]
    fn every_state_against_every_claim() {
        use Drift::*;
        let rows = [
            (State::Pass, None, Some(UnderClaim)),
            (State::Fail, Some(OverClaim), None),
            (State::Stale, Some(OverClaim), None),
            (State::Unknown, Some(Unproven), None),
            (State::Blocked, Some(Unproven), None),
            (State::NotApplicable, None, None),
        ];
        for (state, done, open) in rows {
            assert_eq!(drift(Claim::Done, &effective(state, state)), done, "{state:?}");
            assert_eq!(drift(Claim::Open, &effective(state, state)), open, "{state:?}");
            assert_eq!(drift(Claim::None, &effective(state, state)), None, "{state:?}");
        }
        assert_eq!(drift(Claim::Done, &effective(State::Waived, State::Fail)), Some(OverClaim));
        assert_eq!(drift(Claim::Done, &effective(State::Waived, State::Unknown)), Some(Unproven));
    }
}
