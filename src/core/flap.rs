//! Flapping: a flag for people, never a filter.

use crate::model::{FlapPolicy, FlapRing, Outcome};

const RING: u32 = 20;
/// Nineteen times the weight of the newest bit, 1.2; the oldest has 0.8, as in Nagios and Icinga.
const NEWEST: u32 = 2280;
const STEP: u32 = 40;
const FULL: u32 = 38_000;

/// The ring after one more decisive outcome.
pub(crate) fn record(ring: FlapRing, previous: Option<Outcome>, outcome: Outcome) -> FlapRing {
    let changed = previous.is_some_and(|before| before != outcome);
    let bits = ((ring.bits << 1) | u32::from(changed)) & ((1 << RING) - 1);
    FlapRing { bits, len: ring.len.saturating_add(1).min(RING as u8) }
}

/// Whether an item that was `flapping` so far still is. Two thresholds, so that the flag itself
/// does not flap. Missing history counts as calm.
pub(crate) fn is_flapping(ring: FlapRing, flapping: bool, policy: FlapPolicy) -> bool {
    let changes: u32 = (0..RING).filter(|age| (ring.bits >> age) & 1 == 1).map(|age| NEWEST - STEP * age).sum();
    let threshold = if flapping { policy.off_below } else { policy.on_above };
    let (seen, limit) = (changes * 100, u32::from(threshold) * FULL);
    if flapping { seen >= limit } else { seen > limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(outcomes: &[Outcome]) -> FlapRing {
        let mut ring = FlapRing::default();
        let mut previous = None;
        for outcome in outcomes {
            ring = record(ring, previous, *outcome);
            previous = Some(*outcome);
        }
        ring
    }

    #[test]
    fn calm_is_not_flapping_and_alternation_is() {
        let policy = FlapPolicy::default();
        assert!(!is_flapping(after(&[Outcome::Pass; 30]), false, policy));
        let alternating: Vec<_> = (0..20).map(|n| if n % 2 == 0 { Outcome::Pass } else { Outcome::Fail }).collect();
        assert!(is_flapping(after(&alternating), false, policy));
        assert!(!is_flapping(after(&alternating[..4]), false, policy), "three changes are an incident, not flapping");
    }

    #[test]
    fn between_the_thresholds_the_flag_stays() {
        let five_newest = FlapRing { bits: 0b11111, len: 20 };
        let policy = FlapPolicy { on_above: 30, off_below: 25 };
        assert!(!is_flapping(five_newest, false, policy));
        assert!(is_flapping(five_newest, true, policy));
        assert!(!is_flapping(FlapRing { bits: 0b11111 << 15, len: 20 }, true, policy), "old changes weigh less");
    }

    #[test]
    fn the_ring_holds_twenty() {
        let ring = after(&[Outcome::Pass; 300]);
        assert_eq!(ring, FlapRing { bits: 0, len: 20 });
    }
}
