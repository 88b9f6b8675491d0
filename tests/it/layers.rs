//! The table in `src/lib.rs`, held against the code.

use std::collections::BTreeSet;

use crate::source::{self, SourceFile};

/// Row, and place within the row. In rows 1 and 5 a module may also use those before it.
const LAYERS: &[(&str, u8, u8)] = &[
    ("model", 0, 0),
    ("diag", 1, 0),
    ("expect", 1, 1),
    ("core", 1, 2),
    ("snapshot", 1, 3),
    ("families", 1, 4),
    ("probe", 2, 0),
    ("store", 2, 1),
    ("catalog", 3, 0),
    ("settings", 3, 1),
    ("engine", 4, 0),
    ("web", 5, 0),
    ("generate", 5, 1),
    ("cli", 6, 0),
];

fn layer(module: &str) -> Option<(u8, u8)> {
    LAYERS.iter().find(|(name, ..)| *name == module).map(|(_, row, place)| (*row, *place))
}

fn may_use(user: &str, used: &str) -> bool {
    let (Some((row, place)), Some((used_row, used_place))) = (layer(user), layer(used)) else { return false };
    user == used || used_row < row || (matches!(row, 1 | 5) && used_row == row && used_place < place)
}

/// Modules named by `crate::…` in production code.
fn used_modules(file: &SourceFile) -> BTreeSet<String> {
    let code = file.production();
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            // `use crate::{a::b, c}` is not used in this code base; refuse it so that the scan sees all.
            panic!("{}: write one `use crate::…` a module, not a group: {}", file.path, &group[..group.len().min(40)]);
        }
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        found.insert(name);
    }
    found
}

#[test]
fn a_module_uses_only_lower_layers() {
    let mut wrong = Vec::new();
    for file in source::all().iter().filter(|file| !file.is_test()) {
        let module = file.module();
        if module == "lib" || module == "main" {
            continue;
        }
        assert!(layer(module).is_some(), "{}: module `{module}` has no row in the table of layers", file.path);
        for used in used_modules(file) {
            if !may_use(module, &used) {
                wrong.push(format!("{}: `{module}` must not use `{used}`", file.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_is_pure() {
    let banned =
        ["async ", "tokio", "std::fs", "std::net", "SystemTime", "Instant", "std::env", "rand::", "std::thread"];
    let mut wrong = Vec::new();
    for file in source::all().iter().filter(|file| ["model", "core"].contains(&file.module()) && !file.is_test()) {
        let code = file.production();
        wrong.extend(banned.iter().filter(|word| code.contains(**word)).map(|word| format!("{}: `{word}`", file.path)));
    }
    assert!(wrong.is_empty(), "not pure:\n{}", wrong.join("\n"));
}

#[test]
fn inner_types_are_not_serializable() {
    for file in source::all().iter().filter(|file| ["model", "core", "engine"].contains(&file.module())) {
        if file.is_test() {
            continue;
        }
        let code = file.production();
        assert!(!code.contains("use serde::") && !code.contains("serde::Serialize"), "{}: serde", file.path);
    }
}

#[test]
fn secrets_are_exposed_in_few_places() {
    let allowed = BTreeSet::from([
        "probe/credentials.rs",
        "probe/guard/redact.rs",
        "probe/kinds/command/mod.rs",
        "probe/kinds/env/mod.rs",
        "probe/kinds/env/source.rs",
        "probe/kinds/etcd/session.rs",
        "probe/kinds/git/place.rs",
        "probe/kinds/http/api.rs",
        "probe/kinds/http/request.rs",
        "probe/kinds/http_requests/sign.rs",
        "probe/kinds/kubernetes/place.rs",
        "probe/kinds/login/look.rs",
        "probe/kinds/login/token.rs",
        "probe/kinds/postgres/address.rs",
        "probe/kinds/redis/look.rs",
        "probe/net/tls/inline.rs",
    ]);
    let exposes = |code: &str| code.contains(".expose()") || code.contains("Secret::expose");
    let files = source::all();
    let found: BTreeSet<&str> = files
        .iter()
        .filter(|file| !file.is_test() && exposes(&file.production()))
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(found, allowed, "files that see the value of a secret");
}

#[test]
fn the_kinds_table_and_the_folder_agree() {
    let table: BTreeSet<String> = readiness::probe::kinds::KINDS.iter().map(|kind| kind.name.to_owned()).collect();
    let folder: BTreeSet<String> = std::fs::read_dir(source::root().join("src/probe/kinds"))
        .expect("kinds")
        .map(|entry| entry.expect("entry").file_name().to_string_lossy().trim_end_matches(".rs").to_owned())
        .filter(|name| name != "mod")
        .collect();
    assert_eq!(table, folder, "every kind is one file or folder of its name, and one line in the table");
    let names: Vec<_> = readiness::probe::kinds::KINDS.iter().map(|kind| kind.name).collect();
    assert!(names.is_sorted(), "the table is sorted: {names:?}");
}

#[test]
fn the_table_itself_works() {
    assert!(may_use("engine", "core"));
    assert!(may_use("families", "core"));
    assert!(!may_use("core", "families"));
    assert!(!may_use("web", "cli"));
    assert!(may_use("generate", "web") && !may_use("web", "generate"));
    assert!(!may_use("probe", "store"));
    assert!(!may_use("core", "probe"));
}
