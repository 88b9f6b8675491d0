//! The document's tick against the measurement.

use crate::model::{Claim, State};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Drift {
    Over,
    Under,
    Unproven,
}

impl Drift {
    pub(in crate::web) fn as_str(self) -> &'static str {
        match self {
            Drift::Over => "over_claim",
            Drift::Under => "under_claim",
            Drift::Unproven => "unproven",
        }
    }

    pub(super) fn meaning(self) -> &'static str {
        match self {
            Drift::Over => "The document says done; the measurement says it is not.",
            Drift::Under => "The box is open, but the measurement passes.",
            Drift::Unproven => "The document says done; nothing proves it at the moment.",
        }
    }
}

/// `underlying` is the state without waiver and blocking.
pub(in crate::web) fn drift(claim: Claim, underlying: State) -> Option<Drift> {
    match (claim, underlying) {
        (Claim::Done, State::Fail) => Some(Drift::Over),
        (Claim::Open, State::Pass) => Some(Drift::Under),
        (Claim::Done, State::Unknown | State::Stale | State::Blocked) => Some(Drift::Unproven),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_contradiction_is_drift() {
        assert_eq!(drift(Claim::Done, State::Fail), Some(Drift::Over));
        assert_eq!(drift(Claim::Open, State::Pass), Some(Drift::Under));
        assert_eq!(drift(Claim::Done, State::Unknown), Some(Drift::Unproven));
        assert_eq!(drift(Claim::Done, State::Pass), None);
        assert_eq!(drift(Claim::None, State::Fail), None);
    }
}
