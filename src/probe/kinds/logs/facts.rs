//! What one look yields: numbers, never lines.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was seen of all sources.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// One for each file or container, or for each value of `by`.
    pub(super) sources: Vec<Sample>,
}

/// The newest lines of one source.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Sample {
    /// The path, the name of the container, or the value of the label.
    pub(super) name: String,
    /// Lines that count.
    pub(super) lines: usize,
    /// Those that are one JSON object each.
    pub(super) json: usize,
    /// Those that have all required keys too.
    pub(super) structured: usize,
    /// Share of the lines that are structured; null without lines.
    pub(super) ratio: Option<f64>,
    /// By required key: lines in JSON that have none of it.
    pub(super) lacking: BTreeMap<String, usize>,
    /// By level: lines. `other` is a level that is not known.
    pub(super) levels: BTreeMap<String, usize>,
    /// Share of errors among lines with a level; null without such.
    pub(super) error_ratio: Option<f64>,
    /// Lines with a time that can be read.
    pub(super) timed: usize,
    /// Negative if the time lies ahead; null if no line has one.
    pub(super) newest_age_s: Option<f64>,
    pub(super) oldest_age_s: Option<f64>,
    /// Of the newest line that is not younger than `settle_s`; null if there is none.
    pub(super) settled_age_s: Option<f64>,
    pub(super) longest_bytes: usize,
    /// What `forbid` found, by the place of the pattern from 0.
    pub(super) forbidden: Vec<Hit>,
    /// There are more lines in the time asked for than were read.
    pub(super) cut: bool,
}

/// Lines that match one forbidden pattern.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Hit {
    pub(super) pattern: usize,
    pub(super) count: usize,
    /// The newest of them, counted from the end: 1 is the last line.
    pub(super) from_end: usize,
}
