//! The rights in a cluster: those that the shipped catalogue needs, no less and no more.

use std::collections::BTreeSet;

use readiness::catalog::{self, Builtins};
use readiness::model::{Access, Span, Target, Timestamp, TlsFiles};
use readiness::probe::Grant;

use crate::source::root;
use crate::support::kubernetes::rights::{Right, rules};

fn file(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect(path)
}

fn grants() -> BTreeSet<Grant> {
    let own = Target { name: "self".into(), address: "".into(), credential: None, tls: TlsFiles::default() };
    let builtins = Builtins { targets: vec![own], max_waiver: Span::from_secs(86_400) };
    let loaded = catalog::load(&root().join("config/readiness.yaml"), &builtins, Timestamp::from_secs(1_795_305_600));
    loaded.compiled.expect("the shipped catalogue").grants
}

/// Of checks that only read, and of those that do more.
fn needed() -> (BTreeSet<Right>, BTreeSet<Right>) {
    let grants = grants();
    let of = |reads: bool| {
        let some = grants.iter().filter(|grant| (grant.access == Access::Read) == reads);
        some.map(|grant| (grant.group.clone(), grant.resource.clone(), grant.verb.to_owned())).collect()
    };
    (of(true), of(false))
}

#[test]
fn what_is_granted_is_what_the_catalogue_needs() {
    let (reads, tries) = needed();
    assert!(reads.len() > 30 && !tries.is_empty(), "{reads:?} {tries:?}");
    assert_eq!(rules(&file("deploy/kubernetes/rbac.yaml")), reads);
    assert_eq!(rules(&file("deploy/kubernetes/optional/dry-run.yaml")), tries);
    let both = reads.union(&tries).cloned().collect();
    assert_eq!(rules(&file("docs/grants/kubernetes.yaml")), both);
    let changes = |(_, resource, verb): &&Right| {
        !matches!(verb.as_str(), "get" | "list" | "watch") && !resource.ends_with("reviews")
    };
    assert_eq!(reads.iter().find(changes), None, "reviews store nothing; all else that is no look does");
}

#[test]
fn every_sort_that_the_catalogue_names_is_among_them() {
    // Not by way of the compiled catalogue: what stands in the files.
    let (reads, _) = needed();
    let mut seen = 0;
    for list in ["parallax", "phoenix"] {
        for entry in std::fs::read_dir(root().join("config/checklists").join(list)).expect("checklists").flatten() {
            let text = std::fs::read_to_string(entry.path()).expect("a checklist");
            // `access` asks about the rights of others with the same word.
            let objects = text.split("objects:").skip(1);
            for named in
                objects.filter_map(|part| part.split_once("resource: ").filter(|(before, _)| before.len() < 80))
            {
                let word: String = named.1.chars().take_while(char::is_ascii_lowercase).collect();
                assert!(reads.iter().any(|(_, resource, verb)| *resource == word && verb == "list"), "{word}");
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn what_may_be_secret_is_bound_in_single_namespaces_only() {
    let main = file("deploy/kubernetes/rbac.yaml");
    let everywhere: Vec<&str> = main.split("---").filter(|part| part.contains("kind: ClusterRoleBinding")).collect();
    assert!(everywhere.len() == 1 && everywhere[0].contains("name: readiness-exporter\n"), "{everywhere:?}");
    let usual = main.split("---").find(|part| part.contains("kind: ClusterRole\n")).expect("a role");
    let grants = grants();
    for (resource, bound) in [("secrets", "secrets.yaml"), ("configmaps", "configmaps.yaml"), ("pods/log", "logs.yaml")]
    {
        assert!(!rules(usual).iter().any(|(group, name, _)| group.is_empty() && name == resource), "{usual}");
        let bound = file(&format!("deploy/kubernetes/optional/{bound}"));
        assert!(bound.split("---").all(|part| part.contains("kind: RoleBinding")), "{bound}");
        // Every row that needs it gets it.
        for grant in grants.iter().filter(|grant| grant.group.is_empty() && grant.resource == resource) {
            let namespace = grant.namespace.as_ref().unwrap_or_else(|| panic!("{resource} of all of the cluster"));
            assert!(bound.contains(&format!("\n  namespace: {namespace}\n")), "{resource} in {namespace}");
        }
    }
}
