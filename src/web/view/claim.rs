//! The document's tick against the measurement.

use crate::model::{Claim, Effective, State};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Drift {
    OverClaim,
    UnderClaim,
    Unproven,
}

impl Drift {
    pub(in crate::web) fn as_str(self) -> &'static str {
        match self {
            Drift::OverClaim => "over_claim",
            Drift::UnderClaim => "under_claim",
            Drift::Unproven => "unproven",
        }
    }
}

pub(super) fn meaning(drift: Drift) -> &'static str {
    match drift {
        Drift::OverClaim => "The document says done; the measurement says it is not.",
        Drift::UnderClaim => "The box is open, but the measurement passes.",
        Drift::Unproven => "The document says done; nothing proves it at the moment.",
    }
}

/// A waiver changes nothing about what was claimed, so a waived item is judged by what is underneath.
pub(in crate::web) fn drift(claim: Claim, effective: &Effective) -> Option<Drift> {
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
    use crate::web::fixture;

    #[test]
    fn a_waiver_does_not_hide_a_wrong_tick() {
        let snapshot = fixture::snapshot();
        let with = |state| &snapshot.items.iter().find(|view| view.effective.state == state).unwrap().effective;
        assert_eq!(drift(Claim::Done, with(State::Waived)), Some(Drift::OverClaim));
        assert_eq!(drift(Claim::Done, with(State::Unknown)), Some(Drift::Unproven));
        assert_eq!(drift(Claim::Open, with(State::Pass)), Some(Drift::UnderClaim));
        assert_eq!(drift(Claim::Done, with(State::Pass)), None);
        assert_eq!(drift(Claim::None, with(State::Fail)), None);
    }
}
