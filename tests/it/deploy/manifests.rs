//! The manifests of `deploy/kubernetes/`, against the schemas that Kubernetes publishes.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::said;
use crate::source::root;

/// The oldest that is supported, and the newest with a published schema here.
const VERSIONS: [&str; 2] = ["1.33", "1.37"];

fn manifests(folder: &str) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root().join(folder)).expect("manifests");
    let files = folder.map(|entry| entry.expect("manifest").path()).filter(|path| path.is_file());
    // Kustomize reads this one; the API server never sees it.
    let mut files: Vec<PathBuf> = files.filter(|path| !path.ends_with("kustomization.yaml")).collect();
    files.sort();
    files
}

fn validate(version: &str, files: &[PathBuf]) -> (bool, String) {
    let tool = root().join("target/manifests/bin/kubernetes-validate");
    said(Command::new(tool).args(["--strict", "--kubernetes-version", version]).args(files))
}

#[test]
fn every_manifest_is_what_kubernetes_takes() {
    let mut files = manifests("deploy/kubernetes");
    files.extend(manifests("deploy/kubernetes/optional"));
    files.push(root().join("docs/grants/kubernetes.yaml"));
    assert!(files.len() >= 10, "{files:?}");
    for version in VERSIONS {
        let (content, text) = validate(version, &files);
        assert!(content, "{version}: {text}");
    }
    // The same, but for one letter.
    let dir = tempfile::tempdir().expect("directory");
    let wrong = dir.path().join("deployment.yaml");
    let text = std::fs::read_to_string(root().join("deploy/kubernetes/deployment.yaml")).expect("deployment");
    std::fs::write(&wrong, text.replace("runAsNonRoot", "runAsNonroot")).expect("file");
    let (content, text) = validate(VERSIONS[0], &[wrong]);
    assert!(!content && text.contains("runAsNonroot"), "{text}");
}

#[test]
fn kustomize_is_told_of_every_manifest() {
    let list = std::fs::read_to_string(root().join("deploy/kubernetes/kustomization.yaml")).expect("list");
    let mut named: Vec<&str> = list.lines().filter_map(|line| line.trim().strip_prefix("- ")).collect();
    named.sort_unstable();
    let files = manifests("deploy/kubernetes");
    let there: Vec<&str> = files.iter().filter_map(|path| Path::file_name(path)?.to_str()).collect();
    assert_eq!(named, there);
}
