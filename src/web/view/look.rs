//! How a state looks: a word, a symbol and a colour class, so that colour is never all there is.

use crate::model::{Effective, Outcome, Reason, State};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) struct Look {
    /// The label value, which is also the class in the style sheet.
    pub(in crate::web) class: &'static str,
    pub(in crate::web) word: &'static str,
    pub(in crate::web) symbol: &'static str,
}

pub(super) fn look(state: State) -> Look {
    let (word, symbol) = match state {
        State::Pass => ("pass", "✓"),
        State::Fail => ("fail", "✕"),
        State::Unknown => ("unknown", "?"),
        State::Stale => ("stale", "◔"),
        State::Blocked => ("blocked", "⊘"),
        State::Waived => ("waived", "≈"),
        State::NotApplicable => ("not applicable", "–"),
    };
    Look { class: state.as_str(), word, symbol }
}

/// How one run came out.
pub(super) fn outcome(outcome: Outcome) -> Look {
    match outcome {
        Outcome::Pass => look(State::Pass),
        Outcome::Fail => look(State::Fail),
        Outcome::Indeterminate => Look { word: "indeterminate", ..look(State::Unknown) },
    }
}

/// Unknown because nobody has said how or where to look. Work to be done, not something that broke,
/// and it must not look like something that could not be told.
pub(in crate::web) fn is_unset(effective: &Effective) -> bool {
    let unset = |reason| matches!(reason, Reason::Unmapped | Reason::Unconfigured | Reason::NotEnabled);
    effective.state == State::Unknown && effective.reason.is_some_and(unset)
}

pub(super) const UNSET: Look = Look { class: "unset", word: "not set up", symbol: "○" };

/// What pages tell apart, in the order in which people need to see it: what is broken first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Kind {
    In(State),
    /// Unknown because it is not set up.
    Unset,
}

impl Kind {
    pub(in crate::web) const ALL: [Kind; 8] = [
        Kind::In(State::Fail),
        Kind::In(State::Stale),
        Kind::In(State::Unknown),
        Kind::In(State::Blocked),
        Kind::In(State::Waived),
        Kind::Unset,
        Kind::In(State::Pass),
        Kind::In(State::NotApplicable),
    ];

    pub(in crate::web) fn of(effective: &Effective) -> Self {
        if is_unset(effective) { Kind::Unset } else { Kind::In(effective.state) }
    }

    /// Its place in `ALL`.
    pub(in crate::web) fn place(self) -> usize {
        Self::ALL.iter().position(|kind| *kind == self).unwrap_or(0)
    }

    pub(in crate::web) fn look(self) -> Look {
        match self {
            Kind::In(state) => look(state),
            Kind::Unset => UNSET,
        }
    }
}
