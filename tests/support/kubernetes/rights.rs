//! What the exporter may ask: the rights of `docs/grants/kubernetes.yaml`, and nothing else, as a cluster
//! would hold it to them in which they were applied. Namespaces are not told apart.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use crate::support::http_server::Asked;

/// API group, sort of objects and verb; a path has no group and begins with a `/`.
pub(crate) type Right = (String, String, String);

/// Whether who asks may.
pub(super) fn permits(asked: &Asked) -> bool {
    static GRANTED: OnceLock<BTreeSet<Right>> = OnceLock::new();
    let granted = GRANTED
        .get_or_init(|| rules(&std::fs::read_to_string(root().join("docs/grants/kubernetes.yaml")).expect("grants")));
    let (group, resource, verb) = needed(asked);
    let known = |resource: &str| granted.contains(&(group.clone(), resource.to_owned(), verb.clone()));
    known(&resource) || resource.starts_with("/apis/") && known("/apis/*")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All rules of roles in a text that `generate` wrote: a list is on one line.
pub(crate) fn rules(text: &str) -> BTreeSet<Right> {
    let list = |line: &str| -> Vec<String> {
        let inner = line.split_once('[').and_then(|(_, rest)| rest.strip_suffix(']')).unwrap_or_default();
        inner.split(", ").map(|word| word.trim_matches('"').to_owned()).collect()
    };
    let (mut rights, mut groups, mut resources) = (BTreeSet::new(), Vec::new(), Vec::new());
    for line in text.lines().map(str::trim) {
        if line.starts_with("- apiGroups:") {
            groups = list(line);
        } else if line.starts_with("- nonResourceURLs:") {
            (groups, resources) = (vec![String::new()], list(line));
        } else if line.starts_with("resources:") {
            resources = list(line);
        } else if line.starts_with("verbs:") {
            for (group, resource) in groups.iter().flat_map(|group| resources.iter().map(move |one| (group, one))) {
                rights.extend(list(line).into_iter().map(|verb| (group.clone(), resource.clone(), verb)));
            }
        }
    }
    rights
}

/// The right that a request needs, as the API server works it out.
fn needed(asked: &Asked) -> Right {
    let parts: Vec<&str> = asked.path().trim_matches('/').split('/').collect();
    let (group, rest) = match parts.as_slice() {
        ["api", _, rest @ ..] if !rest.is_empty() => ("", rest),
        ["apis", group, _, rest @ ..] if !rest.is_empty() => (*group, rest),
        _ => return (String::new(), asked.path().to_owned(), asked.method.to_ascii_lowercase()),
    };
    let within = if let ["namespaces", _, within @ ..] = rest
        && !within.is_empty()
    {
        within
    } else {
        rest
    };
    let (resource, name) = match within {
        [resource, _, part] => (format!("{resource}/{part}"), true),
        [resource, name @ ..] => ((*resource).to_owned(), !name.is_empty()),
        [] => (String::new(), false),
    };
    let verb = match (asked.method.as_str(), name) {
        ("GET", true) => "get",
        ("GET", false) if asked.query("watch").is_some() => "watch",
        ("GET", false) => "list",
        _ => "create",
    };
    (group.to_owned(), resource, verb.to_owned())
}
