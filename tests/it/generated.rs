//! The files made from the code are what the code makes, and `generate` does what the docs say.

use std::path::Path;
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn generate(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_readiness-exporter"));
    command.current_dir(folder).arg("generate").args(arguments).output().expect("the binary runs")
}

/// A copy of the generated files that may be changed, with the file that marks a source tree.
fn tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("Cargo.toml"), "").expect("file");
    let done = generate(folder.path(), &[]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    folder
}

#[test]
fn what_is_checked_in_is_current() {
    let stale = readiness::generate::stale(root());
    assert!(stale.is_empty(), "run `readiness-exporter generate`: {stale:?}");
    let done = generate(root(), &["--check"]);
    assert_eq!((done.status.code(), done.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn generate_writes_every_file_and_check_notices_a_change() {
    let tree = tree();
    for file in readiness::generate::all() {
        let path = tree.path().join(file.path);
        assert_eq!(std::fs::read_to_string(&path).expect(file.path), file.content);
        std::fs::write(&path, "changed").expect("file");
        let done = generate(tree.path(), &["--check"]);
        assert_eq!(done.status.code(), Some(1), "{}", file.path);
        assert!(String::from_utf8_lossy(&done.stderr).contains(file.path));
        assert_eq!(std::fs::read_to_string(&path).expect("file"), "changed", "`--check` only compares");
        let done = generate(tree.path(), &[]);
        assert_eq!(
            String::from_utf8_lossy(&done.stdout),
            format!("{} written\n", file.path),
            "only what is not current"
        );
        assert_eq!(generate(tree.path(), &["--check"]).status.code(), Some(0));
    }
}

#[test]
fn one_sort_of_file_can_be_named() {
    let tree = tree();
    std::fs::remove_file(tree.path().join("docs/kinds.md")).expect("file");
    assert_eq!(generate(tree.path(), &["--check", "schema", "settings"]).status.code(), Some(0));
    assert_eq!(generate(tree.path(), &["--check", "docs"]).status.code(), Some(1));
    assert_eq!(generate(tree.path(), &["nonsense"]).status.code(), Some(2));
    let elsewhere = tempfile::tempdir().expect("folder");
    assert_eq!(generate(elsewhere.path(), &[]).status.code(), Some(2), "only at the root of the source tree");
}
