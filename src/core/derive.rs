//! The state of an item at an instant, from what it remembers and what is around it.
//!
//! Pure: waiver expiry, staleness, recovery of a dependency and reload need no code of their own,
//! they are this function again.

use super::waiver::relief;
use super::{absorb, explain, regression};
use crate::model::{
    Applicability, Effective, Item, ItemMemory, Mode, Outcome, Reason, Slot, Span, State, Timestamp, Waiver,
};

/// A hard dependency that is not passing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    /// The nearest ancestor that is neither passing nor itself held.
    pub(crate) root: Slot,
    /// Edges between here and the root.
    pub(crate) distance: u32,
}

/// What `derive` may look at beside memory.
pub(crate) struct Context<W> {
    pub(crate) hold: Option<Hold>,
    /// Those that name the item, with their places in the plan.
    pub(crate) waivers: W,
    /// After a restart that this item was fresh until: when we came back.
    pub(crate) resumed_at: Option<Timestamp>,
    /// Of an item without legs, when nothing in its check applies.
    pub(crate) inapplicable: bool,
}

/// A state, and the hold that a waiver may hide.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Derived {
    pub(crate) effective: Effective,
    pub(crate) hold: Option<Hold>,
}

struct Base {
    state: State,
    reason: Option<Reason>,
    changes_at: Option<Timestamp>,
}

/// `since` is taken from the memory's standing if that is the same state, else it is `now`.
pub(crate) fn derive<'a, W>(memory: &ItemMemory, item: &Item, context: Context<W>, now: Timestamp) -> Derived
where
    W: Iterator<Item = (usize, &'a Waiver)>,
{
    let base = base(memory, item, &context, now);
    let (mut state, mut reason, mut changes_at) = (base.state, base.reason, base.changes_at);
    let mut hold = None;
    let mut waiver = None;
    if !matches!(base.state, State::Pass | State::NotApplicable) {
        // Nobody configured it: a block would hide that, and no recovery could cure it.
        hold = context.hold.filter(|_| !base.reason.is_some_and(Reason::is_unset));
        if hold.is_some() {
            (state, reason) = (State::Blocked, Some(Reason::Dependency));
        }
        let relief = relief(context.waivers, base.reason, now);
        changes_at = [changes_at, relief.changes_at].into_iter().flatten().min();
        waiver = relief.waiver;
        if waiver.is_some() {
            (state, reason) = (State::Waived, Some(Reason::Waiver));
        }
    }
    let covered = state != base.state;
    let since = memory.standing.filter(|standing| standing.state == state).map_or(now, |standing| standing.since);
    // Not being able to tell does not end a regression; only a pass does.
    let shows_regression = !matches!(base.state, State::Pass | State::NotApplicable) && hold.is_none();
    let effective = Effective {
        state,
        underlying: base.state,
        reason,
        underlying_reason: base.reason.filter(|_| covered),
        since,
        root_cause: hold.filter(|_| state == State::Blocked).map(|hold| hold.root),
        waiver,
        soft: absorb::is_soft(memory),
        flapping: memory.flapping,
        regressed_since: memory.regressed_at.filter(|_| shows_regression),
        next_change_at: changes_at,
    };
    Derived { effective, hold }
}

/// The reason without waiver and block.
pub(crate) fn base_reason(effective: &Effective) -> Option<Reason> {
    if effective.state == effective.underlying { effective.reason } else { effective.underlying_reason }
}

fn base<W>(memory: &ItemMemory, item: &Item, context: &Context<W>, now: Timestamp) -> Base {
    let settled = |state, reason| Base { state, reason: Some(reason), changes_at: None };
    if context.inapplicable || item.applicability != Applicability::Applicable {
        return settled(State::NotApplicable, Reason::Inapplicable);
    }
    if let Some(fixed) = explain::fixed(item) {
        return settled(State::Unknown, fixed.reason.unwrap_or(Reason::Unmapped));
    }
    if memory.definition_changed {
        return settled(State::Unknown, Reason::DefinitionChanged);
    }
    let Some(last) = &memory.last_run else { return settled(State::Unknown, Reason::Pending) };

    let until = fresh_until(memory, item, context.resumed_at);
    if let Some(until) = until.filter(|until| *until <= now) {
        let outlived = absorb::evidence_end(memory) == Some(until);
        let attested = item.mode == Mode::Attested || item.legs.iter().any(|leg| leg.kind == "attestation");
        let reason = if outlived && attested { Reason::AttestationExpired } else { Reason::Overdue };
        return settled(State::Stale, reason);
    }
    let (outcome, reason) = match memory.confirmed {
        Some(confirmed) => (confirmed.outcome, confirmed.reason),
        None => (Outcome::Indeterminate, last.reason),
    };
    // Seen only while a dependency was away, which has come back: whose fault it was is not known yet.
    if context.hold.is_none() && regression::is_owed(memory) {
        return Base { state: State::Unknown, reason: Some(Reason::Pending), changes_at: until };
    }
    let state = match (outcome, reason) {
        (Outcome::Pass, _) => State::Pass,
        (Outcome::Fail, _) => State::Fail,
        (Outcome::Indeterminate, Some(Reason::AttestationExpired | Reason::TooOld)) => State::Stale,
        (Outcome::Indeterminate, _) => State::Unknown,
    };
    let reason = (state != State::Pass).then(|| reason.unwrap_or(Reason::Other));
    Base { state, reason, changes_at: until }
}

/// Until when the evidence holds. Our own outage extends the window between runs, never the life
/// of the evidence itself.
pub(crate) fn fresh_until(memory: &ItemMemory, item: &Item, resumed_at: Option<Timestamp>) -> Option<Timestamp> {
    let until = memory.fresh_until?;
    if absorb::evidence_end(memory).is_some() {
        return Some(until);
    }
    let granted = resumed_at.map(|at| at.plus(grace(item)));
    Some(granted.map_or(until, |granted| granted.max(until)))
}

fn grace(item: &Item) -> Span {
    item.schedule.interval + item.policy.fresh_for
}
