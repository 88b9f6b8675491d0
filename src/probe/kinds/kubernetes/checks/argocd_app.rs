//! `argocd_app`: Argo CD has what it deploys in step with its source, and would put it back.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen, Within, missing};
use crate::model::{Reason, Span};
use crate::probe::Findings;
use crate::probe::kinds::kubernetes::facts::Listing;
use crate::probe::kinds::kubernetes::object::{age, annotation, at, full, name, text};
use crate::probe::kinds::kubernetes::resource::{APPLICATIONS, DEPLOYMENTS};

/// Each of the applications is synchronized, healthy, looked at lately, and repairs itself; and each
/// Deployment of the leg belongs to one of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct ArgocdApp {
    /// Where the applications are.
    namespace: String,
    /// Their names.
    applications: Vec<String>,
    max_reconcile_age_s: u32,
    /// The applications must repair what was changed by hand.
    self_heal: bool,
    /// Each Deployment must belong to one of them.
    tracked: bool,
}

impl Default for ArgocdApp {
    fn default() -> Self {
        Self {
            namespace: "argocd".to_owned(),
            applications: Vec::new(),
            max_reconcile_age_s: 600,
            self_heal: true,
            tracked: true,
        }
    }
}

impl Check for ArgocdApp {
    fn expects(&self, _leg: &Kubernetes) -> String {
        format!("the applications {} synchronized", self.applications.join(", "))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        let within = Within::Namespace(self.namespace.clone());
        let mut needs = vec![Need { resource: APPLICATIONS, within, optional: false }];
        if self.tracked {
            needs.push(Need::of(DEPLOYMENTS));
        }
        needs
    }

    fn check(&self, _leg: &Kubernetes, findings: &mut Findings) {
        if self.applications.is_empty() {
            findings.error("argocd_app.applications", "expected names of applications");
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        let applications = seen.of(&APPLICATIONS);
        for absent in missing(&self.applications, |wanted| applications.iter().any(|one| name(one) == wanted)) {
            report.wrong(Reason::Missing, format!("no application {absent}"));
        }
        for application in applications.iter().filter(|one| self.applications.iter().any(|known| known == name(one))) {
            match self.fault(application, seen) {
                Some((reason, fault)) => report.wrong(reason, format!("{} {fault}", name(application))),
                None => report.right(name(application), "Synced, Healthy", "Synced, Healthy"),
            }
        }
        let deployments = if self.tracked { seen.of(&DEPLOYMENTS) } else { Listing::default() };
        for deployment in deployments.iter().filter(|deployment| !self.tracks(deployment)) {
            report.wrong(Reason::Assertion, format!("{}, which none of them tracks", full(deployment)));
        }
        if self.tracked && deployments.is_empty() {
            report.wrong(Reason::Missing, "no Deployment");
        }
    }
}

impl ArgocdApp {
    fn fault(&self, application: &Value, seen: &Seen<'_>) -> Option<(Reason, String)> {
        let states = [
            (&["status", "sync", "status"][..], "Synced"),
            (&["status", "health", "status"], "Healthy"),
            (&["status", "operationState", "phase"], "Succeeded"),
        ];
        for (path, wanted) in states {
            let saw = text(application, path);
            if saw != wanted {
                let saw = if saw.is_empty() { "nothing" } else { saw };
                return Some((Reason::Assertion, format!("{saw}, not {wanted}")));
            }
        }
        match age(seen.now, at(application, &["status", "reconciledAt"])) {
            None => return Some((Reason::TooOld, "never reconciled".to_owned())),
            Some(age) if age > Span::from_secs(self.max_reconcile_age_s.into()) => {
                return Some((Reason::TooOld, format!("reconciled {age} ago")));
            }
            Some(_) => {}
        }
        let heals = at(application, &["spec", "syncPolicy", "automated", "selfHeal"]) == true;
        (self.self_heal && !heals).then(|| (Reason::Assertion, "without selfHeal".to_owned()))
    }

    /// By annotation, or by one of the labels that may stand for it.
    fn tracks(&self, deployment: &Value) -> bool {
        let tracking = annotation(deployment, "argocd.argoproj.io/tracking-id");
        let tracking = tracking.and_then(|id| id.split(':').next());
        let label = |name: &str| at(deployment, &["metadata", "labels", name]).as_str();
        let labels = ["argocd.argoproj.io/instance", "app.kubernetes.io/instance"].map(label);
        let ours = |named: &str| self.applications.iter().any(|known| known == named);
        tracking.into_iter().chain(labels.into_iter().flatten()).any(ours)
    }
}
