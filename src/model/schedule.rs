//! When an item runs.

use super::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// From one planned run to the next.
    pub interval: Span,
    /// While an outcome is not yet confirmed. Default: a fifth of the interval, at least 10 s and
    /// never more than the interval.
    pub retry: Span,
}

impl Schedule {
    /// The schedule with the default retry interval.
    pub fn every(interval: Span) -> Self {
        let retry = Span((interval.0 / 5).max(10_000).min(interval.0));
        Self { interval, retry }
    }
}
