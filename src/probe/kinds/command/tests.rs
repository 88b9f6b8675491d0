use serde_json::json;

use super::*;
use crate::model::Outcome;
use crate::probe::fixture::{cx, run, run_with};

async fn sh(script: &str) -> crate::probe::Observation {
    run("command", json!({"argv": ["/bin/sh", "-c", script]}), &cx(5000)).await
}

#[tokio::test]
async fn an_expected_code_passes_and_json_is_read() {
    let seen = sh(r#"echo '{"ready": true}'"#).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Pass);
    let facts = seen.facts.unwrap();
    assert_eq!((&facts["json"]["ready"], &facts["exit_code"]), (&json!(true), &json!(0)));
}

#[tokio::test]
async fn another_code_fails_and_says_what_the_program_said_last() {
    let seen = sh("echo first >&2; echo 'disk is full' >&2; exit 2").await;
    assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Fail, Some(Reason::ExitStatus)));
    assert_eq!(seen.verdict.sentence(), "expected exit code 0 of /bin/sh, saw 2: disk is full");
}

#[tokio::test]
async fn a_signal_or_a_missing_program_is_no_failure() {
    assert_eq!(sh("kill -9 $$").await.verdict.outcome(), Outcome::Indeterminate);
    let seen = run("command", json!({"argv": ["/nonexistent"]}), &cx(1000)).await;
    assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Indeterminate, Some(Reason::Missing)));
}

#[tokio::test]
async fn half_a_document_is_not_json() {
    let parameters = json!({"argv": ["/bin/echo", "123456"], "max_output": 3});
    let facts = run("command", parameters, &cx(5000)).await.facts.unwrap();
    assert_eq!((&facts["json"], &facts["truncated"]), (&json!(null), &json!(true)));
}

#[tokio::test]
async fn what_was_cut_off_proves_nothing() {
    let parameters = json!({"argv": ["/bin/echo", "fine so far ERROR"], "max_output": 11});
    let seen = run_with("command", parameters, &["!stdout.contains('ERROR')"], &cx(5000)).await;
    assert_eq!(seen.verdict.reason(), Some(Reason::ExpressionError), "{}", seen.verdict.sentence());
    assert!(seen.verdict.sentence().contains("`stdout` is not known: more than 11 bytes"));
}

#[test]
fn static_errors_are_found() {
    let parse = |parameters| crate::probe::kinds::find("command").unwrap().parse(parameters).unwrap().findings.0.len();
    assert_eq!(parse(json!({})), 1);
    assert_eq!(parse(json!({"argv": ["x"], "exit": [], "max_output": 99_000_000, "env": {"a=b": ""}})), 3);
}

#[tokio::test]
async fn a_version_is_compared() {
    let version = |script: &'static str, least: &'static str| async move {
        run("command", json!({"argv": ["/bin/sh", "-c", script], "min_version": least}), &cx(5000)).await
    };
    let node = "echo v20.11.0";
    assert_eq!(version(node, "18.0.0").await.verdict.outcome(), Outcome::Pass);
    let seen = version(node, "20.12").await.verdict;
    assert_eq!((seen.outcome(), seen.reason()), (Outcome::Fail, Some(Reason::Assertion)), "{}", seen.sentence());
    let seen = version("echo unknown", "1.0").await.verdict;
    assert_eq!((seen.outcome(), seen.reason()), (Outcome::Indeterminate, Some(Reason::NoData)));
}

#[tokio::test]
async fn a_missing_program_fails_where_it_is_what_is_looked_for() {
    let seen = |parameters| async move {
        let verdict = run("command", parameters, &cx(5000)).await.verdict;
        (verdict.outcome(), verdict.reason())
    };
    assert_eq!(
        seen(json!({"argv": ["/nonexistent"], "missing_fails": true})).await,
        (Outcome::Fail, Some(Reason::Missing))
    );
    let through = |script: &str| json!({"argv": ["tool"], "via": ["/bin/sh", "-c", script], "missing_fails": true});
    assert_eq!(seen(through("exit 127")).await, (Outcome::Fail, Some(Reason::Missing)));
    assert_eq!(seen(through("exit 1")).await, (Outcome::Indeterminate, Some(Reason::ExitStatus)));
    // The program in between is not what is looked for.
    let parameters = json!({"argv": ["tool"], "via": ["/nonexistent"], "missing_fails": true});
    assert_eq!(seen(parameters).await, (Outcome::Indeterminate, Some(Reason::Missing)));
}

#[tokio::test]
async fn a_code_that_may_be_of_the_program_between_proves_nothing() {
    let parameters =
        |code: i32| json!({"argv": ["tool"], "via": ["/bin/sh", "-c", format!("exit {code}")], "exit": [0, 1]});
    assert_eq!(run("command", parameters(0), &cx(5000)).await.verdict.outcome(), Outcome::Pass);
    let verdict = run("command", parameters(1), &cx(5000)).await.verdict;
    assert_eq!(verdict.outcome(), Outcome::Indeterminate, "{}", verdict.sentence());
    assert!(verdict.sentence().contains("may be /bin/sh's own"), "{}", verdict.sentence());
}

#[tokio::test]
async fn what_is_found_must_be_what_is_listed() {
    let parameters = |find: &[&str]| {
        let script = "printf 'ID a\\nID b\\n'";
        json!({"argv": ["/bin/sh", "-c", script], "extract": "(?m)^ID (.)$", "find": find})
    };
    assert_eq!(run("command", parameters(&["b", "a"]), &cx(5000)).await.verdict.outcome(), Outcome::Pass);
    let verdict = run("command", parameters(&["c"]), &cx(5000)).await.verdict;
    assert_eq!(verdict.reason(), Some(Reason::Assertion), "{}", verdict.sentence());
    let mut cut = parameters(&["a"]);
    cut["max_output"] = json!(4);
    assert_eq!(run("command", cut, &cx(5000)).await.verdict.reason(), Some(Reason::TooLarge));
}

#[tokio::test]
async fn nothing_is_run_without_an_answer_to_compare_with() {
    let parameters = json!({
        "argv": ["/nonexistent"], "target": "cp", "extract": "(.)", "same_as": "ids",
        "references": [{"name": "ids", "path": "/api", "pick": "ids[]"}],
    });
    let seen = run("command", parameters, &crate::probe::fixture::cx_for(2000, "http://127.0.0.1:1")).await.verdict;
    assert_eq!((seen.outcome(), seen.reason()), (Outcome::Indeterminate, Some(Reason::Refused)), "{}", seen.sentence());
}

#[tokio::test]
async fn the_newest_file_is_handed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (name, age) in [("a-1.db", 60), ("b 2.db", 30), ("a-3.db", 90), ("other", 0)] {
        std::fs::write(path(name), name).unwrap();
        let at = std::fs::metadata(path(name)).unwrap().modified().unwrap() - std::time::Duration::from_secs(age);
        std::fs::File::options().write(true).open(path(name)).unwrap().set_modified(at).unwrap();
    }
    std::fs::create_dir(path("folder.db")).unwrap();
    let cat = |pattern: &str| json!({"argv": ["/bin/cat", "{newest}"], "newest": path(pattern)});
    let seen = run("command", cat("*.db"), &cx(5000)).await;
    assert_eq!(seen.facts.unwrap()["stdout"], "b 2.db");
    let seen = run("command", cat("*.none"), &cx(5000)).await;
    assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Fail, Some(Reason::Missing)));
    let parse = |parameters| crate::probe::kinds::find("command").unwrap().parse(parameters).unwrap().findings.0.len();
    assert_eq!(parse(json!({"argv": ["x", "{newest}"]})), 1);
    assert_eq!(parse(json!({"argv": ["x", "{newest}"], "newest": "relative/*"})), 1);
}
