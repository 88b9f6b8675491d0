use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::*;
use crate::model::Outcome;
use crate::probe::Observation;
use crate::probe::fixture::{cx, run, run_with};

const HOUR: u64 = 3600;

fn aged(path: &Path, seconds: u64) {
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap();
    let then = UNIX_EPOCH + Duration::from_secs(now - seconds);
    fs::File::open(path).unwrap().set_modified(then).unwrap();
}

async fn look(parameters: Value) -> Observation {
    run("files", parameters, &cx(5000)).await
}

fn facts(seen: Observation) -> Facts {
    serde_json::from_value(seen.facts.unwrap()).unwrap()
}

#[tokio::test]
async fn matches_are_counted_and_told_apart_by_age_and_size() {
    let dir = tempfile::tempdir().unwrap();
    for (name, size, age) in [("b-1", 10, 3), ("b-2", 20, 2), ("b-3", 100, 1), ("other", 1, 9)] {
        let path = dir.path().join(name);
        fs::write(&path, vec![0; size]).unwrap();
        aged(&path, age * HOUR);
    }
    let pattern = dir.path().join("b-*");
    let seen = look(json!({"paths": [pattern], "min": 3})).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
    let facts = facts(seen);
    assert_eq!((facts.count, facts.newest_size_bytes, facts.median_size_bytes), (3, Some(100), Some(20)));
    assert!(
        (facts.newest_age_s.unwrap() - 3600.0).abs() < 60.0 && (facts.oldest_age_s.unwrap() - 10800.0).abs() < 60.0
    );
    let seen = look(json!({"paths": [dir.path().join("c-*")]})).await;
    assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Fail, Some(Reason::Missing)));
    let seen = look(json!({"paths": [dir.path().join("c-*")], "min": 0})).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Pass);
}

#[tokio::test]
async fn a_plain_path_must_exist() {
    let dir = tempfile::tempdir().unwrap();
    let there = dir.path().display().to_string();
    let seen = look(json!({"paths": [there, "/nonexistent/x"], "filesystem": true})).await;
    assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Fail, Some(Reason::Missing)));
    let seen = look(json!({"paths": [there], "filesystem": true})).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Pass);
    let facts = facts(seen);
    assert_eq!(facts.files[0].kind, "directory");
    assert!(facts.files[0].filesystem.is_some());
}

#[tokio::test]
async fn a_folder_is_as_old_as_the_newest_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let (old, used) = (dir.path().join("old"), dir.path().join("used"));
    for folder in [&old, &used] {
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::write(folder.join("src/a"), "").unwrap();
    }
    for path in [old.join("src/a"), old.join("src"), old, used.join("src"), used] {
        aged(&path, 48 * HOUR);
    }
    let parameters = |levels: usize| json!({"paths": [dir.path().join("*")], "kind": "directory", "levels": levels});
    let shallow = facts(look(parameters(0)).await);
    assert!(shallow.newest_age_s.unwrap() > 47.0 * 3600.0);
    let deep = facts(look(parameters(2)).await);
    assert!(deep.newest_age_s.unwrap() < 60.0 && deep.oldest_age_s.unwrap() > 47.0 * 3600.0);
}

#[tokio::test]
async fn more_than_can_be_described_is_no_proof() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..300 {
        fs::write(dir.path().join(number.to_string()), "").unwrap();
    }
    let parameters = json!({"paths": [dir.path().join("*")]});
    let seen = run_with("files", parameters.clone(), &["files.all(f, f.size_bytes == 0)"], &cx(5000)).await;
    assert_eq!(seen.verdict.reason(), Some(Reason::ExpressionError), "{}", seen.verdict.sentence());
    let seen = run_with("files", parameters, &["count == 300 && oldest_age_s < 600"], &cx(5000)).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
}

#[tokio::test]
async fn a_path_of_another_kind_is_not_what_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store");
    fs::write(&file, "").unwrap();
    let seen = look(json!({"paths": [file], "kind": "directory"})).await.verdict;
    assert_eq!((seen.outcome(), seen.reason()), (Outcome::Fail, Some(Reason::Assertion)), "{}", seen.sentence());
    assert!(seen.sentence().contains("to be a directory"), "{}", seen.sentence());
}

#[tokio::test]
async fn what_is_closed_is_not_what_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    // A folder that cannot be entered, for root too.
    fs::create_dir(dir.path().join("a")).unwrap();
    std::os::unix::fs::symlink("round", dir.path().join("a/round")).unwrap();
    for pattern in ["a/round/*.dump", "*/round/b"] {
        let seen = look(json!({"paths": [dir.path().join(pattern)]})).await.verdict;
        assert_eq!(seen.outcome(), Outcome::Indeterminate, "{pattern}: {}", seen.sentence());
    }
    fs::create_dir(dir.path().join("b")).unwrap();
    fs::write(dir.path().join("b/.hidden"), "").unwrap();
    fs::write(dir.path().join("b/x.dump"), "").unwrap();
    let count = |pattern: &str| look(json!({"paths": [dir.path().join(pattern)], "min": 0}));
    assert_eq!(facts(count("b/*").await).count, 2);
    assert_eq!(facts(count("b/?.du[lm]p").await).count, 1);
    assert_eq!(facts(count("*/x.dump").await).count, 1);
    assert_eq!(facts(count("gone/*").await).count, 0);
}

#[test]
fn static_errors_are_found() {
    let count = |parameters| crate::probe::kinds::find("files").unwrap().parse(parameters).unwrap().findings.0.len();
    assert_eq!(count(json!({})), 1);
    assert_eq!(count(json!({"paths": ["relative", "/a/***"], "levels": 99})), 3);
    assert_eq!(count(json!({"paths": ["/a/**/b"]})), 1);
}
