//! Items counted by state, with what is not set up apart.

use super::look::{Kind, Look};
use crate::model::{Effective, State};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::web) struct Tally([usize; Kind::ALL.len()]);

impl Tally {
    pub(super) fn add(&mut self, effective: &Effective) {
        if let Some(count) = self.0.get_mut(Kind::of(effective).place()) {
            *count += 1;
        }
    }

    pub(super) fn plus(mut self, other: &Tally) -> Tally {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum += count);
        self
    }

    pub(super) fn of(&self, kind: Kind) -> usize {
        self.0.get(kind.place()).copied().unwrap_or(0)
    }

    pub(in crate::web) fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// Items that somebody has to look at: neither fine nor waiting to be set up.
    pub(super) fn open(&self) -> usize {
        self.total() - self.fine() - self.unset()
    }

    pub(in crate::web) fn unset(&self) -> usize {
        self.of(Kind::Unset)
    }

    /// Passing or not applicable.
    pub(super) fn fine(&self) -> usize {
        self.of(Kind::In(State::Pass)) + self.of(Kind::In(State::NotApplicable))
    }

    /// What there is any of.
    pub(in crate::web) fn counts(&self) -> Vec<(Look, usize)> {
        let all = Kind::ALL.into_iter().zip(self.0);
        all.filter(|(_, count)| *count > 0).map(|(kind, count)| (kind.look(), count)).collect()
    }

    /// The same as a sentence.
    pub(super) fn said(&self) -> String {
        let parts: Vec<_> = self.counts().iter().map(|(look, count)| format!("{count} {}", look.word)).collect();
        parts.join(", ")
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
        assert!(tally.unset() > 0 && tally.open() > tally.unset() && tally.fine() > 0);
        assert_eq!(tally.plus(&tally).total(), 2 * tally.total());
        assert!(tally.said().starts_with("4 fail, 2 stale, 2 unknown, "), "{}", tally.said());
        assert_eq!(tally.counts().iter().map(|(_, count)| count).sum::<usize>(), tally.total());
    }
}
