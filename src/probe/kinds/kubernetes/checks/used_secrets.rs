//! Which secrets workloads use, and who uses them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Seen;
use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::kubernetes::facts::Listing;
use crate::probe::kinds::kubernetes::object::{at, each, name, namespace};
use crate::probe::kinds::kubernetes::resource::{DEPLOYMENTS, STATEFUL_SETS};

/// Namespace and name of a secret.
pub(super) type Id<'a> = (&'a str, &'a str);

pub(super) struct Use<'a> {
    pub(super) by: Vec<&'a Value>,
    /// Nobody needs it.
    pub(super) optional: bool,
}

/// All secrets that the Deployments and StatefulSets of a leg mount or read variables from.
pub(super) fn used<'a>(seen: &Seen<'a>) -> BTreeMap<Id<'a>, Use<'a>> {
    let mut all: BTreeMap<Id<'a>, Use<'a>> = BTreeMap::new();
    for workload in seen.of(&DEPLOYMENTS).iter().chain(seen.of(&STATEFUL_SETS)) {
        for (secret, optional) in of_pod(at(workload, &["spec", "template", "spec"])) {
            let entry = all.entry((namespace(workload), secret));
            let entry = entry.or_insert_with(|| Use { by: Vec::new(), optional: true });
            entry.optional &= optional;
            if !entry.by.iter().any(|known| std::ptr::eq(*known, workload)) {
                entry.by.push(workload);
            }
        }
    }
    all
}

/// Names of the secrets of one pod, and whether it can do without.
fn of_pod(spec: &Value) -> Vec<(&str, bool)> {
    let mut found = Vec::new();
    for container in each(spec, &["containers"]).chain(each(spec, &["initContainers"])) {
        let variables = each(container, &["env"]).map(|variable| at(variable, &["valueFrom", "secretKeyRef"]));
        let whole = each(container, &["envFrom"]).map(|source| source.at("secretRef"));
        found.extend(variables.chain(whole).filter_map(|reference| named(reference, "name")));
    }
    for volume in each(spec, &["volumes"]) {
        found.extend(named(volume.at("secret"), "secretName"));
        found.extend(each(volume, &["projected", "sources"]).filter_map(|source| named(source.at("secret"), "name")));
    }
    found
}

fn named<'a>(reference: &'a Value, key: &str) -> Option<(&'a str, bool)> {
    Some((reference.at(key).as_str()?, reference.at("optional") == true))
}

/// The secret of this id among those that were listed.
pub(super) fn find<'a>(secrets: Listing<'a>, id: Id<'_>) -> Option<&'a Value> {
    secrets.iter().find(|secret| (namespace(secret), name(secret)) == id)
}
