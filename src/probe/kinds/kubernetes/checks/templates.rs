//! `templates`: what the templates of workloads say of their containers.

use std::collections::BTreeSet;

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen, missing, places};
use crate::model::Reason;
use crate::probe::Findings;
use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::kubernetes::object::{at, each, full, name, text};
use crate::probe::kinds::kubernetes::reference::REFERS;
use crate::probe::kinds::kubernetes::resource::{CRON_JOBS, DAEMON_SETS, DEPLOYMENTS, Resource, STATEFUL_SETS};
use crate::probe::kinds::process::pattern;

/// The templates of Deployments, StatefulSets, DaemonSets and CronJobs. Values of variables are not looked
/// at, only whether they are written there.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct Templates {
    /// Only workloads of these names, each of which must be there; all if empty.
    workloads: Vec<String>,
    /// Regular expressions for names of variables that hold secrets: their values must not be written in a
    /// template. A name that ends in `_FILE` says where the secret is, and is none; nor is a value that takes
    /// what is secret from other variables, such as `$(PASSWORD)` or `postgres://app:$(PASSWORD)@db/app`, unless
    /// their values are written in the same container.
    secrets: Vec<String>,
    /// The only places at which a container may mount what it can write, such as `/tmp`, with what is below.
    writable: Option<Vec<String>>,
}

const SORTS: [(&str, Resource); 4] =
    [("Deployment", DEPLOYMENTS), ("StatefulSet", STATEFUL_SETS), ("DaemonSet", DAEMON_SETS), ("CronJob", CRON_JOBS)];
/// Volumes that nobody can write through.
const READ_ONLY: [&str; 4] = ["configMap", "downwardAPI", "projected", "secret"];
/// Variables one behind the other that are followed.
const CHAIN: usize = 10;

impl Check for Templates {
    fn expects(&self, leg: &Kubernetes) -> String {
        let mut parts = Vec::new();
        if !self.secrets.is_empty() {
            parts.push("no secret as a literal value".to_owned());
        }
        if let Some(places) = &self.writable {
            parts.push(format!("nothing writable mounted but at {}", places.join(", ")));
        }
        format!("workloads in {} with {}", places(leg), parts.join(" and "))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        SORTS.iter().map(|(_, resource)| Need::of(*resource)).collect()
    }

    fn check(&self, _leg: &Kubernetes, findings: &mut Findings) {
        for (place, text) in self.secrets.iter().enumerate() {
            if let Err(why) = pattern(text) {
                findings.error(&format!("templates.secrets[{place}]"), why);
            }
        }
        if self.secrets.is_empty() && self.writable.is_none() {
            findings.error("templates", "nothing is expected of the templates");
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        let patterns: Vec<Regex> = self.secrets.iter().filter_map(|text| pattern(text).ok()).collect();
        let is_meant =
            |one: &&Value| self.workloads.is_empty() || self.workloads.iter().any(|known| known == name(one));
        let all: Vec<(&str, &Value)> = SORTS
            .iter()
            .flat_map(|(kind, resource)| seen.of(resource).iter().filter(is_meant).map(move |one| (*kind, one)))
            .collect();
        for absent in missing(&self.workloads, |wanted| all.iter().any(|(_, one)| name(one) == wanted)) {
            report.wrong(Reason::Missing, format!("no workload {absent}"));
        }
        for (kind, workload) in &all {
            let before = report.count_wrong();
            let what = format!("{kind} {}", full(workload));
            let spec = match *kind {
                "CronJob" => at(workload, &["spec", "jobTemplate", "spec", "template", "spec"]),
                _ => at(workload, &["spec", "template", "spec"]),
            };
            for container in each(spec, &["containers"]).chain(each(spec, &["initContainers"])) {
                for variable in literals(container, &patterns) {
                    let saw = format!("{variable} of {} in the {what} as a literal value", text(container, &["name"]));
                    report.wrong(Reason::Assertion, saw);
                }
                for place in self.writable.iter().flat_map(|allowed| written(spec, container, allowed)) {
                    let saw = format!("{place} of {} in the {what} writable", text(container, &["name"]));
                    report.wrong(Reason::Assertion, saw);
                }
            }
            if report.count_wrong() == before {
                report.right(&what, "as described", "so");
            }
        }
        if all.is_empty() && self.workloads.is_empty() {
            report.unclear(Reason::NoData, "no workload");
        }
    }
}

/// Variables whose names say that they are secret, and whose values stand there.
fn literals<'a>(container: &'a Value, patterns: &[Regex]) -> Vec<&'a str> {
    let there = || each(container, &["env"]).filter(|variable| !text(variable, &["literal"]).is_empty());
    let mut written = BTreeSet::new();
    for _ in 0..CHAIN {
        let refers_to_one = |variable: &Value| match variable.at(REFERS).as_array() {
            Some(names) => names.iter().filter_map(Value::as_str).any(|name| written.contains(name)),
            None => true,
        };
        let found: BTreeSet<&str> =
            there().filter(|variable| refers_to_one(variable)).map(|variable| text(variable, &["name"])).collect();
        if found.len() == written.len() {
            break;
        }
        written = found;
    }
    let names = there().map(|variable| text(variable, &["name"])).filter(|name| written.contains(name));
    names.filter(|name| !name.ends_with("_FILE") && patterns.iter().any(|pattern| pattern.is_match(name))).collect()
}

/// Where the container mounts what it can write, but for what is allowed. What is mounted and is not among
/// the volumes is taken for writable, as the claim of a StatefulSet is.
fn written<'a>(spec: &'a Value, container: &'a Value, allowed: &[String]) -> Vec<&'a str> {
    let is_allowed = |place: &str| {
        allowed.iter().map(|known| known.trim_end_matches('/')).any(|known| {
            place.trim_end_matches('/').strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    let can_write = |mount: &&Value| {
        let volume = each(spec, &["volumes"]).find(|volume| volume.at("name") == mount.at("name"));
        let fixed = volume.is_some_and(|volume| {
            READ_ONLY.iter().any(|kind| !volume.at(kind).is_null())
                || at(volume, &["persistentVolumeClaim", "readOnly"]) == true
        });
        mount.at("readOnly") != true && !fixed
    };
    let places = each(container, &["volumeMounts"]).filter(can_write).map(|mount| text(mount, &["mountPath"]));
    // What climbs leads elsewhere.
    places.filter(|place| !is_allowed(place) || place.contains("/..")).collect()
}
