//! The state of an item as everybody sees it. Derived by `core::derive` and by nothing else.

use super::{ItemId, Reason, Slot, State, Timestamp};

/// A state, its reason and since when: what a restart must not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub state: State,
    pub reason: Option<Reason>,
    pub since: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    pub state: State,
    /// What it would be without waiver and blocking.
    pub underlying: State,
    /// Always there unless the state is `pass`.
    pub reason: Option<Reason>,
    /// The reason underneath a waiver or a block.
    pub underlying_reason: Option<Reason>,
    /// Since when `state` holds.
    pub since: Timestamp,
    /// While blocked: the nearest ancestor that is neither passing nor itself blocked.
    pub root_cause: Option<Slot>,
    /// Place in the plan's waivers of the one that applies.
    pub waiver: Option<usize>,
    /// The last run contradicts the confirmed outcome, but not often enough to change it.
    pub soft: bool,
    pub flapping: bool,
    pub regressed_since: Option<Timestamp>,
    /// The first instant at which this would change by time alone.
    pub next_change_at: Option<Timestamp>,
}

/// Why a state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Evaluation,
    Time,
    Dependency,
    Waiver,
    Reload,
}

/// Appended, never updated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    pub item: ItemId,
    pub from: Option<State>,
    pub to: State,
    pub reason: Option<Reason>,
    pub at: Timestamp,
    pub cause: Cause,
    /// The item whose state explains this one, while `to` is `blocked`.
    pub root_cause: Option<ItemId>,
    /// One sentence for people, redacted.
    pub sentence: String,
}

impl Effective {
    pub fn standing(&self) -> Standing {
        Standing { state: self.state, reason: self.reason, since: self.since }
    }
}

impl Cause {
    pub const ALL: [Cause; 5] = [Cause::Evaluation, Cause::Time, Cause::Dependency, Cause::Waiver, Cause::Reload];

    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Evaluation => "evaluation",
            Cause::Time => "time",
            Cause::Dependency => "dependency",
            Cause::Waiver => "waiver",
            Cause::Reload => "reload",
        }
    }
}
