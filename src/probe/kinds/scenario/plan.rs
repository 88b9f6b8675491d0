//! What a run needs to know of its scenario, shared with a clean-up that outlives it.

use std::time::Duration;

use super::Scenario;
use super::step::{Known, RUN, Step, Values};
use crate::probe::Grant;

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) target: Option<String>,
    pub(super) cleanup: Vec<Step>,
    pub(super) for_cleanup: Duration,
    /// Names that stand for values.
    pub(super) known: Known,
    /// Names of credentials that steps use.
    pub(super) credentials: Vec<String>,
    /// Names of targets of single steps.
    pub(super) more_targets: Vec<String>,
    /// Rights that steps need.
    pub(super) grants: Vec<Grant>,
}

impl Plan {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let steps = || scenario.steps.iter().chain(&scenario.cleanup);
        let mut known: Known = steps().flat_map(|step| step.capture.keys().cloned()).collect();
        known.insert(RUN.to_owned());
        let target = scenario.target.clone();
        let parsed = steps().filter_map(|step| step.parse(target.as_deref(), &Known::new(), &Values::new()).ok());
        let (mut credentials, mut grants) = (Vec::new(), Vec::new());
        for parsed in parsed {
            credentials.extend(parsed.credentials);
            grants.extend(parsed.probe.grants());
        }
        let mut more_targets: Vec<String> = steps().filter_map(|step| step.target.clone()).collect();
        for names in [&mut credentials, &mut more_targets] {
            names.sort();
            names.dedup();
        }
        Self {
            target,
            cleanup: scenario.cleanup.clone(),
            for_cleanup: scenario.for_cleanup(),
            known,
            credentials,
            more_targets,
            grants,
        }
    }
}
