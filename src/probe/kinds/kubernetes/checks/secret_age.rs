//! `secret_age`: secrets that are used were changed not too long ago, and who uses them has seen it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::used_secrets::{find, used};
use super::{Check, Kubernetes, Need, Report, Seen, places};
use crate::model::{Reason, Span, Timestamp};
use crate::probe::Findings;
use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::kubernetes::object::{annotation, at, each, full, is_running, name, namespace, owner, time};
use crate::probe::kinds::kubernetes::resource::{DEPLOYMENTS, PODS, SECRETS, STATEFUL_SETS};
use crate::probe::pattern::fits;

/// Each secret that a workload uses has a value that is not older than its class allows, and every pod that
/// uses it started later. The age is that of the annotation `rotated-at`, or of the last change of the data.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct SecretAge {
    /// Days by class, such as `database: 30`.
    max_age_days: BTreeMap<String, u32>,
    /// The class of each secret, by its name.
    class_by_name: BTreeMap<String, String>,
    /// Instead of classes: every secret there is, used or not, is at most so old. One of which nothing says
    /// when it was changed is as old as itself.
    every_s: Option<u32>,
    /// Secrets that need no rotation, by their names; `*` stands for any text.
    ignore: Vec<String>,
}

/// Annotations of workloads that are restarted when a secret changes.
const RELOADERS: [&str; 3] =
    ["reloader.stakater.com/auto", "secret.reloader.stakater.com/auto", "secret.reloader.stakater.com/reload"];

impl Check for SecretAge {
    fn expects(&self, leg: &Kubernetes) -> String {
        format!("rotated secrets in {}", places(leg))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        if self.every_s.is_some() {
            return vec![Need::of(SECRETS)];
        }
        vec![Need::of(DEPLOYMENTS), Need::of(STATEFUL_SETS), Need::of(PODS), Need::of(SECRETS)]
    }

    fn check(&self, _leg: &Kubernetes, findings: &mut Findings) {
        if self.every_s.is_some() && !(self.class_by_name.is_empty() && self.max_age_days.is_empty()) {
            findings.error("secret_age.every_s", "it stands instead of classes");
        }
        let unknown = self.class_by_name.values().find(|class| !self.max_age_days.contains_key(*class));
        if let Some(class) = unknown {
            findings.error("secret_age.class_by_name", format!("`max_age_days` says nothing of the class `{class}`"));
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        if let Some(most) = self.every_s {
            return self.every(Span::from_secs(most.into()), seen, report);
        }
        let all = used(seen);
        for (id, used) in &all {
            let what = format!("{}/{}", id.0, id.1);
            if self.is_ignored(id.1) {
                continue;
            }
            let Some(secret) = find(seen.of(&SECRETS), *id) else {
                if !used.optional {
                    report.wrong(Reason::Missing, format!("no secret {what}, which is used"));
                }
                continue;
            };
            let class = self.class_by_name.get(id.1);
            let Some((class, days)) = class.and_then(|class| Some((class, *self.max_age_days.get(class)?))) else {
                report.unclear(Reason::Unconfigured, format!("the secret {what} without a class in `class_by_name`"));
                continue;
            };
            let Some(changed) = changed(secret) else {
                report.unclear(Reason::NoData, format!("the secret {what}, of which nothing says when it was changed"));
                continue;
            };
            let age = seen.now.since(changed);
            let shown = format!("{} days", age.0 / DAY.0);
            let late = used.by.iter().find_map(|workload| earlier_pod(workload, changed, seen));
            if age > DAY.times(days.into()) {
                report.wrong(Reason::TooOld, format!("the {class} secret {what} of {shown}, more than {days}"));
            } else if let Some(pod) = late {
                report.wrong(Reason::TooOld, format!("{}, which started before {what} was changed", full(pod)));
            } else {
                report.right(&what, &format!("at most {days} days"), &shown);
            }
        }
        if all.is_empty() {
            report.unclear(Reason::NoData, "no workload that uses a secret");
        }
    }
}

impl SecretAge {
    fn is_ignored(&self, name: &str) -> bool {
        self.ignore.iter().any(|pattern| fits(pattern, name))
    }

    fn every(&self, most: Span, seen: &Seen<'_>, report: &mut Report) {
        for secret in seen.of(&SECRETS).iter().filter(|secret| !self.is_ignored(name(secret))) {
            let what = format!("the secret {}", full(secret));
            let Some(changed) = changed(secret).or_else(|| time(at(secret, &["metadata", "creationTimestamp"]))) else {
                report.unclear(Reason::NoData, format!("{what}, of which nothing says when it was changed"));
                continue;
            };
            let age = seen.now.since(changed);
            if age > most {
                report.wrong(Reason::TooOld, format!("{what} of {} days", age.0 / DAY.0));
            } else {
                report.right(&what, &format!("at most {most}"), &age.to_string());
            }
        }
        if report.is_empty() {
            report.unclear(Reason::NoData, "no secret");
        }
    }
}

const DAY: Span = Span::from_secs(86_400);

/// When the value was changed: what people or an operator write down, else the last write of the data. A
/// secret whose annotations are touched has a newer entry that is about those only.
fn changed(secret: &Value) -> Option<Timestamp> {
    if let Some(at) = annotation(secret, "rotated-at") {
        return time(&Value::from(at));
    }
    let of_data = |entry: &&Value| {
        let fields = entry.at("fieldsV1");
        !fields.at("f:data").is_null() || !fields.at("f:stringData").is_null()
    };
    each(secret, &["metadata", "managedFields"]).filter(of_data).filter_map(|entry| time(entry.at("time"))).max()
}

/// A running pod of the workload that still has the value of before.
fn earlier_pod<'a>(workload: &Value, changed: Timestamp, seen: &Seen<'a>) -> Option<&'a Value> {
    if RELOADERS.iter().any(|reloader| annotation(workload, reloader).is_some()) {
        return None;
    }
    let own = |pod: &&Value| {
        namespace(pod) == namespace(workload) && owner(pod).is_some_and(|(_, named)| named == name(workload))
    };
    let earlier = |pod: &&Value| time(at(pod, &["status", "startTime"])).is_some_and(|at| at < changed);
    seen.of(&PODS).iter().filter(|pod| is_running(pod)).filter(own).find(|pod| earlier(pod))
}
