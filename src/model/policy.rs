//! How evidence over time becomes a state.

use super::Span;

/// How many equal outcomes in a row it takes to change a confirmed outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hysteresis {
    pub fail_after: u8,
    pub recover_after: u8,
    pub unknown_after: u8,
}

/// When an item counts as flapping, in weighted percent of changes over the last 20 decisive runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlapPolicy {
    pub on_above: u8,
    pub off_below: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub hysteresis: Hysteresis,
    pub flap: FlapPolicy,
    /// How long after a run its evidence is fresh. Default: two intervals and one timeout.
    pub fresh_for: Span,
    /// How long an item must have been ready before losing it is a regression.
    pub ready_hold: Span,
}

impl Default for Hysteresis {
    fn default() -> Self {
        Self { fail_after: 3, recover_after: 2, unknown_after: 2 }
    }
}

impl Hysteresis {
    /// For artifacts, attestations and composites: their evidence does not flicker.
    pub const IMMEDIATE: Hysteresis = Hysteresis { fail_after: 1, recover_after: 1, unknown_after: 1 };
}

impl Default for FlapPolicy {
    fn default() -> Self {
        Self { on_above: 30, off_below: 25 }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            hysteresis: Hysteresis::default(),
            flap: FlapPolicy::default(),
            fresh_for: Span::from_secs(130),
            ready_hold: Span::ZERO,
        }
    }
}
