//! What a run needs to know of its scenario, shared with a clean-up that outlives it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Scenario;
use super::step::{Known, RUN, Step, Values};
use crate::probe::hazards::Site;
use crate::probe::{Grant, ProbeCx};

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
    /// Addresses that steps name themselves.
    pub(super) addresses: Vec<String>,
    /// Names under which steps keep what they leave behind, see `Probe::owns`.
    pub(super) owns: Vec<(String, String)>,
}

impl Plan {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let steps = || scenario.steps.iter().chain(&scenario.cleanup);
        let mut known: Known = steps().flat_map(|step| step.capture.keys().cloned()).collect();
        known.insert(RUN.to_owned());
        let target = scenario.target.clone();
        let parsed = steps().filter_map(|step| step.parse(target.as_deref(), &Known::new(), &Values::new()).ok());
        let (mut credentials, mut grants, mut addresses) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut owns = BTreeMap::new();
        for parsed in parsed {
            credentials.extend(parsed.credentials);
            grants.extend(parsed.probe.grants());
            addresses.insert(parsed.address);
            // They run one after the other, so that the same name twice in here is no mistake.
            owns.extend(parsed.owns.into_iter().map(|(_, owner)| (owner, "steps".to_owned())));
        }
        addresses.remove("");
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
            addresses: addresses.into_iter().collect(),
            owns: owns.into_iter().map(|(owner, field)| (field, owner)).collect(),
        }
    }

    /// Where the steps make what the clean-up takes away.
    pub(super) fn site(&self, cx: &ProbeCx) -> Site {
        let target = self.target.as_ref().and_then(|_| cx.target().ok());
        let of_steps = self.more_targets.iter().filter_map(|name| cx.another_target(name).ok());
        let of_targets = target.into_iter().chain(of_steps).map(|target| &*target.address);
        Site::new(target.map(|target| &**target), of_targets.chain(self.addresses.iter().map(String::as_str)))
    }
}
