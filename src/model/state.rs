//! The seven states. Closed: every rule and dashboard enumerates them.

/// What an item is right now. Only `Pass` is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    Pass,
    Fail,
    Unknown,
    Stale,
    Blocked,
    Waived,
    NotApplicable,
}

impl State {
    pub const ALL: [State; 7] =
        [State::Pass, State::Fail, State::Unknown, State::Stale, State::Blocked, State::Waived, State::NotApplicable];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Pass => "pass",
            State::Fail => "fail",
            State::Unknown => "unknown",
            State::Stale => "stale",
            State::Blocked => "blocked",
            State::Waived => "waived",
            State::NotApplicable => "not_applicable",
        }
    }

    pub fn parse(text: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.as_str() == text)
    }

    pub fn is_ready(self) -> bool {
        self == State::Pass
    }

    /// Ready, or its risk accepted by a waiver.
    pub fn is_accepted(self) -> bool {
        matches!(self, State::Pass | State::Waived)
    }
}
