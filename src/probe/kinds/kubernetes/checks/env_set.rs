//! `env_set`: a variable is set in each Deployment, from something that is there.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen, places};
use crate::model::Reason;
use crate::probe::Findings;
use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::kubernetes::object::{at, each, full, name, namespace, text};
use crate::probe::kinds::kubernetes::resource::{DEPLOYMENTS, SECRETS};

/// A container of each Deployment has the variable; a secret that it comes from is there, even where it may
/// be missing. Its value is not read.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct EnvSet {
    /// Such as `SENTRY_DSN`.
    variable: String,
}

impl Check for EnvSet {
    fn expects(&self, leg: &Kubernetes) -> String {
        format!("{} set in each Deployment of {}", self.variable, places(leg))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        vec![Need::of(DEPLOYMENTS), Need::of(SECRETS)]
    }

    fn check(&self, _leg: &Kubernetes, findings: &mut Findings) {
        if self.variable.is_empty() {
            findings.error("env_set.variable", "expected the name of a variable");
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        let mut none = true;
        for deployment in seen.of(&DEPLOYMENTS).iter() {
            none = false;
            let containers = each(deployment, &["spec", "template", "spec", "containers"]);
            let mut variables = containers.flat_map(|container| each(container, &["env"]));
            let Some(found) = variables.find(|variable| variable.at("name") == self.variable.as_str()) else {
                let mut containers = each(deployment, &["spec", "template", "spec", "containers"]);
                // What a whole secret or ConfigMap brings along is not known.
                if containers.any(|container| each(container, &["envFrom"]).next().is_some()) {
                    report.unclear(Reason::NoData, format!("{} with `envFrom`, which may set it", full(deployment)));
                } else {
                    report.wrong(Reason::Missing, format!("{} without it", full(deployment)));
                }
                continue;
            };
            let secret = at(found, &["valueFrom", "secretKeyRef", "name"]).as_str();
            let there = |wanted: &str| {
                let is = |one: &Value| name(one) == wanted && namespace(one) == namespace(deployment);
                seen.of(&SECRETS).iter().any(is)
            };
            match secret {
                Some(secret) if !there(secret) => {
                    let saw =
                        format!("{}, where it comes from the secret {secret}, which is not there", full(deployment));
                    report.wrong(Reason::Missing, saw);
                }
                Some(secret) => report.right(&full(deployment), "set", secret),
                None if !text(found, &["literal"]).is_empty() => {
                    report.right(&full(deployment), "set", "as it is written")
                }
                None if found.at("valueFrom").is_null() => {
                    report.wrong(Reason::Missing, format!("{}, where it is empty", full(deployment)));
                }
                None => {
                    report.unclear(Reason::NoData, format!("{}, where it comes from no secret", full(deployment)));
                }
            }
        }
        if none {
            report.wrong(Reason::Missing, "no Deployment");
        }
    }
}
