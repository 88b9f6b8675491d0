//! One run of an item.

use super::{Digest, ItemId, Remembered, Span, Timestamp, Verdict};

#[derive(Clone, Debug)]
pub struct Evaluation {
    pub item: ItemId,
    /// Of the definition that ran; a late evaluation of a replaced definition is dropped.
    pub probe_digest: Digest,
    pub planned_at: Timestamp,
    pub started: Timestamp,
    pub finished: Timestamp,
    pub legs: Vec<LegRun>,
}

#[derive(Clone, Debug)]
pub struct LegRun {
    /// Place in `Item::legs`.
    pub leg: usize,
    pub verdict: Verdict,
    pub duration: Span,
    /// What was observed, as JSON, redacted and bounded; empty if nothing was.
    pub facts: String,
    /// Steps noted on the way, redacted and bounded.
    pub trace: Vec<String>,
    /// All that it has seen by now, if that is kept. `None`: what was kept before stays as it is.
    pub remembered: Option<Remembered>,
}
