//! How often changes may make one item run.

use std::time::Duration;

use tokio::time::Instant;

/// Runs that are made at once before runs have to wait.
const BURST: u32 = 5;
/// After them, at least this long from one run to the next.
const LEAST: Duration = Duration::from_secs(1);
/// A run that takes long may fill this part of the time: one in twenty.
const SHARE: u32 = 20;

/// A bucket of runs. A target that changes all the time must not be asked all the time, the less the
/// more it costs.
#[derive(Debug)]
pub(super) struct Allowance {
    left: u32,
    /// When the next run is added.
    more_at: Instant,
}

impl Allowance {
    pub(super) fn full(now: Instant) -> Self {
        Self { left: BURST, more_at: now }
    }

    /// Takes one run that will take about `cost`. Says how long it has to wait.
    pub(super) fn take(&mut self, now: Instant, cost: Duration) -> Duration {
        let every = LEAST.max(cost * SHARE);
        while self.left < BURST && self.more_at <= now {
            self.left += 1;
            self.more_at += every;
        }
        if self.left == BURST {
            self.more_at = now + every;
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Duration::ZERO
            }
            // Not moved on: all that is heard until then is answered by that one run.
            None => self.more_at.saturating_duration_since(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(5);

    #[test]
    fn a_few_changes_are_answered_at_once_and_a_storm_once_a_second() {
        let start = Instant::now();
        let mut allowance = Allowance::full(start);
        let waits: Vec<Duration> = (0..8).map(|_| allowance.take(start, QUICK)).collect();
        assert_eq!(waits, [vec![Duration::ZERO; 5], vec![LEAST; 3]].concat());
        assert_eq!(allowance.take(start + LEAST, QUICK), Duration::ZERO);
        assert_eq!(allowance.take(start + LEAST, QUICK), LEAST);
        // A minute of rest fills it, and no more than fills it.
        let later = start + Duration::from_secs(60);
        let waits: Vec<Duration> = (0..6).map(|_| allowance.take(later, QUICK)).collect();
        assert_eq!(waits, [vec![Duration::ZERO; 5], vec![LEAST]].concat());
    }

    #[test]
    fn what_takes_long_is_asked_less_often() {
        let start = Instant::now();
        let mut allowance = Allowance::full(start);
        let waits: Vec<Duration> = (0..6).map(|_| allowance.take(start, Duration::from_secs(2))).collect();
        assert_eq!(waits.last(), Some(&Duration::from_secs(40)));
    }
}
