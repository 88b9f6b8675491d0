//! The named checks: what would be unreadable as a condition, one file each. Each says which lists it
//! needs and judges them; none does I/O.

mod argocd_app;
mod canary_weight;
mod cert_ready;
mod compare;
mod cronjob_fresh;
mod default_deny;
mod encrypted_claims;
mod env_set;
mod environment;
mod hpa_healthy;
mod lb_ready;
mod pdb_covers;
mod pods;
mod policy_effective;
mod probes;
mod quota_room;
mod rbac_least_privilege;
mod replicas;
mod rollout;
mod secret_age;
mod secret_owner;
mod spread;
mod templates;
#[cfg(test)]
mod tests;
mod used_secrets;

pub(super) use argocd_app::ArgocdApp;
pub(super) use canary_weight::CanaryWeight;
pub(super) use cert_ready::CertReady;
pub(super) use compare::Compare;
pub(super) use cronjob_fresh::CronjobFresh;
pub(super) use default_deny::DefaultDeny;
pub(super) use encrypted_claims::EncryptedClaims;
pub(super) use env_set::EnvSet;
pub(super) use hpa_healthy::HpaHealthy;
pub(super) use lb_ready::LbReady;
pub(super) use pdb_covers::PdbCovers;
pub(super) use pods::Pods;
pub(super) use policy_effective::PolicyEffective;
pub(super) use probes::Probes;
pub(super) use quota_room::QuotaRoom;
pub(super) use rbac_least_privilege::RbacLeastPrivilege;
pub(super) use replicas::Replicas;
pub(super) use rollout::Rollout;
pub(super) use secret_age::SecretAge;
pub(super) use secret_owner::SecretOwner;
pub(super) use spread::Spread;
pub(super) use templates::Templates;

use super::Kubernetes;
use super::facts::{Facts, List, Listing};
use super::resource::{self, Resource};
use crate::model::{Proof, Reason, Timestamp, Verdict};
use crate::probe::Findings;

pub(super) trait Check: Sync {
    /// What it expects, such as `two replicas of each Deployment`.
    fn expects(&self, leg: &Kubernetes) -> String;

    fn needs(&self, leg: &Kubernetes) -> Vec<Need>;

    /// Finds what types cannot say.
    fn check(&self, leg: &Kubernetes, findings: &mut Findings) {
        let _ = (leg, findings);
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report);
}

/// A list that a check looks at.
pub(super) struct Need {
    pub(super) resource: Resource,
    pub(super) within: Within,
    /// The cluster may be without this sort of object.
    pub(super) optional: bool,
}

pub(super) enum Within {
    /// Those of the leg.
    Namespaces,
    Namespace(String),
    /// All of them, or none.
    Cluster,
}

/// What was listed.
pub(super) struct Seen<'a> {
    pub(super) leg: &'a Kubernetes,
    pub(super) facts: &'a Facts,
    pub(super) now: Timestamp,
}

/// What a check found.
#[derive(Default)]
pub(super) struct Report {
    proof: Option<Proof>,
    /// What was seen, for the sentence of a pass.
    told: Vec<String>,
    wrong: Vec<(Reason, String)>,
    unclear: Vec<(Reason, String)>,
}

/// Of what is wrong, a sentence tells so much.
const TOLD: usize = 3;
/// A proof names so many objects.
const PROVED: usize = 100;

impl Need {
    pub(super) fn of(resource: Resource) -> Self {
        Self { resource, within: Within::Namespaces, optional: false }
    }

    pub(super) fn cluster(resource: Resource) -> Self {
        Self { resource, within: Within::Cluster, optional: false }
    }

    /// Where it looks; empty for all namespaces, or none.
    pub(super) fn namespaces<'a>(&'a self, leg: &'a Kubernetes) -> &'a [String] {
        match &self.within {
            Within::Namespaces => &leg.namespaces,
            Within::Cluster => &[],
            Within::Namespace(name) => std::slice::from_ref(name),
        }
    }

    /// The selector of the leg, which is about workloads only.
    pub(super) fn labels<'a>(&self, leg: &'a Kubernetes) -> Option<&'a str> {
        let workload = [resource::DEPLOYMENTS, resource::STATEFUL_SETS].contains(&self.resource);
        leg.selector.as_deref().filter(|_| workload)
    }

    pub(super) fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
}

impl<'a> Seen<'a> {
    pub(super) fn of(&self, resource: &Resource) -> Listing<'a> {
        self.list(resource).map_or_else(Listing::default, List::objects)
    }

    pub(super) fn is_installed(&self, resource: &Resource) -> bool {
        self.list(resource).is_some_and(|list| list.installed)
    }

    pub(super) fn is_cut(&self, resource: &Resource) -> bool {
        self.list(resource).is_some_and(|list| list.cut)
    }

    fn list(&self, resource: &Resource) -> Option<&'a List> {
        self.facts.lists.get(resource.name())
    }
}

impl Report {
    /// Something was as expected.
    pub(super) fn right(&mut self, name: &str, expected: &str, seen: &str) {
        if self.told.len() >= PROVED {
            return;
        }
        self.told.push(name.to_owned());
        self.proof = Some(match self.proof.take() {
            Some(proof) => proof.and(name, expected, seen),
            None => Proof::of(name, expected, seen),
        });
    }

    pub(super) fn wrong(&mut self, reason: Reason, saw: impl Into<String>) {
        self.wrong.push((reason, saw.into()));
    }

    pub(super) fn unclear(&mut self, reason: Reason, saw: impl Into<String>) {
        self.unclear.push((reason, saw.into()));
    }

    /// Whether nothing is wrong so far.
    pub(super) fn count_wrong(&self) -> usize {
        self.wrong.len() + self.unclear.len()
    }

    /// Whether nothing was found at all.
    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty() && self.count_wrong() == 0
    }

    pub(super) fn found(self, expected: &str) -> Result<(Proof, String), Verdict> {
        let told = |all: &[(Reason, String)]| {
            let some: Vec<&str> = all.iter().take(TOLD).map(|(_, saw)| saw.as_str()).collect();
            let more = all.len().saturating_sub(TOLD);
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            format!("expected {expected}, saw {}{more}", some.join("; "))
        };
        if let Some((reason, _)) = self.wrong.first() {
            return Err(Verdict::fail(*reason, told(&self.wrong)));
        }
        if let Some((reason, _)) = self.unclear.first() {
            return Err(Verdict::indeterminate(*reason, told(&self.unclear)));
        }
        let Some(proof) = self.proof else {
            return Err(Verdict::indeterminate(Reason::NoData, format!("expected {expected}, saw nothing to judge")));
        };
        let some: Vec<&str> = self.told.iter().take(TOLD).map(String::as_str).collect();
        let more = self.told.len().saturating_sub(TOLD);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Ok((proof, format!("{expected}: {}{more}", some.join(", "))))
    }
}

/// Names that were expected and are not among `found`.
pub(super) fn missing(expected: &[String], found: impl Fn(&str) -> bool) -> Vec<&str> {
    expected.iter().map(String::as_str).filter(|name| !found(name)).collect()
}

/// Where a leg looks, for sentences.
pub(super) fn places(leg: &Kubernetes) -> String {
    if leg.namespaces.is_empty() { "all namespaces".to_owned() } else { leg.namespaces.join(", ") }
}
