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
