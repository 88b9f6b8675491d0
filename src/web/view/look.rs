//! How a state looks: a word, a symbol and a colour class, so that colour is never all there is.

use crate::model::State;

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

/// The order in which people need to see states: what is broken first.
pub(super) const URGENCY: [State; 7] =
    [State::Fail, State::Stale, State::Unknown, State::Blocked, State::Waived, State::Pass, State::NotApplicable];

pub(super) fn urgency(state: State) -> usize {
    URGENCY.iter().position(|s| *s == state).unwrap_or(URGENCY.len())
}
