//! The confirmed loss of a confirmed pass, counted once.
//!
//! A loss while a hard dependency is not passing is not the item's own. It stays owed:
//! `ready_since` is kept until a look that was made after the recovery still fails (then it
//! counts) or passes (then it is forgotten). An unknown in between does not launder a loss.

use crate::model::{ItemMemory, Outcome, Span, Timestamp};

/// The hard dependencies of an item, as seen when its evaluation is absorbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Footing {
    /// At least one is not passing.
    Lost,
    /// All pass, the last one since then. `None`: there are none.
    FirmSince(Option<Timestamp>),
}

impl Footing {
    /// Whether a look that began at `started` speaks for the item alone. One of the same instant does
    /// not: which of the two came first must make no difference.
    pub(crate) fn carries(self, started: Timestamp) -> bool {
        match self {
            Footing::Lost => false,
            Footing::FirmSince(since) => since.is_none_or(|since| since < started),
        }
    }

    /// For a check that looks at nothing but other items, as they are now.
    pub(crate) fn at_this_instant(self) -> Self {
        match self {
            Footing::Lost => Footing::Lost,
            Footing::FirmSince(_) => Footing::FirmSince(None),
        }
    }
}

/// Whether the item counts as failing on what was seen only while a dependency was away. Such a
/// failure is not known to be its own, so one pass ends it.
pub(crate) fn is_owed(memory: &ItemMemory) -> bool {
    memory.ready_since.is_some() && memory.confirmed.is_some_and(|confirmed| confirmed.outcome == Outcome::Fail)
}

/// To be called for each failing look while the confirmed outcome is a fail.
pub(crate) fn lost(memory: &mut ItemMemory, hold: Span, footing: Footing, started: Timestamp, at: Timestamp) {
    let Some(ready_since) = memory.ready_since else { return };
    if !footing.carries(started) {
        return;
    }
    memory.ready_since = None;
    let lost_at = memory.confirmed.map_or(at, |confirmed| confirmed.since);
    if lost_at.since(ready_since) >= hold {
        memory.regressed_at = Some(at);
        memory.regressions = memory.regressions.saturating_add(1);
    }
}

/// To be called when a pass is confirmed that was not before.
pub(crate) fn regained(memory: &mut ItemMemory, at: Timestamp) {
    memory.ready_since = Some(at);
    memory.first_ready.get_or_insert(at);
    memory.regressed_at = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Confirmed, Reason};

    fn failing_since(lost_at: i64) -> ItemMemory {
        let confirmed = Confirmed { outcome: Outcome::Fail, reason: Some(Reason::Refused), since: Timestamp(lost_at) };
        ItemMemory { ready_since: Some(Timestamp(100)), confirmed: Some(confirmed), ..ItemMemory::default() }
    }

    #[test]
    fn a_loss_counts_once() {
        let mut memory = failing_since(500);
        let firm = Footing::FirmSince(None);
        lost(&mut memory, Span(400), firm, Timestamp(490), Timestamp(500));
        lost(&mut memory, Span(400), firm, Timestamp(590), Timestamp(600));
        assert_eq!((memory.regressions, memory.regressed_at), (1, Some(Timestamp(500))));
        regained(&mut memory, Timestamp(700));
        assert_eq!((memory.regressed_at, memory.ready_since), (None, Some(Timestamp(700))));
    }

    #[test]
    fn what_was_not_held_long_enough_was_never_had() {
        let mut memory = failing_since(500);
        lost(&mut memory, Span(401), Footing::FirmSince(None), Timestamp(490), Timestamp(500));
        assert_eq!((memory.regressions, memory.ready_since), (0, None));
    }

    #[test]
    fn a_loss_during_an_outage_is_owed_until_a_look_made_after_it() {
        let mut memory = failing_since(500);
        lost(&mut memory, Span::ZERO, Footing::Lost, Timestamp(490), Timestamp(500));
        lost(&mut memory, Span::ZERO, Footing::FirmSince(Some(Timestamp(595))), Timestamp(590), Timestamp(600));
        assert_eq!((memory.regressions, memory.ready_since), (0, Some(Timestamp(100))), "that look began before");
        lost(&mut memory, Span::ZERO, Footing::FirmSince(Some(Timestamp(595))), Timestamp(690), Timestamp(700));
        assert_eq!((memory.regressions, memory.regressed_at), (1, Some(Timestamp(700))));
    }

    #[test]
    fn a_look_of_the_instant_of_recovery_does_not_carry() {
        let firm = Footing::FirmSince(Some(Timestamp(500)));
        assert!(firm.carries(Timestamp(501)) && !firm.carries(Timestamp(500)));
        assert!(firm.at_this_instant().carries(Timestamp(500)));
        assert!(!Footing::Lost.at_this_instant().carries(Timestamp(500)));
    }

    #[test]
    fn a_failure_is_owed_until_it_is_counted_or_gone() {
        let mut memory = failing_since(500);
        assert!(is_owed(&memory));
        lost(&mut memory, Span::ZERO, Footing::Lost, Timestamp(590), Timestamp(600));
        assert!(is_owed(&memory));
        lost(&mut memory, Span::ZERO, Footing::FirmSince(None), Timestamp(690), Timestamp(700));
        assert!(!is_owed(&memory));
    }
}
