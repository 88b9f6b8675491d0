//! `spread`: replicas are told to keep apart, and are apart.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen, places};
use crate::model::Reason;
use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::kubernetes::object::{
    at, condition, each, full, labels, name, number, pods_of, selector, selects, text,
};
use crate::probe::kinds::kubernetes::resource::{DEPLOYMENTS, NODES, PODS};

/// Each Deployment with several replicas says that they keep apart, in a way that fits its own pods; and
/// they run on as many nodes as there can be, and in two zones where the cluster has two.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct Spread {
    /// Label of nodes with their zone; empty: zones are not looked at.
    zone_label: String,
}

impl Default for Spread {
    fn default() -> Self {
        Self { zone_label: "topology.kubernetes.io/zone".to_owned() }
    }
}

impl Check for Spread {
    fn expects(&self, leg: &Kubernetes) -> String {
        format!("replicas of each Deployment in {} apart", places(leg))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        vec![Need::of(DEPLOYMENTS), Need::of(PODS), Need::cluster(NODES)]
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        let nodes: Vec<&Value> = seen.of(&NODES).iter().filter(|node| takes_pods(node)).collect();
        let zone = |node: &Value| at(node, &["metadata", "labels", &self.zone_label]).as_str().map(str::to_owned);
        let zones: BTreeSet<String> = nodes.iter().filter_map(|node| zone(node)).collect();
        let mut looked = false;
        for deployment in seen.of(&DEPLOYMENTS) {
            let replicas = number(deployment, &["spec", "replicas"]).unwrap_or(1);
            if replicas < 2 {
                continue;
            }
            looked = true;
            let what = full(deployment);
            if !keeps_apart(deployment) {
                report.wrong(Reason::Assertion, format!("{what} without a rule of its own pods to keep apart"));
                continue;
            }
            let pods = pods_of(deployment, seen.of(&PODS));
            let on: BTreeSet<&str> = pods.iter().map(|pod| text(pod, &["spec", "nodeName"])).collect();
            let of_node = |named: &&str| seen.of(&NODES).iter().find(|node| name(node) == *named).and_then(zone);
            let in_zones: BTreeSet<String> = on.iter().filter_map(of_node).collect();
            let wanted = nodes.len().min(usize::try_from(replicas).unwrap_or(0));
            if on.len() < wanted {
                report.wrong(Reason::TooFew, format!("{what} on {} of {wanted} nodes", on.len()));
            } else if zones.len() >= 2 && in_zones.len() < 2 {
                report.wrong(Reason::TooFew, format!("{what} in {} of {} zones", in_zones.len(), zones.len()));
            } else {
                let saw = format!("{} nodes, {} zones", on.len(), in_zones.len());
                report.right(&what, &format!("{wanted} nodes"), &saw);
            }
        }
        if nodes.is_empty() {
            report.unclear(Reason::NoData, "no node that takes pods");
        } else if !looked {
            report.unclear(Reason::NoData, "no Deployment with several replicas");
        }
    }
}

fn takes_pods(node: &Value) -> bool {
    condition(node, "Ready") == "True" && at(node, &["spec", "unschedulable"]) != true
}

/// Whether a rule is about the pods that the template makes, not about others.
fn keeps_apart(deployment: &Value) -> bool {
    let template = at(deployment, &["spec", "template"]);
    let own = labels(at(template, &["metadata", "labels"]));
    let fits = |rule: &Value| selects(&selector(rule.at("labelSelector")), &own);
    let anti = at(template, &["spec", "affinity", "podAntiAffinity"]);
    let required = each(anti, &["requiredDuringSchedulingIgnoredDuringExecution"]);
    let preferred = each(anti, &["preferredDuringSchedulingIgnoredDuringExecution"]);
    let preferred = preferred.map(|term| term.at("podAffinityTerm"));
    let mut constraints = each(template, &["spec", "topologySpreadConstraints"]);
    required.chain(preferred).any(fits) || constraints.any(fits)
}
