//! What a run of steps showed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Outcome, Reason, Verdict};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// What `{run}` stood for.
    pub(super) run: String,
    /// Those that ran.
    pub(super) steps: Vec<StepSeen>,
    /// What they captured, by name.
    pub(super) captured: BTreeMap<String, String>,
    /// Of this run, or of the earlier one that could not be cleaned up.
    pub(super) cleanup: Vec<StepSeen>,
    /// Whether nothing of this run is left.
    pub(super) cleaned: bool,
    /// A step was not answered, so that what it makes may still come: the next run cleans up once more.
    #[serde(default)]
    pub(super) may_still_come: bool,
    /// Earlier runs that were cleaned up now.
    pub(super) leftovers_cleaned: u64,
    /// Earlier runs that could not be cleaned up; if there is one, no step runs.
    pub(super) leftovers_kept: u64,
}

/// One step that ran, or that should have.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct StepSeen {
    pub(super) name: String,
    /// `pass`, `fail` or `indeterminate`.
    pub(super) outcome: String,
    pub(super) reason: Option<String>,
    pub(super) sentence: String,
    pub(super) seconds: f64,
    /// How often it ran.
    pub(super) attempts: u32,
}

impl StepSeen {
    pub(super) fn new(name: &str, verdict: &Verdict, seconds: f64, attempts: u32) -> Self {
        Self {
            name: name.to_owned(),
            outcome: verdict.outcome().as_str().to_owned(),
            reason: verdict.reason().map(|reason| reason.as_str().to_owned()),
            sentence: verdict.sentence().to_owned(),
            seconds,
            attempts,
        }
    }

    pub(super) fn passed(&self) -> bool {
        self.outcome == Outcome::Pass.as_str()
    }

    /// As the verdict on the whole, if it did not pass.
    pub(super) fn verdict(&self, more: &str) -> Verdict {
        let reason = self.reason.as_deref().and_then(Reason::parse).unwrap_or(Reason::Other);
        let sentence = format!("{}: {}{more}", self.name, self.sentence);
        if self.outcome == Outcome::Fail.as_str() {
            Verdict::fail(reason, sentence)
        } else {
            Verdict::indeterminate(reason, sentence)
        }
    }
}
