//! `rbac_least_privilege`: no service account of ours is bound to a role that allows too much.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen, places};
use crate::model::Reason;
use crate::probe::Findings;
use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::kubernetes::object::{at, each, full, name, namespace, text};
use crate::probe::kinds::kubernetes::resource::{CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES};

/// No role that is bound to a service account of the namespaces, or to a group that all of them are in,
/// allows what is denied here. Bindings that every cluster comes with do not count.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct RbacLeastPrivilege {
    /// `*` for any verb or resource that is written so, `resource:write` for changing a resource, and
    /// `resource:write:cluster` for changing it in all namespaces.
    deny: Vec<String>,
    /// Service accounts that are looked at no further, as `namespace/name`.
    exempt: Vec<String>,
}

const WRITES: [&str; 6] = ["create", "update", "patch", "delete", "deletecollection", "*"];
/// Of roles that every cluster comes with, and of bindings to them.
const BOOTSTRAP: &str = "kubernetes.io/bootstrapping";

impl Default for RbacLeastPrivilege {
    fn default() -> Self {
        let deny = [
            "*",
            "secrets:write:cluster",
            "roles:write",
            "rolebindings:write",
            "clusterroles:write",
            "clusterrolebindings:write",
        ];
        Self { deny: deny.map(str::to_owned).to_vec(), exempt: Vec::new() }
    }
}

impl Check for RbacLeastPrivilege {
    fn expects(&self, leg: &Kubernetes) -> String {
        format!("service accounts of {} without {}", places(leg), self.deny.join(", "))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        let own = [ROLES, ROLE_BINDINGS].map(Need::cluster);
        own.into_iter().chain([CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS].map(Need::cluster)).collect()
    }

    fn check(&self, leg: &Kubernetes, findings: &mut Findings) {
        if leg.namespaces.is_empty() {
            findings
                .error("namespaces", "`rbac_least_privilege` looks at service accounts of namespaces that are named");
        }
        let known = |rule: &String| {
            let mut parts = rule.split(':');
            let (resource, verb, scope) = (parts.next(), parts.next(), parts.next());
            rule == "*" || (resource.is_some() && verb == Some("write") && matches!(scope, None | Some("cluster")))
        };
        if self.deny.is_empty() || !self.deny.iter().all(known) {
            findings.error("rbac_least_privilege.deny", "expected `*`, `resource:write` or `resource:write:cluster`");
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        let mut bound = 0_u32;
        for (list, cluster_wide) in [(&ROLE_BINDINGS, false), (&CLUSTER_ROLE_BINDINGS, true)] {
            for binding in seen.of(list).iter().filter(|binding| !is_bootstrap(binding)) {
                let Some(who) = self.subject(binding, seen.leg, cluster_wide) else { continue };
                bound += 1;
                let before = report.count_wrong();
                let Some(role) = role(binding, seen) else { continue };
                for rule in each(role, &["rules"]) {
                    if let Some(what) = self.denied(rule, cluster_wide) {
                        let text = format!("{who} bound by {} to {}, which allows {what}", full(binding), full(role));
                        report.wrong(Reason::Assertion, text);
                        break;
                    }
                }
                if before == report.count_wrong() {
                    report.right(&full(binding), "little", &format!("{who} to {}", full(role)));
                }
            }
        }
        // Whoever is bound to nothing may do nothing; but what was listed must be the list of a cluster.
        if bound == 0 && !seen.of(&CLUSTER_ROLE_BINDINGS).is_empty() {
            report.right("bindings", "none that allows too much", "none at all");
        }
    }
}

impl RbacLeastPrivilege {
    /// Whom of ours a binding is about.
    fn subject(&self, binding: &Value, leg: &Kubernetes, cluster_wide: bool) -> Option<String> {
        let ours = |space: &str| leg.namespaces.iter().any(|known| known == space);
        each(binding, &["subjects"]).find_map(|subject| {
            let named = text(subject, &["name"]);
            match text(subject, &["kind"]) {
                "ServiceAccount" => {
                    let space = text(subject, &["namespace"]);
                    let space = if space.is_empty() { namespace(binding) } else { space };
                    let shown = format!("{space}/{named}");
                    (ours(space) && !self.exempt.contains(&shown)).then_some(shown)
                }
                "User" => {
                    let (space, account) = named.strip_prefix("system:serviceaccount:")?.split_once(':')?;
                    ours(space).then(|| format!("{space}/{account}"))
                }
                _ => {
                    let all = ["system:serviceaccounts", "system:authenticated"].contains(&named);
                    let one = named.strip_prefix("system:serviceaccounts:").is_some_and(ours);
                    let near = cluster_wide || ours(namespace(binding));
                    ((all && near) || one).then(|| named.to_owned())
                }
            }
        })
    }

    /// What of a rule is denied.
    fn denied(&self, rule: &Value, cluster_wide: bool) -> Option<String> {
        let has = |field: &str, wanted: &[&str]| {
            each(rule, &[field]).filter_map(Value::as_str).any(|value| wanted.contains(&value))
        };
        self.deny.iter().find_map(|denied| {
            if denied == "*" {
                return (has("verbs", &["*"]) || has("resources", &["*"])).then(|| "*".to_owned());
            }
            let mut parts = denied.split(':');
            let resource = parts.next()?;
            let everywhere = parts.nth(1).is_none();
            let writes = has("verbs", &WRITES) && has("resources", &[resource, "*"]);
            // A rule for some objects by their names is one for little.
            let by_name = each(rule, &["resourceNames"]).next().is_some();
            (writes && !by_name && (everywhere || cluster_wide)).then(|| format!("to change {resource}"))
        })
    }
}

fn is_bootstrap(binding: &Value) -> bool {
    !at(binding, &["metadata", "labels", BOOTSTRAP]).is_null()
}

/// The role that a binding names; without one it allows nothing.
fn role<'a>(binding: &Value, seen: &Seen<'a>) -> Option<&'a Value> {
    let reference = binding.at("roleRef");
    let wanted = text(reference, &["name"]);
    if reference.at("kind") == "ClusterRole" {
        return seen.of(&CLUSTER_ROLES).iter().find(|role| name(role) == wanted);
    }
    seen.of(&ROLES).iter().find(|role| name(role) == wanted && namespace(role) == namespace(binding))
}
