//! `default_deny`: each namespace has a policy for all pods that allows nothing in either direction.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen, places};
use crate::model::Reason;
use crate::probe::Findings;
use crate::probe::kinds::kubernetes::object::{at, each, is_empty, name, namespace, text};
use crate::probe::kinds::kubernetes::resource::{NAMESPACES, NETWORK_POLICIES};

/// Each namespace has a network policy that selects all pods, is about both directions, and allows nothing.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct DefaultDeny {
    /// Only about traffic to pods.
    ingress_only: bool,
}

impl Check for DefaultDeny {
    fn expects(&self, leg: &Kubernetes) -> String {
        format!("a policy that denies all by default in {}", places(leg))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        vec![Need::cluster(NAMESPACES), Need::of(NETWORK_POLICIES)]
    }

    fn check(&self, leg: &Kubernetes, findings: &mut Findings) {
        if leg.namespaces.is_empty() {
            findings.error("namespaces", "`default_deny` looks at namespaces that are named");
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        for space in &seen.leg.namespaces {
            // A list in a namespace that is not there is an empty one.
            if !seen.of(&NAMESPACES).iter().any(|known| name(known) == space) {
                report.wrong(Reason::Missing, format!("no namespace {space}"));
                continue;
            }
            let own = || seen.of(&NETWORK_POLICIES).iter().filter(|policy| namespace(policy) == space);
            match own().find(|policy| self.denies(policy)) {
                Some(policy) => report.right(space, "denied by default", name(policy)),
                None => report.wrong(Reason::Missing, instead(space, &own().collect::<Vec<_>>())),
            }
        }
    }
}

impl DefaultDeny {
    fn denies(&self, policy: &Value) -> bool {
        let both = has_type(policy, "Ingress") && (self.ingress_only || has_type(policy, "Egress"));
        both && is_empty(at(policy, &["spec", "podSelector"])) && !allows(policy)
    }
}

/// Whether the policy is about this direction. Without a list of types it is about traffic to pods.
fn has_type(policy: &Value, direction: &str) -> bool {
    let mut types = each(policy, &["spec", "policyTypes"]).peekable();
    if types.peek().is_none() {
        return direction == "Ingress";
    }
    types.any(|named| named == direction)
}

/// Whether it has a rule.
pub(super) fn allows(policy: &Value) -> bool {
    ["ingress", "egress"].iter().any(|direction| each(policy, &["spec", direction]).next().is_some())
}

/// Why none of them does.
fn instead(space: &str, policies: &[&Value]) -> String {
    let all = policies.iter().find(|policy| is_empty(at(policy, &["spec", "podSelector"])));
    match all {
        None if policies.is_empty() => format!("no policy in {space}"),
        None => format!("none of {} policies in {space} for all pods", policies.len()),
        Some(policy) if allows(policy) => format!("{} in {space}, which allows something", name(policy)),
        Some(policy) => {
            let types: Vec<&str> = each(policy, &["spec", "policyTypes"]).filter_map(Value::as_str).collect();
            let types = if types.is_empty() {
                text(policy, &["spec", "none"]).to_owned() + "Ingress"
            } else {
                types.join(", ")
            };
            format!("{} in {space}, which is about {types} only", name(policy))
        }
    }
}
