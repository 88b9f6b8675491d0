//! All that must survive a restart about one item.

use std::sync::Arc;

use super::{Digest, Measurement, Outcome, Reason, Span, Standing, Timestamp, Verdict};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ItemMemory {
    /// Of the definition the evidence below belongs to.
    pub probe_digest: Digest,
    /// Set when the probe changed and no evaluation has arrived since.
    pub definition_changed: bool,
    /// The outcome after hysteresis; `None` before the first decisive or confirmed-unknown run.
    pub confirmed: Option<Confirmed>,
    /// Decisive outcomes in a row that contradict the confirmed one.
    pub contrary: u8,
    /// Indeterminate outcomes in a row.
    pub indeterminate: u8,
    pub last_decisive: Option<Outcome>,
    pub flap: FlapRing,
    pub flapping: bool,
    pub last_started: Option<Timestamp>,
    pub last_finished: Option<Timestamp>,
    pub last_pass: Option<Timestamp>,
    pub fresh_until: Option<Timestamp>,
    /// One place for each of `Item::legs`.
    pub legs: Vec<Option<LegMemory>>,
    /// The last run as a whole.
    pub last_run: Option<LastRun>,
    pub first_ready: Option<Timestamp>,
    /// When a pass was last confirmed. Cleared when its loss has been judged; kept over a loss
    /// while a hard dependency is down, which is not judged yet.
    pub ready_since: Option<Timestamp>,
    /// When a confirmed pass was lost; cleared when it is back.
    pub regressed_at: Option<Timestamp>,
    pub evaluations: u64,
    pub failures: u64,
    pub regressions: u64,
    /// The state last published, so that a restart keeps its `since`.
    pub standing: Option<Standing>,
    /// What legs have seen over time, the last that was added to at the end. It outlives a change of the
    /// definition, for it says itself what it is of; what no leg asks for any more goes by and by.
    pub remembered: Vec<Arc<Remembered>>,
}

/// Values that one leg has seen over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Of what they are: a leg that looks at something else, or elsewhere, has another memory.
    pub of: Digest,
    /// When it began: nobody knows what was before.
    pub since: Timestamp,
    /// Sorted by key and value, each of them once.
    pub values: Box<[SeenValue]>,
}

impl Remembered {
    /// What an item can have of them, those of former definitions included.
    pub const MOST: usize = 8;
}

/// A value, with the first and the last look that saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenValue {
    /// What it is the value of; empty if there is one thing only.
    pub key: Box<str>,
    pub value: Box<str>,
    pub first: Timestamp,
    pub last: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmed {
    pub outcome: Outcome,
    pub reason: Option<Reason>,
    pub since: Timestamp,
}

/// The last verdict of one leg.
#[derive(Clone, Debug, PartialEq)]
pub struct LegMemory {
    pub verdict: Arc<Verdict>,
    pub at: Timestamp,
    pub fresh_until: Timestamp,
}

/// What the last run, all legs combined, came to.
#[derive(Clone, Debug, PartialEq)]
pub struct LastRun {
    pub outcome: Outcome,
    pub reason: Option<Reason>,
    /// Of the deciding leg.
    pub sentence: Arc<str>,
    pub measurements: Arc<[Measurement]>,
    pub duration: Span,
}

/// One bit for each of the last 20 decisive outcomes: set if it differs from the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlapRing {
    pub bits: u32,
    pub len: u8,
}
