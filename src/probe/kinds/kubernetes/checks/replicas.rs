//! `replicas`: Deployments want, and have, several replicas on different nodes.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen, missing, places};
use crate::model::{Reason, Span};
use crate::probe::Findings;
use crate::probe::kinds::kubernetes::object::{
    age, at, condition, full, is_running, name, namespace, number, pods_of, text,
};
use crate::probe::kinds::kubernetes::resource::{DEPLOYMENTS, LEASES, PODS};

/// Each Deployment wants and has so many replicas, on so many nodes; those that elect a leader have one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct Replicas {
    /// Deployments that must be there.
    expected: Vec<String>,
    min: u32,
    min_nodes: u32,
    /// Of these a Lease of the same name must be held by one of its running pods.
    leader_elected: Vec<String>,
    /// The Lease was renewed at most so long ago.
    max_lease_age_s: u32,
}

impl Default for Replicas {
    fn default() -> Self {
        Self { expected: Vec::new(), min: 2, min_nodes: 2, leader_elected: Vec::new(), max_lease_age_s: 60 }
    }
}

impl Check for Replicas {
    fn expects(&self, leg: &Kubernetes) -> String {
        format!("at least {} replicas of each Deployment in {}", self.min, places(leg))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        let mut needs = vec![Need::of(DEPLOYMENTS), Need::of(PODS)];
        if !self.leader_elected.is_empty() {
            needs.push(Need::of(LEASES));
        }
        needs
    }

    fn check(&self, _leg: &Kubernetes, findings: &mut Findings) {
        if self.min == 0 {
            findings.error("replicas.min", "expected at least 1");
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        let deployments = seen.of(&DEPLOYMENTS);
        let there = |wanted: &str| deployments.iter().any(|one| name(one) == wanted);
        for absent in missing(&self.expected, there).into_iter().chain(missing(&self.leader_elected, there)) {
            report.wrong(Reason::Missing, format!("no Deployment {absent}"));
        }
        for deployment in deployments {
            self.one(deployment, seen, report);
        }
        if deployments.is_empty() {
            report.wrong(Reason::Missing, "no Deployment");
        }
    }
}

impl Replicas {
    fn one(&self, deployment: &Value, seen: &Seen<'_>, report: &mut Report) {
        let what = full(deployment);
        let wanted = number(deployment, &["spec", "replicas"]).unwrap_or(1);
        let available = number(deployment, &["status", "availableReplicas"]).unwrap_or(0);
        let pods = pods_of(deployment, seen.of(&PODS));
        // A pod on a dead node still says that it runs, but it is not ready.
        let ready = pods.iter().filter(|pod| condition(pod, "Ready") == "True");
        let nodes: BTreeSet<&str> = ready.map(|pod| text(pod, &["spec", "nodeName"])).collect();
        let least = i64::from(self.min);
        if wanted < least {
            report.wrong(Reason::TooFew, format!("{what} with {wanted} wanted"));
        } else if available < least {
            report.wrong(Reason::TooFew, format!("{what} with {available} of {wanted} available"));
        } else if nodes.len() < usize::try_from(self.min_nodes).unwrap_or(usize::MAX) {
            report.wrong(Reason::TooFew, format!("{what} on {} nodes", nodes.len()));
        } else if let Some(why) = self.leaderless(deployment, seen) {
            report.wrong(Reason::Assertion, format!("{what} {why}"));
        } else {
            report.right(&what, &format!("{least} or more"), &format!("{available} on {} nodes", nodes.len()));
        }
    }

    fn leaderless(&self, deployment: &Value, seen: &Seen<'_>) -> Option<String> {
        if !self.leader_elected.iter().any(|known| known == name(deployment)) {
            return None;
        }
        let same = |lease: &&Value| name(lease) == name(deployment) && namespace(lease) == namespace(deployment);
        let Some(lease) = seen.of(&LEASES).iter().find(same) else { return Some("without a Lease".to_owned()) };
        let holder = text(lease, &["spec", "holderIdentity"]);
        // Libraries add an id of the process.
        let holds = |pod: &&&Value| {
            let rest = holder.strip_prefix(name(pod));
            is_running(pod) && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        };
        if !pods_of(deployment, seen.of(&PODS)).iter().any(|pod| holds(&pod)) {
            return Some(format!("whose Lease is held by {holder:?}, which is none of its running pods"));
        }
        match age(seen.now, at(lease, &["spec", "renewTime"])) {
            Some(age) if age <= Span::from_secs(self.max_lease_age_s.into()) => None,
            Some(age) => Some(format!("whose Lease was renewed {age} ago")),
            None => Some("whose Lease was never renewed".to_owned()),
        }
    }
}
