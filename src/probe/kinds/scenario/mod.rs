//! `scenario`: steps, each a check of another kind, in their order; then a clean-up, whatever happened.
//!
//! Values that a step captures from what it saw stand in the parameters and conditions of later steps
//! as `{name}`; `{run}` is a name of the run itself, which what a step makes should bear. A pass proves
//! that every step of this run saw what it expected, and that the clean-up did. It proves nothing about
//! other ways through the system.
//!
//! The clean-up runs after success, failure and timeout, and also if the run is dropped. Before the
//! first step a record of what may be left behind is written to the directory `leftovers` in
//! `store.path`; it goes when the clean-up has succeeded. After a kill the next run of the check cleans
//! first, and goes on only if that succeeds; until then the check is unknown. What was not answered may be
//! done after the clean-up: then the record stays until a later run has cleaned up once more. A record of
//! another address than the target has now is kept and told, and not looked for here.

#[cfg(test)]
mod aim_tests;
mod cleaning;
mod facts;
mod judge;
mod perform;
mod plan;
mod step;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use self::facts::Facts;
use self::plan::Plan;
use self::step::{RUN, STAND_IN, Step};
use crate::model::{Access, Class, Timestamp, Verdict};
use crate::probe::{Findings, Grant, Probe, ProbeCx, ProbeError};

/// Runs steps of other kinds in order, and cleans up after them on every path.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Scenario {
    /// Name of a target; steps that take a target and name no other address look at it.
    target: Option<String>,
    /// Lower-case letters, digits and hyphens. What a run leaves behind is kept under it, so no two
    /// scenarios may have the same.
    name: String,
    /// In their order; the first that does not pass ends them.
    steps: Vec<Step>,
    /// Undoes what the steps did; each runs whatever became of the others. A step of which a value is
    /// missing is left out, unless the step that should have captured it got no answer: then something
    /// may be left behind that nobody can name. A clean-up that finds things by `{run}` has no such
    /// case. Must also pass if there is nothing to undo.
    cleanup: Vec<Step>,
    /// What the steps leave behind on purpose, in a few words; instead of a clean-up.
    leaves: Option<String>,
    /// How often the steps run, one round after the other, until one does not pass; 1 to 50. More than once
    /// only with `leaves`: a clean-up would know the values of the last round only.
    times: u32,
    /// Kept of the timeout of the check for the clean-up, in seconds; 1 to 60.
    cleanup_s: u32,
    #[serde(skip)]
    #[schemars(skip)]
    plan: OnceLock<Arc<Plan>>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            target: None,
            name: String::new(),
            steps: Vec::new(),
            cleanup: Vec::new(),
            leaves: None,
            times: 1,
            cleanup_s: 5,
            plan: OnceLock::new(),
        }
    }
}

const MAX_STEPS: usize = 32;

impl Probe for Scenario {
    const NAME: &'static str = "scenario";
    const SUMMARY: &'static str = "Steps of other kinds pass in their order, and are cleaned up after.";
    const CLASS: Class = Class::Mutating;
    type Facts = Facts;

    fn access(&self) -> Access {
        Access::Mutates
    }

    fn check(&self, findings: &mut Findings) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(plain) {
            findings.error("name", "expected 1 to 64 lower-case letters, digits and hyphens");
        }
        let captured = self.steps.iter().chain(&self.cleanup).flat_map(|step| step.capture.keys().map(String::as_str));
        let stand_ins = captured.chain([RUN]).map(|name| (name.to_owned(), STAND_IN.to_owned())).collect();
        for (field, steps) in [("steps", &self.steps), ("cleanup", &self.cleanup)] {
            let none_needed = field == "cleanup" && self.leaves.is_some();
            if steps.is_empty() != none_needed || steps.len() > MAX_STEPS {
                let message = if none_needed {
                    "write either `cleanup` or `leaves`".to_owned()
                } else {
                    format!("expected 1 to {MAX_STEPS} steps")
                };
                findings.error(field, message);
            }
            for (place, step) in steps.iter().enumerate() {
                step.check(&format!("{field}[{place}]"), self.target.as_deref(), &stand_ins, findings);
            }
        }
        if !(1..=50).contains(&self.times) || (self.times > 1 && self.leaves.is_none()) {
            findings.error("times", "expected 1, or up to 50 with `leaves`");
        }
        if !(1..=60).contains(&self.cleanup_s) {
            findings.error("cleanup_s", "expected 1 to 60 seconds");
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn more_targets(&self) -> Vec<&str> {
        self.plan().more_targets.iter().map(String::as_str).collect()
    }

    fn credentials(&self) -> Vec<&str> {
        self.plan().credentials.iter().map(String::as_str).collect()
    }

    fn grants(&self) -> Vec<Grant> {
        self.plan().grants.clone()
    }

    fn owns(&self) -> Vec<(String, String)> {
        let own = (!self.name.is_empty()).then(|| ("name".to_owned(), self.name.clone()));
        own.into_iter().chain(self.plan().owns.iter().cloned()).collect()
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        self.run(cx).await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        judge::verdict(facts)
    }
}

impl Scenario {
    fn plan(&self) -> &Arc<Plan> {
        self.plan.get_or_init(|| Arc::new(Plan::new(self)))
    }

    fn for_cleanup(&self) -> Duration {
        Duration::from_secs(self.cleanup_s.into())
    }
}
