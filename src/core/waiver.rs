//! Which waiver applies.

use crate::model::{Reason, Timestamp, Waiver};

/// What the waivers of one item say at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Relief {
    /// Place in the plan's waivers.
    pub(crate) waiver: Option<usize>,
    /// The first later instant at which one of them starts or ends.
    pub(crate) changes_at: Option<Timestamp>,
}

/// `waivers` are those that name the item, with their places. Of several that hold, the one that
/// holds longest applies. `reason` is the underlying one.
pub(crate) fn relief<'a>(
    waivers: impl Iterator<Item = (usize, &'a Waiver)>,
    reason: Option<Reason>,
    now: Timestamp,
) -> Relief {
    let mut relief = Relief::default();
    let mut holds_until = None;
    for (place, waiver) in waivers {
        if !waiver.reasons.is_empty() && !reason.is_some_and(|reason| waiver.reasons.contains(&reason)) {
            continue;
        }
        if waiver.is_valid_at(now) && holds_until.is_none_or(|until| until < waiver.expires) {
            holds_until = Some(waiver.expires);
            relief.waiver = Some(place);
        }
        let boundaries = [waiver.starts, waiver.expires].into_iter().filter(|at| *at > now);
        relief.changes_at = relief.changes_at.into_iter().chain(boundaries).min();
    }
    relief
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiver(starts: i64, expires: i64, reasons: &[Reason]) -> Waiver {
        Waiver {
            id: "W-1".into(),
            items: Vec::new(),
            justification: "".into(),
            approver: "".into(),
            ticket: "".into(),
            starts: Timestamp(starts),
            expires: Timestamp(expires),
            reasons: reasons.to_vec(),
        }
    }

    fn at(waivers: &[Waiver], reason: Reason, now: i64) -> (Option<usize>, Option<i64>) {
        let relief = relief(waivers.iter().enumerate(), Some(reason), Timestamp(now));
        (relief.waiver, relief.changes_at.map(|at| at.0))
    }

    #[test]
    fn holds_from_its_start_until_just_before_its_end() {
        let waivers = [waiver(10, 20, &[])];
        assert_eq!(at(&waivers, Reason::Status, 9), (None, Some(10)));
        assert_eq!(at(&waivers, Reason::Status, 10), (Some(0), Some(20)));
        assert_eq!(at(&waivers, Reason::Status, 19), (Some(0), Some(20)));
        assert_eq!(at(&waivers, Reason::Status, 20), (None, None));
    }

    #[test]
    fn the_longest_applies_and_reasons_filter() {
        let waivers = [waiver(0, 20, &[]), waiver(5, 30, &[]), waiver(0, 90, &[Reason::Dns])];
        assert_eq!(at(&waivers, Reason::Status, 4), (Some(0), Some(5)));
        assert_eq!(at(&waivers, Reason::Status, 5), (Some(1), Some(20)));
        assert_eq!(at(&waivers, Reason::Dns, 5), (Some(2), Some(20)));
        assert_eq!(at(&waivers[2..], Reason::Status, 5), (None, None));
    }
}
