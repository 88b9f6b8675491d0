//! `rollout`: workloads are switched from one colour to the other, and are healthy.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen};
use crate::model::Reason;
use crate::probe::Findings;
use crate::probe::kinds::kubernetes::object::{at, full, labels, name, namespace, selector, selects, text};
use crate::probe::kinds::kubernetes::resource::{DEPLOYMENTS, ROLLOUTS, SERVICES};

/// Each workload has a Rollout with the strategy blueGreen that is healthy; or two Deployments with the labels `slot: blue` and `slot: green` and one Service that points to exactly
/// one of them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct Rollout {
    /// Names of Rollouts, or of the Services in front of two slots.
    workloads: Vec<String>,
    /// The services that a Rollout names must be there.
    services: bool,
}

const SLOTS: [&str; 2] = ["blue", "green"];

impl Check for Rollout {
    fn expects(&self, _leg: &Kubernetes) -> String {
        format!("a healthy blue-green rollout of {}", self.workloads.join(", "))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        vec![Need::of(ROLLOUTS).optional(), Need::of(SERVICES), Need::of(DEPLOYMENTS)]
    }

    fn check(&self, _leg: &Kubernetes, findings: &mut Findings) {
        if self.workloads.is_empty() {
            findings.error("rollout.workloads", "expected names of workloads");
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        for workload in &self.workloads {
            let rollout = seen.of(&ROLLOUTS).iter().find(|one| name(one) == workload);
            let fault = match rollout {
                Some(rollout) => self.of_rollout(rollout, seen),
                None => of_slots(workload, seen),
            };
            match fault {
                Some((reason, fault)) => report.wrong(reason, fault),
                None => report.right(workload, "blue-green", "blue-green and healthy"),
            }
        }
    }
}

impl Rollout {
    fn of_rollout(&self, rollout: &Value, seen: &Seen<'_>) -> Option<(Reason, String)> {
        let what = full(rollout);
        let strategy = at(rollout, &["spec", "strategy", "blueGreen"]);
        if strategy.is_null() {
            return Some((Reason::Assertion, format!("the Rollout {what} with another strategy")));
        }
        for part in ["activeService", "previewService"].into_iter().filter(|_| self.services) {
            let wanted = text(strategy, &[part]);
            let there = |one: &&Value| name(one) == wanted && namespace(one) == namespace(rollout);
            // A preview is not needed.
            let needed = part == "activeService" || !wanted.is_empty();
            if needed && !seen.of(&SERVICES).iter().any(|one| there(&one)) {
                return Some((Reason::Missing, format!("the Rollout {what} without its {part} {wanted}")));
            }
        }
        let phase = text(rollout, &["status", "phase"]);
        let shown = if phase.is_empty() { "without a phase" } else { phase };
        (phase != "Healthy").then(|| (Reason::Assertion, format!("the Rollout {what} {shown}")))
    }
}

fn of_slots(workload: &str, seen: &Seen<'_>) -> Option<(Reason, String)> {
    let Some(service) = seen.of(&SERVICES).iter().find(|one| name(one) == workload) else {
        return Some((Reason::Missing, format!("no Rollout and no Service {workload}")));
    };
    let slot = |deployment: &Value| text(deployment, &["spec", "template", "metadata", "labels", "slot"]).to_owned();
    let near: Vec<&Value> = seen.of(&DEPLOYMENTS).iter().filter(|one| namespace(one) == namespace(service)).collect();
    let chosen = at(service, &["spec", "selector"]);
    // What the service would select but for the slot.
    let mut without = labels(chosen);
    let aims = without.remove("slot");
    let family = selector(&serde_json::json!({ "matchLabels": without }));
    let own = |one: &&&Value| selects(&family, &labels(at(one, &["spec", "template", "metadata", "labels"])));
    let slots: Vec<String> = near.iter().filter(own).map(|one| slot(one)).collect();
    let both = SLOTS.iter().all(|wanted| slots.iter().any(|slot| slot == wanted));
    match aims {
        _ if without.is_empty() || !both => Some((
            Reason::Missing,
            format!("no Rollout {workload} and no Deployments of two slots behind {}", full(service)),
        )),
        Some(slot) if SLOTS.contains(&slot.as_str()) => None,
        _ => Some((Reason::Assertion, format!("the Service {}, which points to no single slot", full(service)))),
    }
}
