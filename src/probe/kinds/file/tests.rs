use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::*;
use crate::model::Outcome;
use crate::probe::Observation;
use crate::probe::fixture::{cx, run};

async fn look(parameters: Value) -> Observation {
    run("file", parameters, &cx(5000)).await
}

#[tokio::test]
async fn an_existing_file_passes_with_its_facts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f.json");
    fs::write(&path, r#"{"rpo": 60}"#).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let seen = look(json!({"path": path, "parse": "json", "filesystem": true})).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
    let facts: Facts = serde_json::from_value(seen.facts.unwrap()).unwrap();
    assert_eq!((facts.kind.as_str(), facts.size_bytes, facts.mode.as_str()), ("file", 11, "0640"));
    assert_eq!((facts.mode_bits, &facts.content["rpo"], facts.parents_private), (0o640, &json!(60), true));
    let filesystem = facts.filesystem.unwrap();
    assert!(filesystem.total_bytes > 0 && (0.0..=1.0).contains(&filesystem.free_ratio));
    assert_eq!(facts.owner, look::name_of("/etc/passwd", facts.uid));
}

#[tokio::test]
async fn absence_is_a_fail_or_a_pass_as_asked() {
    let missing = look(json!({"path": "/nonexistent/file"})).await;
    assert_eq!((missing.verdict.outcome(), missing.verdict.reason()), (Outcome::Fail, Some(Reason::Missing)));
    let absent = look(json!({"path": "/nonexistent/file", "must": "be_absent"})).await;
    assert_eq!(absent.verdict.outcome(), Outcome::Pass);
    let present = look(json!({"path": "/etc", "must": "be_absent"})).await;
    assert_eq!((present.verdict.outcome(), present.verdict.reason()), (Outcome::Fail, Some(Reason::Assertion)));
    // A file cannot hold another.
    let below = look(json!({"path": "/etc/passwd/x", "must": "be_absent"})).await;
    assert_eq!(below.verdict.outcome(), Outcome::Pass);
}

#[tokio::test]
async fn a_link_to_nothing_neither_exists_nor_is_absent() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("/nonexistent/target", &link).unwrap();
    assert_eq!(look(json!({"path": link})).await.verdict.reason(), Some(Reason::Missing));
    let seen = look(json!({"path": link, "must": "be_absent"})).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Fail, "{}", seen.verdict.sentence());
}

#[tokio::test]
async fn malformed_content_fails_and_too_much_of_it_is_not_judged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    fs::write(&path, "not a number").unwrap();
    let seen = look(json!({"path": path, "parse": "number"})).await;
    assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Fail, Some(Reason::Invalid)));
    let seen = look(json!({"path": path, "parse": "text", "max_bytes": 5})).await;
    assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Indeterminate, Some(Reason::TooLarge)));
}

#[tokio::test]
async fn a_fifo_does_not_block_and_a_directory_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for path in [fifo.as_path(), dir.path()] {
        let seen = look(json!({"path": path, "parse": "text"})).await;
        assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Fail, Some(Reason::Invalid)));
    }
}

#[test]
fn a_parent_open_to_others_is_not_private() {
    let dir = tempfile::tempdir().unwrap();
    let open = dir.path().join("open");
    fs::create_dir(&open).unwrap();
    let file = open.join("f");
    fs::write(&file, "").unwrap();
    let owner = look::seen(&file).unwrap().unwrap().uid;
    for (mode, private) in [(0o755, true), (0o775, false), (0o777, false), (0o1777, true)] {
        fs::set_permissions(&open, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(look::parents_private(&file, owner), private, "{mode:o}");
    }
}

#[test]
fn static_errors_are_found() {
    let count = |parameters| crate::probe::kinds::find("file").unwrap().parse(parameters).unwrap().findings.0.len();
    assert_eq!(count(json!({"path": "relative"})), 1);
    assert_eq!(count(json!({"path": "/x", "must": "be_absent", "parse": "text", "max_bytes": 99_000_000})), 2);
    assert_eq!(count(json!({"path": "/x"})), 0);
}
