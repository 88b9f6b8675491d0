//! `pods`: what each pod must be, whatever made it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen, places};
use crate::model::{Reason, Span};
use crate::probe::Findings;
use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::kubernetes::object::{age, at, condition, each, full, labels_of, number, owner, text};
use crate::probe::kinds::kubernetes::resource::PODS;

/// Each pod that is neither over nor about to go is what is said here.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct Pods {
    /// Only those with all of these labels, such as `app=web`, or `app` with whatever value.
    labels: Vec<String>,
    must: Vec<Must>,
    /// A label that each has, with a value that no other has.
    one_per: Option<String>,
    /// The only ports that their containers may declare.
    only_ports: Option<Vec<u16>>,
    /// The only ports that they may have on their node, by `hostPort` or as what a pod in the network of its
    /// node declares.
    only_node_ports: Option<Vec<u16>>,
    /// A pod that was started less than so many seconds ago need not be ready yet: it is unclear.
    settle_s: u32,
    /// There was nothing to judge if there is none; else that is wrong.
    may_be_none: bool,
}

/// A closed list, so that a sentence can name what is wrong. Pods of Jobs, which end, are asked for
/// `own_namespaces` only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Must {
    /// It uses neither the network nor the processes nor the shared memory of its node.
    OwnNamespaces,
    /// Its containers are restarted whenever they end.
    AlwaysRestarts,
    /// Each of its containers has a liveness probe.
    Liveness,
    /// It is ready, and so is each container that was restarted.
    Ready,
}

impl Default for Pods {
    fn default() -> Self {
        Self {
            labels: Vec::new(),
            must: Vec::new(),
            one_per: None,
            only_ports: None,
            only_node_ports: None,
            settle_s: 300,
            may_be_none: false,
        }
    }
}

impl Check for Pods {
    fn expects(&self, leg: &Kubernetes) -> String {
        let mut parts: Vec<String> = self.must.iter().map(|must| must.expected().to_owned()).collect();
        parts.extend(self.one_per.iter().map(|label| format!("a {label} of their own")));
        parts.extend(self.only_ports.iter().map(|_| "no port that was not declared".to_owned()));
        parts.extend(self.only_node_ports.iter().map(|_| "no surplus port on their node".to_owned()));
        format!("pods in {} with {}", places(leg), parts.join(", "))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        vec![Need::of(PODS)]
    }

    fn check(&self, _leg: &Kubernetes, findings: &mut Findings) {
        let ports = self.only_ports.is_some() || self.only_node_ports.is_some();
        if self.must.is_empty() && self.one_per.is_none() && !ports {
            findings.error("pods.must", "nothing is expected of the pods");
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        let meant: Vec<&Value> = seen.of(&PODS).iter().filter(|pod| is_there(pod) && self.is_meant(pod)).collect();
        let mut holders: BTreeMap<String, String> = BTreeMap::new();
        for pod in &meant {
            let before = report.count_wrong();
            for must in self.must.iter().filter(|must| **must == Must::OwnNamespaces || !is_of_a_job(pod)) {
                self.one(*must, pod, seen, report);
            }
            if let Some(label) = &self.one_per {
                let labels = labels_of(pod);
                match labels.get(label).filter(|value| !value.is_empty()) {
                    None => report.wrong(Reason::Missing, format!("{} without the label {label}", full(pod))),
                    Some(value) => {
                        if let Some(other) = holders.insert(value.clone(), full(pod)) {
                            let saw = format!("{other} and {}, both with {label}={value}", full(pod));
                            report.wrong(Reason::Assertion, saw);
                        }
                    }
                }
            }
            self.ports(pod, report);
            if report.count_wrong() == before {
                report.right(&full(pod), "as described", "so");
            }
        }
        if meant.is_empty() {
            match self.may_be_none {
                true => report.unclear(Reason::NoData, "none, so nothing to judge"),
                false => report.wrong(Reason::Missing, "none"),
            }
        }
    }
}

impl Pods {
    fn is_meant(&self, pod: &Value) -> bool {
        let labels = labels_of(pod);
        self.labels.iter().all(|wanted| match wanted.split_once('=') {
            Some((name, value)) => labels.get(name).is_some_and(|own| own == value),
            None => labels.contains_key(wanted),
        })
    }

    fn one(&self, must: Must, pod: &Value, seen: &Seen<'_>, report: &mut Report) {
        let what = full(pod);
        match must {
            Must::OwnNamespaces => {
                let shared = [("hostNetwork", "network"), ("hostPID", "processes"), ("hostIPC", "shared memory")];
                for (_, of) in shared.iter().filter(|(field, _)| at(pod, &["spec", field]) == true) {
                    report.wrong(Reason::Assertion, format!("{what} with the {of} of its node"));
                }
            }
            Must::AlwaysRestarts => {
                let policy = text(pod, &["spec", "restartPolicy"]);
                // Always is what stands there unless something else is written.
                if !matches!(policy, "Always" | "") {
                    report.wrong(Reason::Assertion, format!("{what} with the restart policy {policy}"));
                }
            }
            Must::Liveness => {
                let without = each(pod, &["spec", "containers"]).find(|one| one.at("livenessProbe").is_null());
                if let Some(container) = without {
                    let name = text(container, &["name"]);
                    report.wrong(Reason::Missing, format!("no liveness probe of {name} in {what}"));
                }
            }
            Must::Ready => self.ready(pod, seen, report),
        }
    }

    fn ready(&self, pod: &Value, seen: &Seen<'_>, report: &mut Report) {
        let what = full(pod);
        let restarts = |one: &Value| number(one, &["restartCount"]).unwrap_or(0);
        let down = each(pod, &["status", "containerStatuses"]).find(|one| restarts(one) > 0 && one.at("ready") != true);
        if let Some(container) = down {
            let (name, times) = (text(container, &["name"]), restarts(container));
            let saw = format!("{what}, whose container {name} was restarted {times} times and is not ready");
            report.wrong(Reason::Assertion, saw);
        } else if condition(pod, "Ready") != "True" {
            let began = [["status", "startTime"], ["metadata", "creationTimestamp"]];
            let since = began.iter().find_map(|path| age(seen.now, at(pod, path)));
            match since {
                Some(since) if since <= Span::from_secs(self.settle_s.into()) => {
                    report.unclear(Reason::NoData, format!("{what}, which is not ready {since} after its start"));
                }
                Some(since) => report.wrong(Reason::Assertion, format!("{what}, not ready {since} after its start")),
                None => report.wrong(Reason::Assertion, format!("{what}, which is not ready")),
            }
        }
    }

    fn ports(&self, pod: &Value, report: &mut Report) {
        let of_the_node = at(pod, &["spec", "hostNetwork"]) == true;
        for container in each(pod, &["spec", "containers"]).chain(each(pod, &["spec", "initContainers"])) {
            for port in each(container, &["ports"]) {
                let (own, on_node) = (number(port, &["containerPort"]), number(port, &["hostPort"]));
                let on_node = on_node.filter(|port| *port != 0).or(own.filter(|_| of_the_node));
                let is_in = |list: &[u16], port: i64| list.iter().any(|known| i64::from(*known) == port);
                let name = || format!("{} of {}", text(container, &["name"]), full(pod));
                if let (Some(list), Some(port)) = (&self.only_ports, own)
                    && !is_in(list, port)
                {
                    report.wrong(Reason::Assertion, format!("the port {port} of {}", name()));
                }
                if let (Some(list), Some(port)) = (&self.only_node_ports, on_node)
                    && !is_in(list, port)
                {
                    report.wrong(Reason::Assertion, format!("the port {port} of the node for {}", name()));
                }
            }
        }
    }
}

impl Must {
    fn expected(self) -> &'static str {
        match self {
            Self::OwnNamespaces => "namespaces of their own",
            Self::AlwaysRestarts => "the restart policy Always",
            Self::Liveness => "liveness probes",
            Self::Ready => "everything ready, also what was restarted",
        }
    }
}

fn is_of_a_job(pod: &Value) -> bool {
    owner(pod).is_some_and(|(kind, _)| kind == "Job")
}

/// Neither over nor about to go. One that failed and is replaced by its controller is over.
fn is_there(pod: &Value) -> bool {
    let over = match text(pod, &["status", "phase"]) {
        "Succeeded" => true,
        "Failed" => owner(pod).is_some(),
        _ => false,
    };
    !over && at(pod, &["metadata", "deletionTimestamp"]).is_null()
}
