//! `secret_owner`: secrets that are used come from a store, by way of an operator that works.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::used_secrets::{find, used};
use super::{Check, Kubernetes, Need, Report, Seen, places};
use crate::model::Reason;
use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::kubernetes::object::{
    age, at, condition, condition_of, duration, each, full, name, namespace, text,
};
use crate::probe::kinds::kubernetes::resource::{DEPLOYMENTS, EXTERNAL_SECRETS, SECRET_STORES, SECRETS, STATEFUL_SETS};

/// Each secret that a workload uses belongs to an object of an operator, or the agent of Vault brings it;
/// and each ExternalSecret and its store is ready and fresh.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct SecretOwner {
    /// Kinds of objects that a secret may belong to.
    owners: Vec<String>,
    /// Secrets that need none, by their names.
    allow: Vec<String>,
}

impl Default for SecretOwner {
    fn default() -> Self {
        let owners = ["ExternalSecret", "SealedSecret", "VaultStaticSecret"].map(str::to_owned).to_vec();
        Self { owners, allow: Vec::new() }
    }
}

impl Check for SecretOwner {
    fn expects(&self, leg: &Kubernetes) -> String {
        format!("secrets in {} from {}", places(leg), self.owners.join(", "))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        vec![
            Need::of(DEPLOYMENTS),
            Need::of(STATEFUL_SETS),
            Need::of(SECRETS),
            Need::of(EXTERNAL_SECRETS).optional(),
            Need::of(SECRET_STORES).optional(),
        ]
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        let mut looked = false;
        for (id, used) in used(seen) {
            let what = format!("{}/{}", id.0, id.1);
            if self.allow.iter().any(|name| name == id.1) || used.by.iter().all(|workload| injected(workload)) {
                continue;
            }
            let Some(secret) = find(seen.of(&SECRETS), id) else {
                if !used.optional {
                    looked = true;
                    report.wrong(Reason::Missing, format!("no secret {what}, which is used"));
                }
                continue;
            };
            looked = true;
            let owners: Vec<&str> =
                each(secret, &["metadata", "ownerReferences"]).filter_map(|owner| owner.at("kind").as_str()).collect();
            match owners.iter().find(|kind| self.owners.iter().any(|known| known == *kind)) {
                Some(kind) => report.right(&what, "an operator", kind),
                None if owners.is_empty() => report.wrong(Reason::Assertion, format!("the secret {what} of nobody")),
                None => report.wrong(Reason::Assertion, format!("the secret {what} of {}", owners.join(", "))),
            }
        }
        for external in seen.of(&EXTERNAL_SECRETS) {
            if let Some(fault) = fault(external, seen) {
                report.wrong(Reason::Assertion, format!("the ExternalSecret {} {fault}", full(external)));
            }
        }
        if !looked {
            report.unclear(Reason::NoData, "no workload that uses a secret");
        }
    }
}

fn injected(workload: &Value) -> bool {
    let annotations = at(workload, &["spec", "template", "metadata", "annotations"]);
    annotations.at("vault.hashicorp.com/agent-inject") == "true"
}

fn fault(external: &Value, seen: &Seen<'_>) -> Option<String> {
    if condition(external, "Ready") != "True" {
        let why = condition_of(external, "Ready").map_or("not told", |c| c.at("reason").as_str().unwrap_or_default());
        return Some(format!("not ready ({why})"));
    }
    let every = duration(text(external, &["spec", "refreshInterval"]));
    // Zero means once, at the start.
    if let Some(every) = every.filter(|every| every.0 > 0) {
        match age(seen.now, at(external, &["status", "refreshTime"])) {
            Some(age) if age <= every.times(2) => {}
            Some(age) => return Some(format!("refreshed {age} ago, not within two times {every}")),
            None => return Some("never refreshed".to_owned()),
        }
    }
    let reference = at(external, &["spec", "secretStoreRef"]);
    if reference.at("kind") == "ClusterSecretStore" {
        return None;
    }
    let store = text(reference, &["name"]);
    let same = |one: &&Value| name(one) == store && namespace(one) == namespace(external);
    match seen.of(&SECRET_STORES).iter().find(same) {
        None => Some(format!("of the store {store}, which is not there")),
        Some(found) if condition(found, "Ready") != "True" => Some(format!("of the store {store}, which is not ready")),
        Some(_) => None,
    }
}
