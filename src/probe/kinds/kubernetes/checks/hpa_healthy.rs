//! `hpa_healthy`: autoscalers have something to scale, can read what they scale by, and have room.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen};
use crate::model::{Reason, Span};
use crate::probe::Findings;
use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::kubernetes::object::{
    age, condition, condition_of, each, full, name, namespace, number, text,
};
use crate::probe::kinds::kubernetes::resource::{AUTOSCALERS, DEPLOYMENTS, STATEFUL_SETS};

/// Each workload has exactly one autoscaler, which can scale it, reads its metrics, and is not at its limit
/// for long.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct HpaHealthy {
    /// Names of Deployments or StatefulSets.
    workloads: Vec<String>,
    /// Least of its lower bound.
    min: u32,
    /// It may be at a limit for so long.
    limited_for_s: u32,
}

impl Default for HpaHealthy {
    fn default() -> Self {
        Self { workloads: Vec::new(), min: 2, limited_for_s: 3600 }
    }
}

impl Check for HpaHealthy {
    fn expects(&self, _leg: &Kubernetes) -> String {
        format!("one working autoscaler for each of {}", self.workloads.join(", "))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        vec![Need::of(AUTOSCALERS), Need::of(DEPLOYMENTS), Need::of(STATEFUL_SETS)]
    }

    fn check(&self, _leg: &Kubernetes, findings: &mut Findings) {
        if self.workloads.is_empty() {
            findings.error("hpa_healthy.workloads", "expected names of workloads");
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        for workload in &self.workloads {
            let of = |scaler: &&Value| text(scaler, &["spec", "scaleTargetRef", "name"]) == workload;
            let found: Vec<&Value> = seen.of(&AUTOSCALERS).iter().filter(of).collect();
            match found.as_slice() {
                [] => report.wrong(Reason::Missing, format!("no autoscaler for {workload}")),
                [scaler] => match self.fault(scaler, seen) {
                    Some(fault) => report.wrong(Reason::Assertion, format!("{} {fault}", full(scaler))),
                    None => report.right(&full(scaler), "scales", workload),
                },
                many => report.wrong(Reason::Assertion, format!("{} autoscalers for {workload}", many.len())),
            }
        }
    }
}

impl HpaHealthy {
    fn fault(&self, scaler: &Value, seen: &Seen<'_>) -> Option<String> {
        let target = scaler.at("spec").at("scaleTargetRef");
        let among = match text(target, &["kind"]) {
            "Deployment" => seen.of(&DEPLOYMENTS),
            "StatefulSet" => seen.of(&STATEFUL_SETS),
            other => return Some(format!("of a {other}, which is not looked at")),
        };
        let same = |one: &&Value| name(one) == text(target, &["name"]) && namespace(one) == namespace(scaler);
        if !among.iter().any(|one| same(&one)) {
            return Some("of a workload that is not there".to_owned());
        }
        let least = number(scaler, &["spec", "minReplicas"]).unwrap_or(1);
        let most = number(scaler, &["spec", "maxReplicas"]).unwrap_or(0);
        if least < i64::from(self.min) || most <= least {
            return Some(format!("from {least} to {most} replicas"));
        }
        for kind in ["AbleToScale", "ScalingActive"] {
            if condition(scaler, kind) != "True" {
                let why =
                    condition_of(scaler, kind).map_or("not told", |c| c.at("reason").as_str().unwrap_or_default());
                return Some(format!("not {kind} ({why})"));
            }
        }
        if each(scaler, &["status", "currentMetrics"]).all(|metric| text(metric, &["type"]).is_empty()) {
            return Some("without a metric that it reads".to_owned());
        }
        let limited = condition_of(scaler, "ScalingLimited").filter(|limited| limited.at("status") == "True")?;
        // Where its lower bound is all that is needed, it is limited to that at any time.
        let at_least = limited.at("reason") == "TooFewReplicas";
        let since = age(seen.now, limited.at("lastTransitionTime"));
        let long = since.is_none_or(|since| since > Span::from_secs(self.limited_for_s.into()));
        (long && !at_least).then(|| format!("at its limit for {}", since.map_or("ever".to_owned(), |s| s.to_string())))
    }
}
