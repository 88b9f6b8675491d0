//! `canary_weight`: a new version is configured to get no more than its share.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen, missing};
use crate::model::Reason;
use crate::probe::Findings;
use crate::probe::kinds::kubernetes::object::{annotation, at, each, full, name, number, text};
use crate::probe::kinds::kubernetes::resource::{HTTP_ROUTES, INGRESSES, ROLLOUTS};

/// The share of a new version, as Rollouts of Argo, routes of the Gateway API or canary Ingresses of nginx
/// say it. Only those that are named are looked at, and each of them must be there.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct CanaryWeight {
    /// From 0 to 1.
    max: f64,
    rollouts: Vec<String>,
    /// HTTPRoutes; each of their rules that leads to one of the `backends` counts for itself.
    routes: Vec<String>,
    /// Services of the new version.
    backends: Vec<String>,
    ingresses: Vec<String>,
}

const CANARY: &str = "nginx.ingress.kubernetes.io/canary";
const WEIGHT: &str = "nginx.ingress.kubernetes.io/canary-weight";
const TOTAL: &str = "nginx.ingress.kubernetes.io/canary-weight-total";

impl Check for CanaryWeight {
    fn expects(&self, _leg: &Kubernetes) -> String {
        format!("at most {} % for the new version", self.max * 100.0)
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        let all = [(ROLLOUTS, &self.rollouts), (HTTP_ROUTES, &self.routes), (INGRESSES, &self.ingresses)];
        all.into_iter().filter(|(_, names)| !names.is_empty()).map(|(resource, _)| Need::of(resource)).collect()
    }

    fn check(&self, _leg: &Kubernetes, findings: &mut Findings) {
        if !(0.0..=1.0).contains(&self.max) {
            findings.error("canary_weight.max", "expected a share from 0 to 1");
        }
        if !self.routes.is_empty() && self.backends.is_empty() {
            findings.error("canary_weight.backends", "name the services of the new version");
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        let sorts = [
            ("Rollout", &self.rollouts, seen.of(&ROLLOUTS)),
            ("HTTPRoute", &self.routes, seen.of(&HTTP_ROUTES)),
            ("Ingress", &self.ingresses, seen.of(&INGRESSES)),
        ];
        for (kind, names, all) in sorts {
            for absent in missing(names, |wanted| all.iter().any(|one| name(one) == wanted)) {
                report.wrong(Reason::Missing, format!("no {kind} {absent}"));
            }
            for one in all.iter().filter(|one| names.iter().any(|known| known == name(one))) {
                let what = format!("the {kind} {}", full(one));
                let shares: Vec<f64> = match kind {
                    "Rollout" => at(one, &["status", "canary", "weights", "canary", "weight"])
                        .as_f64()
                        .map(|weight| weight / 100.0)
                        .into_iter()
                        .collect(),
                    "HTTPRoute" => each(one, &["spec", "rules"]).filter_map(|rule| self.of_rule(rule)).collect(),
                    _ => of_ingress(one).into_iter().collect(),
                };
                self.shares(&what, &shares, report);
            }
        }
        if report.is_empty() {
            report.unclear(Reason::Unconfigured, "nothing named that has a weight");
        }
    }
}

impl CanaryWeight {
    fn shares(&self, what: &str, shares: &[f64], report: &mut Report) {
        let Some(most) = shares.iter().copied().max_by(f64::total_cmp) else {
            report.unclear(Reason::NoData, format!("{what}, which says no weight of the new version"));
            return;
        };
        let shown = format!("{:.0} %", most * 100.0);
        // Weights are whole numbers; a share such as 0.1 is not exact.
        if most > self.max + 1e-9 {
            report.wrong(Reason::Assertion, format!("{shown} by {what}"));
        } else {
            report.right(what, &format!("at most {} %", self.max * 100.0), &shown);
        }
    }

    /// Of a rule that leads to the new version; a backend without a weight has one of 1.
    fn of_rule(&self, rule: &Value) -> Option<f64> {
        let weight = |backend: &Value| number(backend, &["weight"]).unwrap_or(1).max(0) as f64;
        let is_new = |backend: &&Value| self.backends.iter().any(|known| known == text(backend, &["name"]));
        let mut new = each(rule, &["backendRefs"]).filter(is_new).map(weight).peekable();
        new.peek()?;
        let (new, all): (f64, f64) = (new.sum(), each(rule, &["backendRefs"]).map(weight).sum());
        Some(if all > 0.0 { new / all } else { 0.0 })
    }
}

/// An Ingress that is no canary takes all that it matches; a canary without a weight takes nothing by it. Nothing
/// if a weight cannot be read.
fn of_ingress(ingress: &Value) -> Option<f64> {
    let weight = |name: &str| annotation(ingress, name).map(|text| text.trim().parse::<u32>().map(f64::from));
    if annotation(ingress, CANARY) != Some("true") {
        return Some(1.0);
    }
    match (weight(TOTAL).unwrap_or(Ok(100.0)), weight(WEIGHT).unwrap_or(Ok(0.0))) {
        (Ok(total), Ok(new)) if total > 0.0 => Some(new / total),
        (Ok(_), Ok(_)) => Some(1.0),
        _ => None,
    }
}
