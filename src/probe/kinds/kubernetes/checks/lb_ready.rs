//! `lb_ready`: what is public has an address, somebody who serves it, and enough behind it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen, Within};
use crate::model::Reason;
use crate::probe::Findings;
use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::kubernetes::object::{
    annotation, at, condition, each, full, is_running, labels_of, name, namespace, text,
};
use crate::probe::kinds::kubernetes::resource::{ENDPOINT_SLICES, INGRESS_CLASSES, INGRESSES, PODS, SERVICES};

/// Each Ingress and Service has an address of a balancer; its class is there, and every Service behind it
/// has enough ready endpoints.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct LbReady {
    /// As `ingress/name` or `service/name`.
    objects: Vec<String>,
    /// Ready endpoints of each Service.
    min_endpoints: u32,
    /// Where the controller of the class runs. If named, a pod of it must be ready.
    controller_namespace: Option<String>,
    /// A label of its pods, as `name=value`.
    controller_label: String,
}

impl Default for LbReady {
    fn default() -> Self {
        let controller_label = "app.kubernetes.io/name=ingress-nginx".to_owned();
        Self { objects: Vec::new(), min_endpoints: 2, controller_namespace: None, controller_label }
    }
}

impl Check for LbReady {
    fn expects(&self, _leg: &Kubernetes) -> String {
        format!("a balancer with {} ready endpoints for each of {}", self.min_endpoints, self.objects.join(", "))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        let mut needs =
            vec![Need::of(INGRESSES), Need::of(SERVICES), Need::of(ENDPOINT_SLICES), Need::cluster(INGRESS_CLASSES)];
        if let Some(space) = &self.controller_namespace {
            needs.push(Need { resource: PODS, within: Within::Namespace(space.clone()), optional: false });
        }
        needs
    }

    fn check(&self, leg: &Kubernetes, findings: &mut Findings) {
        let named = |one: &String| one.starts_with("ingress/") || one.starts_with("service/");
        if self.objects.is_empty() || !self.objects.iter().all(named) {
            findings.error("lb_ready.objects", "expected `ingress/name` or `service/name`");
        }
        if self.controller_namespace.is_some() && !self.controller_label.contains('=') {
            findings.error("lb_ready.controller_label", "expected `name=value`");
        }
        let others =
            leg.checks().iter().flat_map(|check| check.needs(leg)).filter(|need| need.resource == PODS).count();
        if self.controller_namespace.is_some() && others > 1 {
            findings.error("lb_ready.controller_namespace", "write a check about pods as a leg of its own");
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        for object in &self.objects {
            let (kind, wanted) = object.split_once('/').unwrap_or_default();
            let among = if kind == "ingress" { seen.of(&INGRESSES) } else { seen.of(&SERVICES) };
            let Some(found) = among.iter().find(|one| name(one) == wanted) else {
                report.wrong(Reason::Missing, format!("no {object}"));
                continue;
            };
            let before = report.count_wrong();
            if each(found, &["status", "loadBalancer", "ingress"]).next().is_none() {
                report.wrong(Reason::Missing, format!("{object} without an address"));
            }
            if kind == "ingress" {
                class(object, found, seen, report);
            }
            let behind = if kind == "ingress" { backends(found) } else { vec![wanted] };
            if behind.is_empty() {
                report.wrong(Reason::Missing, format!("{object} with nothing behind it"));
            }
            for service in behind {
                self.endpoints(object, namespace(found), service, seen, report);
            }
            if before == report.count_wrong() {
                report.right(object, "an address and endpoints", &full(found));
            }
        }
        self.controller(seen, report);
    }
}

impl LbReady {
    fn endpoints(&self, object: &str, space: &str, service: &str, seen: &Seen<'_>, report: &mut Report) {
        if !seen.of(&SERVICES).iter().any(|one| name(one) == service && namespace(one) == space) {
            report.wrong(Reason::Missing, format!("{object} before the Service {service}, which is not there"));
            return;
        }
        let of = |slice: &&Value| {
            namespace(slice) == space && at(slice, &["metadata", "labels", "kubernetes.io/service-name"]) == service
        };
        // Absent means ready. One pod may be in a slice for each family of addresses.
        let mut ready: Vec<&str> = seen
            .of(&ENDPOINT_SLICES)
            .iter()
            .filter(of)
            .flat_map(|slice| each(slice, &["endpoints"]))
            .filter(|endpoint| at(endpoint, &["conditions", "ready"]) != false)
            .map(|endpoint| {
                let pod = text(endpoint, &["targetRef", "name"]);
                if pod.is_empty() {
                    each(endpoint, &["addresses"]).next().and_then(Value::as_str).unwrap_or_default()
                } else {
                    pod
                }
            })
            .collect();
        ready.sort_unstable();
        ready.dedup();
        if ready.len() < usize::try_from(self.min_endpoints).unwrap_or(usize::MAX) {
            let text = format!("{object} before {service} with {} ready endpoints", ready.len());
            report.wrong(Reason::TooFew, text);
        }
    }

    fn controller(&self, seen: &Seen<'_>, report: &mut Report) {
        let Some(space) = &self.controller_namespace else { return };
        let (key, value) = self.controller_label.split_once('=').unwrap_or_default();
        let own = |pod: &&Value| labels_of(pod).get(key).is_some_and(|found| found == value);
        let mut pods = seen.of(&PODS).iter().filter(|pod| is_running(pod)).filter(own);
        if pods.any(|pod| condition(pod, "Ready") == "True") {
            report.right("controller", "ready", space);
        } else {
            report.wrong(Reason::Missing, format!("no ready controller in {space}"));
        }
    }
}

/// The class must be one that the cluster has.
fn class(object: &str, ingress: &Value, seen: &Seen<'_>, report: &mut Report) {
    let named = at(ingress, &["spec", "ingressClassName"]).as_str();
    let Some(named) = named.or_else(|| annotation(ingress, "kubernetes.io/ingress.class")) else {
        report.wrong(Reason::Missing, format!("{object} without a class"));
        return;
    };
    if !seen.of(&INGRESS_CLASSES).iter().any(|class| name(class) == named) {
        report.wrong(Reason::Missing, format!("{object} of the class {named}, which is not there"));
    }
}

fn backends(ingress: &Value) -> Vec<&str> {
    let rules = each(ingress, &["spec", "rules"]).flat_map(|rule| each(rule, &["http", "paths"]));
    let of_rules = rules.map(|path| at(path, &["backend", "service"]));
    let default = at(ingress, &["spec", "defaultBackend", "service"]);
    let mut all: Vec<&str> = of_rules.chain([default]).filter_map(|service| service.at("name").as_str()).collect();
    all.sort_unstable();
    all.dedup();
    all
}
