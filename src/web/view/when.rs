//! An instant for people: exact, and how far away.

use crate::model::{Span, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::web) struct When {
    /// RFC 3339, for machines.
    pub(in crate::web) iso: String,
    /// `2026-11-21 03:00:00 UTC`.
    pub(in crate::web) text: String,
    /// `3m ago` or `in 2d 4h`.
    pub(in crate::web) relative: String,
}

impl When {
    pub(super) fn new(at: Timestamp, now: Timestamp) -> Self {
        let relative = if at > now {
            format!("in {}", coarse(at.since(now)))
        } else if now.since(at) < Span::from_secs(1) {
            "now".to_owned()
        } else {
            format!("{} ago", coarse(now.since(at)))
        };
        Self { iso: at.to_string(), text: plain(at), relative }
    }
}

/// Whole seconds, because nobody reads the rest. Milliseconds stay where there is nothing larger.
pub(super) fn coarse(span: Span) -> Span {
    if span.0 >= 1000 { Span(span.0 - span.0 % 1000) } else { span }
}

/// How long a run took; clocks of runs are no finer than a millisecond.
pub(super) fn took(span: Span) -> String {
    if span.0 == 0 { "under 1ms".to_owned() } else { span.to_string() }
}

fn plain(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => at.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_takes_no_time() {
        assert_eq!((took(Span(0)), took(Span(31))), ("under 1ms".to_owned(), "31ms".to_owned()));
    }

    #[test]
    fn says_how_far_away() {
        let now = Timestamp(1_790_000_000_500);
        assert_eq!(When::new(Timestamp(now.0 - 61_200), now).relative, "1m 1s ago");
        assert_eq!(When::new(Timestamp(now.0 + 7_200_000), now).relative, "in 2h");
        assert_eq!(When::new(now, now).relative, "now");
        assert_eq!(When::new(Timestamp::from_secs(0), now).text, "1970-01-01 00:00:00 UTC");
    }
}
