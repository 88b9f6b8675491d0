//! `policy_effective`: policies that allow traffic have somebody to allow it to, and are not open to all.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::default_deny::allows;
use super::{Check, Kubernetes, Need, Report, Seen, places};
use crate::model::Reason;
use crate::probe::Findings;
use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::kubernetes::object::{
    at, each, full, is_empty, is_running, labels_of, name, namespace, owner, selector, selects,
};
use crate::probe::kinds::kubernetes::resource::{NETWORK_POLICIES, PODS};

/// Each running pod is selected by a policy that allows something; each such policy selects a pod, and not
/// all of several workloads; and none is open to all, but on public ports.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct PolicyEffective {
    /// What everybody may reach, as `workload:port`, such as `api-gateway:8080`.
    public_ports: Vec<String>,
    /// A policy may select all pods of its namespace.
    may_select_all: bool,
    /// If not empty, rules name namespaces by their name, and these only; `.` stands for the own one.
    peers: Vec<String>,
}

/// The label that every namespace has its name in.
const NAME: &str = "kubernetes.io/metadata.name";

impl Check for PolicyEffective {
    fn expects(&self, leg: &Kubernetes) -> String {
        format!("network policies that work in {}", places(leg))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        vec![Need::of(NETWORK_POLICIES), Need::of(PODS)]
    }

    fn check(&self, _leg: &Kubernetes, findings: &mut Findings) {
        let named = |port: &String| port.split_once(':').is_some_and(|(_, number)| number.parse::<u16>().is_ok());
        if !self.public_ports.iter().all(named) {
            findings.error("policy_effective.public_ports", "expected `workload:port`, such as `api-gateway:8080`");
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        let pods: Vec<_> =
            seen.of(&PODS).iter().filter(|pod| is_running(pod)).map(|pod| (pod, labels_of(pod))).collect();
        let mut covered = vec![false; pods.len()];
        for policy in seen.of(&NETWORK_POLICIES).iter().filter(|policy| allows(policy)) {
            let before = report.count_wrong();
            let chosen = selector(at(policy, &["spec", "podSelector"]));
            let (mut selected, mut others) = (Vec::new(), 0_u32);
            for ((pod, labels), covered) in pods.iter().zip(&mut covered) {
                if namespace(pod) != namespace(policy) {
                    continue;
                }
                if selects(&chosen, labels) {
                    *covered = true;
                    selected.push(*pod);
                } else {
                    others += 1;
                }
            }
            if selected.is_empty() {
                report.wrong(Reason::Assertion, format!("{}, which selects no running pod", full(policy)));
                continue;
            }
            let everything =
                is_empty(at(policy, &["spec", "podSelector"])) || (others == 0 && workloads(&selected) > 1);
            if everything && !self.may_select_all {
                report.wrong(Reason::Assertion, format!("{}, which selects all pods", full(policy)));
            }
            self.openness(policy, &selected, report);
            self.peers(policy, report);
            if before == report.count_wrong() {
                report.right(&full(policy), "selects pods", &format!("{}", selected.len()));
            }
        }
        let mut bare = pods.iter().zip(&covered).filter(|(_, covered)| !**covered).map(|((pod, _), _)| pod);
        if let Some(first) = bare.next() {
            let more = bare.count();
            let more = if more > 0 { format!(" and {more} more pods") } else { String::new() };
            report.wrong(Reason::Assertion, format!("{}{more}, which no policy allows anything", full(first)));
        }
        if pods.is_empty() {
            report.unclear(Reason::NoData, "no running pod");
        }
    }
}

impl PolicyEffective {
    fn openness(&self, policy: &Value, selected: &[&Value], report: &mut Report) {
        for rule in each(policy, &["spec", "ingress"]).filter(|rule| is_open(rule)) {
            let ports: Vec<i64> = each(rule, &["ports"]).filter_map(|port| port.at("port").as_i64()).collect();
            // A port by its name, a range, or none, is no port that was called public.
            let named = each(rule, &["ports"]).count();
            let whole = named > 0 && named == ports.len() && each(rule, &["ports"]).all(|p| p.at("endPort").is_null());
            let public = |pod: &&Value| {
                let workload = owner(pod).map_or_else(|| name(pod), |(_, name)| name);
                ports.iter().all(|port| self.public_ports.contains(&format!("{workload}:{port}")))
            };
            if !(whole && selected.iter().all(public)) {
                let shown: Vec<String> = ports.iter().map(i64::to_string).collect();
                let shown = if whole { shown.join(", ") } else { "any port".to_owned() };
                report.wrong(Reason::Assertion, format!("{}, which is open to all on {shown}", full(policy)));
                return;
            }
        }
    }

    fn peers(&self, policy: &Value, report: &mut Report) {
        if self.peers.is_empty() {
            return;
        }
        for (direction, side) in [("ingress", "from"), ("egress", "to")] {
            for rule in each(policy, &["spec", direction]) {
                let peers: Vec<&Value> = each(rule, &[side]).collect();
                if peers.is_empty() || !peers.iter().all(|peer| self.knows(peer)) {
                    let text =
                        format!("{}, whose {direction} is about others than {}", full(policy), self.peers.join(", "));
                    report.wrong(Reason::Assertion, text);
                    return;
                }
            }
        }
    }

    fn knows(&self, peer: &Value) -> bool {
        if !peer.at("ipBlock").is_null() {
            return false;
        }
        if peer.at("namespaceSelector").is_null() {
            return self.peers.iter().any(|known| known == ".");
        }
        let named = at(peer, &["namespaceSelector", "matchLabels", NAME]).as_str();
        named.is_some_and(|named| self.peers.iter().any(|known| known == named))
    }
}

/// Whether a rule for traffic to pods lets everybody in the cluster or beyond through.
fn is_open(rule: &Value) -> bool {
    let mut peers = each(rule, &["from"]).peekable();
    if peers.peek().is_none() {
        return true;
    }
    peers.any(|peer| {
        let block = at(peer, &["ipBlock", "cidr"]).as_str();
        let pods = peer.at("podSelector");
        let all_pods = pods.is_null() || is_empty(pods);
        let spaces = peer.at("namespaceSelector");
        block.is_some_and(|block| block.ends_with("/0")) || (is_empty(spaces) && all_pods)
    })
}

fn workloads(pods: &[&Value]) -> usize {
    let mut names: Vec<_> = pods.iter().map(|pod| owner(pod).unwrap_or(("Pod", name(pod)))).collect();
    names.sort_unstable();
    names.dedup();
    names.len()
}
