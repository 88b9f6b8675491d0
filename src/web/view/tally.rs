//! Items of a part of the board, counted by what somebody has to do about them.

use std::fmt;

use super::look::is_unset;
use crate::model::{Effective, State};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::web) struct Tally {
    pub(super) passing: usize,
    pub(super) open: usize,
    pub(super) unset: usize,
    pub(super) inapplicable: usize,
}

impl Tally {
    pub(super) fn add(&mut self, effective: &Effective) {
        let place = match effective.state {
            State::Pass => &mut self.passing,
            State::NotApplicable => &mut self.inapplicable,
            _ if is_unset(effective) => &mut self.unset,
            _ => &mut self.open,
        };
        *place += 1;
    }

    pub(super) fn plus(self, other: &Tally) -> Tally {
        Tally {
            passing: self.passing + other.passing,
            open: self.open + other.open,
            unset: self.unset + other.unset,
            inapplicable: self.inapplicable + other.inapplicable,
        }
    }

    pub(super) fn total(&self) -> usize {
        self.passing + self.open + self.unset + self.inapplicable
    }

    /// What a fold of passing and inapplicable items says.
    pub(in crate::web) fn fine(&self) -> Tally {
        Tally { open: 0, unset: 0, ..*self }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.open, "to look at"),
            (self.passing, "passing"),
            (self.unset, "not set up"),
            (self.inapplicable, "not applicable"),
        ];
        let said: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        f.write_str(&said.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::fixture;

    #[test]
    fn every_item_is_counted_once() {
        let snapshot = fixture::snapshot();
        let mut tally = Tally::default();
        snapshot.items.iter().for_each(|view| tally.add(&view.effective));
        assert_eq!(tally.total(), snapshot.items.len());
        assert!(tally.unset > 0 && tally.open > tally.unset);
        let small = Tally { passing: 3, unset: 1, ..Tally::default() };
        assert_eq!(small.to_string(), "3 passing, 1 not set up");
        assert_eq!(small.plus(&small).fine().to_string(), "6 passing");
    }
}
