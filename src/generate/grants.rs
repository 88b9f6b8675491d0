//! What the checks of kind `kubernetes` of the shipped catalogue may do in a cluster: the least that they
//! need, worked out from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use super::{Generated, HEAD};
use crate::catalog::{self, Builtins};
use crate::model::{Access, Span, Target, Timestamp, TlsFiles};
use crate::probe::Grant;

const CATALOGUE: &str = "config/readiness.yaml";
/// Some time after the catalogue was written; it only has to be plausible.
const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);

/// What RBAC cannot narrow down to what is needed, so that it is granted apart and in single namespaces.
struct Private {
    /// Of its role.
    name: &'static str,
    /// The file of its bindings.
    file: &'static str,
    resource: &'static str,
    /// What there is to know.
    about: &'static str,
}

const PRIVATE: [Private; 3] = [
    Private {
        name: "secrets",
        file: "deploy/kubernetes/optional/secrets.yaml",
        resource: "secrets",
        about: "# Of secrets only the metadata is asked for, but RBAC knows no such right: who may list them may read \
                them.\n# So this role is bound in single namespaces, never for all of the cluster.\n",
    },
    Private {
        name: "configmaps",
        file: "deploy/kubernetes/optional/configmaps.yaml",
        resource: "configmaps",
        about: "# ConfigMaps may hold what is not for everybody as well, so this role is bound in single namespaces \
                too.\n",
    },
    Private {
        name: "logs",
        file: "deploy/kubernetes/optional/logs.yaml",
        resource: "pods/log",
        about: "# For the kind `logs`, where it reads lines of pods. What services write there may be as secret as \
                what they\n# are given, so this role is bound in single namespaces too.\n",
    },
];

/// Who gets the rights.
struct Account {
    /// Of the account and of its roles.
    name: &'static str,
    namespace: &'static str,
}

/// The exporter as `deploy/kubernetes` runs it.
const POD: Account = Account { name: "readiness-exporter", namespace: "readiness" };
/// An exporter elsewhere, which has a token.
const OUTSIDE: Account = Account { name: "readiness", namespace: "parallax" };

const WHY: &str = "# The least that the checks of kind `kubernetes` of the shipped catalogue need, worked out from them: to read,\n\
    # to watch for changes, and to ask what others may do, which stores nothing. Another catalogue may need other\n\
    # rights; a check that lacks one is `unknown` with the reason `permission_denied` and says which.\n";
const ABOUT_BINDINGS: &str =
    "# In the namespaces that the shipped catalogue names; write your own, each of which must exist.\n";
const ABOUT_DRY_RUN: &str = "# For checks that offer objects to the server without storing them. They are off unless they are enabled three\n\
    # times; this right allows to create such objects, not only to try, so give it only with them.\n";

/// Rights by whether they need thought.
#[derive(Default)]
struct Rights {
    usual: BTreeSet<Grant>,
    /// Of each in `PRIVATE`.
    private: [BTreeSet<Grant>; PRIVATE.len()],
    /// Of checks that are off by default.
    dry_run: BTreeSet<Grant>,
}

/// Nothing without a catalogue below `root`, or with one that does not load, which `validate` tells.
pub(super) fn files(root: &Path) -> Vec<Generated> {
    let Some(rights) = rights(&root.join(CATALOGUE)) else { return Vec::new() };
    let file = |path, parts: &[String]| Generated { path, content: format!("{HEAD}{}", parts.join("---\n")) };
    let base = |account: &Account| {
        let main = format!("{WHY}{}", account.role(account.name, &rights.usual));
        let private = PRIVATE
            .iter()
            .zip(&rights.private)
            .map(|(of, grants)| format!("{}{}", of.about, account.role(&account.apart(of.name), grants)));
        [account.account(), main, account.for_all()].into_iter().chain(private).collect::<Vec<_>>()
    };
    let bound = |account: &Account| {
        PRIVATE
            .iter()
            .zip(&rights.private)
            .map(|(of, grants)| with_note(ABOUT_BINDINGS, account.bound_apart(of.name, grants)))
            .collect::<Vec<_>>()
    };
    let dry_run = |account: &Account| with_note(ABOUT_DRY_RUN, account.dry_run(&rights));
    let whole = [base(&OUTSIDE), bound(&OUTSIDE).concat(), dry_run(&OUTSIDE)].concat();
    let mut files = vec![
        file("deploy/kubernetes/optional/dry-run.yaml", &dry_run(&POD)),
        file("deploy/kubernetes/rbac.yaml", &base(&POD)),
        file("docs/grants/kubernetes.yaml", &whole),
    ];
    files.extend(PRIVATE.iter().zip(bound(&POD)).map(|(of, parts)| file(of.file, &parts)));
    files
}

fn with_note(note: &str, mut documents: Vec<String>) -> Vec<String> {
    if let Some(first) = documents.first_mut() {
        first.insert_str(0, note);
    }
    documents
}

fn rights(catalogue: &Path) -> Option<Rights> {
    let own = Target { name: "self".into(), address: String::new().into(), credential: None, tls: TlsFiles::default() };
    let builtins = Builtins { targets: vec![own], max_waiver: Span::from_secs(366 * 86_400) };
    let compiled = catalog::load(catalogue, &builtins, NOW).compiled?;
    let mut rights = Rights::default();
    for grant in compiled.grants {
        let is_private = |of: &Private| grant.group.is_empty() && grant.resource == of.resource;
        let apart = PRIVATE.iter().position(is_private).and_then(|place| rights.private.get_mut(place));
        match (grant.access, apart) {
            (Access::Read, Some(apart)) => apart.insert(grant),
            (Access::Read, None) => rights.usual.insert(grant),
            _ => rights.dry_run.insert(grant),
        };
    }
    Some(rights)
}

impl Account {
    /// The name of a role that is granted apart.
    fn apart(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    fn account(&self) -> String {
        let Self { name, namespace } = self;
        format!("apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {name}\n  namespace: {namespace}\n")
    }

    fn role(&self, name: &str, grants: &BTreeSet<Grant>) -> String {
        let head = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n";
        format!("{head}  name: {name}\nrules:\n{}", rules(grants.iter()))
    }

    fn for_all(&self) -> String {
        let Self { name, .. } = self;
        let head = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata:\n";
        format!("{head}  name: {name}\n{}", self.bound("ClusterRole", name))
    }

    /// A binding of a role in one namespace.
    fn within(&self, namespace: &str, kind: &str, role: &str) -> String {
        let head = "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n";
        format!("{head}  name: {role}\n  namespace: {namespace}\n{}", self.bound(kind, role))
    }

    fn bound(&self, kind: &str, role: &str) -> String {
        let Self { name, namespace } = self;
        format!(
            "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {kind}\n  name: {role}\nsubjects:\n  - kind: \
             ServiceAccount\n    name: {name}\n    namespace: {namespace}\n"
        )
    }

    fn bound_apart(&self, name: &str, grants: &BTreeSet<Grant>) -> Vec<String> {
        let namespaces: BTreeSet<&str> = grants.iter().filter_map(|grant| grant.namespace.as_deref()).collect();
        namespaces.into_iter().map(|namespace| self.within(namespace, "ClusterRole", &self.apart(name))).collect()
    }

    fn dry_run(&self, rights: &Rights) -> Vec<String> {
        let mut by_namespace: BTreeMap<&str, Vec<&Grant>> = BTreeMap::new();
        for grant in &rights.dry_run {
            by_namespace.entry(grant.namespace.as_deref().unwrap_or_default()).or_default().push(grant);
        }
        let name = format!("{}-dry-run", self.name);
        let head = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n";
        by_namespace
            .into_iter()
            .flat_map(|(namespace, grants)| {
                let rules = rules(grants.into_iter());
                let role = format!("{head}  name: {name}\n  namespace: {namespace}\nrules:\n{rules}");
                [role, self.within(namespace, "Role", &name)]
            })
            .collect()
    }
}

/// Sorts of a group with the same verbs are one rule.
fn rules<'a>(grants: impl Iterator<Item = &'a Grant>) -> String {
    let mut verbs: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for grant in grants {
        verbs.entry((&grant.group, &grant.resource)).or_default().insert(grant.verb);
    }
    let mut rules: BTreeMap<(&str, bool, String), Vec<&str>> = BTreeMap::new();
    for ((group, resource), verbs) in verbs {
        let verbs = verbs.into_iter().collect::<Vec<_>>().join(", ");
        rules.entry((group, resource.starts_with('/'), verbs)).or_default().push(resource);
    }
    let mut text = String::new();
    for ((group, is_path, verbs), resources) in rules {
        let resources: Vec<String> = resources.into_iter().map(quoted).collect();
        let resources = resources.join(", ");
        // Writing to a String cannot fail.
        let _ = match is_path {
            true => writeln!(text, "  - nonResourceURLs: [{resources}]\n    verbs: [{verbs}]"),
            false => {
                writeln!(text, "  - apiGroups: [{}]\n    resources: [{resources}]\n    verbs: [{verbs}]", quoted(group))
            }
        };
    }
    text
}

/// As YAML, where it would be something else without.
fn quoted(text: &str) -> String {
    if text.is_empty() || text.contains('*') { format!("\"{text}\"") } else { text.to_owned() }
}
