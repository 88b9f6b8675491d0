//! How a state looks: a word, a symbol and a colour class, so that colour is never all there is.

use crate::model::{Effective, Reason, State};

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

/// Unknown because nobody has said how or where to look. Work to be done, not something that broke,
/// and it must not look like something that could not be told.
pub(in crate::web) fn is_unset(effective: &Effective) -> bool {
    let unset = |reason| matches!(reason, Reason::Unmapped | Reason::Unconfigured | Reason::NotEnabled);
    effective.state == State::Unknown && effective.reason.is_some_and(unset)
}

pub(super) const UNSET: Look = Look { class: "unset", word: "not set up", symbol: "○" };

/// As `look`, with what is not set up told apart.
pub(super) fn look_at(effective: &Effective) -> Look {
    if is_unset(effective) { UNSET } else { look(effective.state) }
}

/// The order in which people need to see states: what is broken first.
pub(super) const URGENCY: [State; 7] =
    [State::Fail, State::Stale, State::Unknown, State::Blocked, State::Waived, State::Pass, State::NotApplicable];

pub(super) fn urgency(state: State) -> usize {
    URGENCY.iter().position(|s| *s == state).unwrap_or(URGENCY.len())
}
