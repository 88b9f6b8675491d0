//! `probes`: each container has a liveness and a readiness probe that can work.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen, places};
use crate::model::Reason;
use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::kubernetes::object::{at, condition, each, full, is_running, namespace, owner, text};
use crate::probe::kinds::kubernetes::resource::{DEPLOYMENTS, PODS, STATEFUL_SETS};

/// Each container of Deployments and StatefulSets has both probes, they differ, they ask a port that the
/// container has, and the pods are ready.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct Probes {
    /// Containers that need none, by their names.
    exempt: Vec<String>,
    /// The path that a liveness probe over HTTP must ask, of the Deployments named in `paths_of`.
    liveness_path: Option<String>,
    readiness_path: Option<String>,
    /// Deployments whose paths must be those; all if empty.
    paths_of: Vec<String>,
    max_timeout_s: i64,
    max_failure_threshold: i64,
}

impl Default for Probes {
    fn default() -> Self {
        Self {
            exempt: Vec::new(),
            liveness_path: None,
            readiness_path: None,
            paths_of: Vec::new(),
            max_timeout_s: 30,
            max_failure_threshold: 30,
        }
    }
}

impl Check for Probes {
    fn expects(&self, leg: &Kubernetes) -> String {
        format!("two probes that can work for each container in {}", places(leg))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        vec![Need::of(DEPLOYMENTS), Need::of(STATEFUL_SETS), Need::of(PODS)]
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        let kinds = [("Deployment", seen.of(&DEPLOYMENTS)), ("StatefulSet", seen.of(&STATEFUL_SETS))];
        for (kind, workload) in kinds.iter().flat_map(|(kind, all)| all.iter().map(move |one| (*kind, one))) {
            let before = report.count_wrong();
            for container in each(workload, &["spec", "template", "spec", "containers"]) {
                if !self.exempt.iter().any(|name| container.at("name") == name.as_str()) {
                    self.container(workload, container, report);
                }
            }
            let named = text(workload, &["metadata", "name"]);
            let own = |pod: &&Value| owner(pod) == Some((kind, named)) && namespace(pod) == namespace(workload);
            let pods: Vec<&Value> = seen.of(&PODS).iter().filter(|pod| is_running(pod)).filter(own).collect();
            if let Some(pod) = pods.iter().find(|pod| condition(pod, "Ready") != "True") {
                report.wrong(Reason::Assertion, format!("{}, which is not ready", full(pod)));
            }
            let none_wanted = at(workload, &["spec", "replicas"]) == 0;
            if pods.is_empty() && !none_wanted {
                report.wrong(Reason::TooFew, format!("{} without a running pod", full(workload)));
            } else if before == report.count_wrong() {
                report.right(&full(workload), "probes and ready pods", &format!("{} ready", pods.len()));
            }
        }
        if kinds.iter().all(|(_, all)| all.is_empty()) {
            report.wrong(Reason::Missing, "no Deployment or StatefulSet");
        }
    }
}

impl Probes {
    fn container(&self, workload: &Value, container: &Value, report: &mut Report) {
        let what = format!("{} container {}", full(workload), text(container, &["name"]));
        let (live, ready) = (container.at("livenessProbe"), container.at("readinessProbe"));
        for (kind, probe, path) in [("liveness", live, &self.liveness_path), ("readiness", ready, &self.readiness_path)]
        {
            if probe.is_null() {
                report.wrong(Reason::Missing, format!("{what} without a {kind} probe"));
                continue;
            }
            if let Some(port) = no_such_port(container, probe) {
                report.wrong(Reason::Assertion, format!("{what} with a {kind} probe of port {port}, which it has not"));
            }
            let (timeout, threshold) = (number_or(probe, "timeoutSeconds", 1), number_or(probe, "failureThreshold", 3));
            if timeout > self.max_timeout_s || threshold > self.max_failure_threshold {
                let text = format!("{what} with a {kind} probe that waits {timeout} s, {threshold} times");
                report.wrong(Reason::Assertion, text);
            }
            let asked = at(probe, &["httpGet", "path"]).as_str();
            let meant =
                self.paths_of.is_empty() || self.paths_of.iter().any(|n| n == text(workload, &["metadata", "name"]));
            if let Some(path) = path.as_ref().filter(|path| meant && asked != Some(path)) {
                let asked = asked.unwrap_or("no path");
                report.wrong(Reason::Assertion, format!("{what} with a {kind} probe of {asked}, not {path}"));
            }
        }
        if !live.is_null() && same(live, ready) {
            report.wrong(Reason::Assertion, format!("{what}, whose two probes are the same"));
        }
    }
}

/// The port of a probe that the container has not: a name that no port has, or a number that is none of
/// those it lists.
fn no_such_port(container: &Value, probe: &Value) -> Option<String> {
    let port = ["httpGet", "tcpSocket", "grpc"].iter().map(|way| at(probe, &[way, "port"])).find(|p| !p.is_null())?;
    let mut ports = each(container, &["ports"]).peekable();
    let listed = ports.peek().is_some();
    match port.as_str() {
        Some(name) if name.parse::<u16>().is_err() => {
            (!ports.any(|known| known.at("name") == name)).then(|| name.to_owned())
        }
        text => {
            let number = text.and_then(|text| text.parse().ok()).or(port.as_i64())?;
            (listed && !ports.any(|known| known.at("containerPort") == number)).then(|| number.to_string())
        }
    }
}

fn number_or(probe: &Value, field: &str, default: i64) -> i64 {
    probe.at(field).as_i64().unwrap_or(default)
}

/// Whether they ask the same and give up at the same time: then one of them has no point.
fn same(live: &Value, ready: &Value) -> bool {
    let asks = |probe: &Value| ["httpGet", "tcpSocket", "grpc", "exec"].map(|way| probe.at(way).clone());
    let threshold = |probe: &Value| (number_or(probe, "failureThreshold", 3), number_or(probe, "periodSeconds", 10));
    asks(live) == asks(ready) && threshold(live) == threshold(ready)
}
