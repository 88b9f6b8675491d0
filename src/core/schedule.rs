//! When an item is due. Phases are anchored to absolute time, as Prometheus does it: no drift, no
//! herd, and the same instants after a restart.

use crate::model::{ItemId, Schedule, Span, Timestamp};

/// Never run or overdue items start within this time of the start.
const SPREAD: Span = Span::from_secs(60);

/// The times at which one item is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    hash: u64,
    interval: u64,
}

impl Timing {
    /// `seed` sets replicas or deployments apart; equal seeds give equal phases for ever.
    pub fn new(id: &ItemId, seed: u64, schedule: Schedule) -> Self {
        Self { hash: hash(id.as_str(), seed), interval: schedule.interval.0.clamp(1, i64::MAX as u64) }
    }

    /// Offset of the due instants from multiples of the interval since the epoch.
    pub fn phase(&self) -> Span {
        Span(self.hash % self.interval)
    }

    /// The first due instant later than `after`.
    pub fn next_due(&self, after: Timestamp) -> Timestamp {
        let (after, interval, phase) = (i128::from(after.0), i128::from(self.interval), i128::from(self.phase().0));
        let next = after + 1 + (phase - after - 1).rem_euclid(interval);
        Timestamp(i64::try_from(next).unwrap_or(i64::MAX))
    }

    /// When to run first after a start. `last_finished` comes from the store. An item that was
    /// never run or is overdue does not wait for its phase, and not all of them run at once.
    pub fn first_due(&self, now: Timestamp, last_finished: Option<Timestamp>) -> Timestamp {
        match last_finished {
            Some(last) if last.plus(Span(self.interval)) > now => self.next_due(now),
            _ => now.plus(Span(self.hash % self.interval.min(SPREAD.0))),
        }
    }
}

/// FNV-1a with a finalizer (splitmix64), since its low bits alone are not uniform. Must never
/// change: it decides the phases of every deployment.
fn hash(text: &str, seed: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn timing(n: u32, interval: Span) -> Timing {
        Timing::new(&ItemId::new("c", &format!("item-{n}")), 7, Schedule::every(interval))
    }

    #[test]
    fn phases_are_fixed_for_ever() {
        let timing = Timing::new(&ItemId::new("parallax", "core.database"), 0, Schedule::every(Span::from_secs(60)));
        assert_eq!(timing.phase(), Span(28_378));
    }

    #[test]
    fn phases_are_uniform() {
        let mut tenths = [0u32; 10];
        for n in 0..10_000 {
            tenths[(timing(n, Span::from_secs(60)).phase().0 / 6000) as usize] += 1;
        }
        assert!(tenths.iter().all(|count| (900..1100).contains(count)), "{tenths:?}");
    }

    #[test]
    fn overdue_items_start_soon_and_others_wait_for_their_phase() {
        let timing = timing(1, Span::from_secs(86_400));
        let now = Timestamp::from_secs(1_000_000);
        assert!(timing.first_due(now, None) <= now + SPREAD);
        assert!(timing.first_due(now, Some(now - Span::from_secs(90_000))) <= now + SPREAD);
        assert_eq!(timing.first_due(now, Some(now - Span::from_secs(80_000))), timing.next_due(now));
    }

    #[test]
    fn an_interval_of_zero_or_for_ever_does_not_panic() {
        let now = Timestamp::from_secs(5);
        assert!(timing(1, Span::ZERO).next_due(now) > now);
        assert!(timing(1, Span(u64::MAX)).next_due(Timestamp(i64::MAX)) <= Timestamp(i64::MAX));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Runs planned in [0, T) are T / interval, give or take one.
        #[test]
        fn runs_per_time(n in 0u32..1000, interval in 1_000u64..600_000, runs in 1u64..50) {
            let timing = timing(n, Span(interval));
            let end = Timestamp((interval * runs) as i64);
            let mut count = 0;
            let mut at = Timestamp(-1);
            loop {
                at = timing.next_due(at);
                if at >= end { break; }
                count += 1;
            }
            prop_assert!(count >= runs - 1 && count <= runs + 1);
        }

        #[test]
        fn next_due_is_later_and_within_an_interval(n in 0u32..1000, interval in 1u64..1_000_000, after in -1_000_000i64..2_000_000_000_000) {
            let timing = timing(n, Span(interval));
            let next = timing.next_due(Timestamp(after));
            prop_assert!(next > Timestamp(after) && next <= Timestamp(after).plus(Span(interval)));
            prop_assert_eq!(next.0.rem_euclid(interval as i64), timing.phase().0 as i64);
        }
    }
}
