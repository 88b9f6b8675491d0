//! The rights in a cluster: those that the shipped catalogue needs, no less and no more.

use std::collections::BTreeSet;

use readiness::catalog::{self, Builtins};
use readiness::model::{Access, Span, Target, Timestamp, TlsFiles};

use crate::source::root;
use crate::support::kubernetes::rights::{Right, rules};

fn file(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect(path)
}

/// Of checks that only read, and of those that do more.
fn needed() -> (BTreeSet<Right>, BTreeSet<Right>) {
    let own = Target { name: "self".into(), address: "".into(), credential: None, tls: TlsFiles::default() };
    let builtins = Builtins { targets: vec![own], max_waiver: Span::from_secs(86_400) };
    let loaded = catalog::load(&root().join("config/readiness.yaml"), &builtins, Timestamp::from_secs(1_795_305_600));
    let grants = loaded.compiled.expect("the shipped catalogue").grants;
    let of = |reads: bool| {
        let some = grants.iter().filter(|(access, _)| (*access == Access::Read) == reads);
        some.map(|(_, grant)| (grant.group.clone(), grant.resource.clone(), grant.verb.to_owned())).collect()
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
fn secrets_are_bound_in_single_namespaces_only() {
    let main = file("deploy/kubernetes/rbac.yaml");
    let everywhere: Vec<&str> = main.split("---").filter(|part| part.contains("kind: ClusterRoleBinding")).collect();
    assert!(everywhere.len() == 1 && !everywhere[0].contains("secrets"), "{everywhere:?}");
    let usual = main.split("---").find(|part| part.contains("kind: ClusterRole\n")).expect("a role");
    assert!(!rules(usual).iter().any(|(group, resource, _)| group.is_empty() && resource == "secrets"), "{usual}");
    assert!(
        file("deploy/kubernetes/optional/secrets.yaml").split("---").all(|part| part.contains("kind: RoleBinding"))
    );
}
