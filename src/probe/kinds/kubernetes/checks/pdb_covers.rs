//! `pdb_covers`: each Deployment with several replicas has one disruption budget that fits its pods and
//! lets one of them go.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen, places};
use crate::model::Reason;
use crate::probe::kinds::kubernetes::object::{
    at, count_or_share, full, is_running, labels_of, namespace, number, pods_of, selector, selects,
};
use crate::probe::kinds::kubernetes::resource::{BUDGETS, DEPLOYMENTS, PODS};

/// Each Deployment with at least two replicas has exactly one disruption budget, which fits all of its
/// running pods and allows a disruption; and no budget fits nothing, or blocks all.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct PdbCovers {}

impl Check for PdbCovers {
    fn expects(&self, leg: &Kubernetes) -> String {
        format!("a disruption budget with room for each Deployment in {}", places(leg))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        vec![Need::of(DEPLOYMENTS), Need::of(PODS), Need::of(BUDGETS)]
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        let (deployments, pods) = (seen.of(&DEPLOYMENTS), seen.of(&PODS));
        let budgets: Vec<_> =
            seen.of(&BUDGETS).iter().map(|budget| (budget, selector(at(budget, &["spec", "selector"])))).collect();
        for (budget, chosen) in &budgets {
            let fits = |pod: &&Value| namespace(pod) == namespace(budget) && selects(chosen, &labels_of(pod));
            if !pods.iter().filter(|pod| is_running(pod)).any(|pod| fits(&pod)) {
                report.wrong(Reason::Assertion, format!("the budget {}, which fits no running pod", full(budget)));
            } else if number(budget, &["status", "disruptionsAllowed"]).unwrap_or(0) < 1 {
                report.wrong(Reason::Assertion, format!("the budget {}, which allows no disruption", full(budget)));
            }
        }
        for deployment in deployments {
            let replicas = number(deployment, &["spec", "replicas"]).unwrap_or(1);
            if replicas < 2 {
                continue;
            }
            let own = pods_of(deployment, pods);
            let fits = |chosen: &Option<_>, pod: &Value| selects(chosen, &labels_of(pod));
            let near = budgets.iter().filter(|(budget, _)| namespace(budget) == namespace(deployment));
            let found: Vec<_> = near.filter(|(_, chosen)| own.iter().any(|pod| fits(chosen, pod))).collect();
            match found.as_slice() {
                _ if own.is_empty() => {
                    report.wrong(Reason::TooFew, format!("{} without a running pod", full(deployment)));
                }
                [] => report.wrong(Reason::Missing, format!("{} without a budget", full(deployment))),
                [(budget, chosen)] => {
                    let all = own.iter().all(|pod| fits(chosen, pod));
                    one(deployment, budget, replicas, all, report);
                }
                many => report.wrong(Reason::Assertion, format!("{} budgets for {}", many.len(), full(deployment))),
            }
        }
        if deployments.is_empty() {
            report.wrong(Reason::Missing, "no Deployment");
        }
    }
}

fn one(deployment: &Value, budget: &Value, replicas: i64, all: bool, report: &mut Report) {
    let (what, of) = (full(budget), full(deployment));
    let expected = number(budget, &["status", "expectedPods"]).unwrap_or(0);
    let allowed = number(budget, &["status", "disruptionsAllowed"]).unwrap_or(0);
    let least = count_or_share(at(budget, &["spec", "minAvailable"]), replicas);
    if !all {
        report.wrong(Reason::Assertion, format!("the budget {what}, which does not fit all pods of {of}"));
    } else if expected != replicas {
        report.wrong(Reason::Assertion, format!("the budget {what} for {expected} pods, not the {replicas} of {of}"));
    } else if least.is_some_and(|least| least >= replicas) {
        report.wrong(Reason::Assertion, format!("the budget {what}, which keeps all {replicas} pods of {of}"));
    } else if allowed >= 1 {
        report.right(&of, "a budget with room", &format!("{what} allows {allowed}"));
    }
}
