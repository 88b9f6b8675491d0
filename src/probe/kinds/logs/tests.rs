use std::path::Path;

use serde_json::{Value, json};

use crate::model::{Outcome, Reason};
use crate::probe::Observation;
use crate::probe::fixture::{cx, run};

/// `ago` seconds before now.
fn at(ago: i64) -> String {
    (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(ago)).to_string()
}

fn good(ago: i64) -> String {
    format!("{{\"level\":30,\"time\":\"{}\",\"msg\":\"hunter22\"}}\n", at(ago))
}

async fn seen(path: &Path, more: Value) -> Observation {
    let mut parameters = json!({"paths": [path]});
    parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    run("logs", parameters, &cx(5000)).await
}

#[tokio::test]
async fn the_form_of_lines_is_judged_and_none_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.log");
    let structured = json!({"required": ["level", "time", "msg|message"], "min_ratio": 0.99, "max_age_s": 60});
    let cases = [
        (good(5).repeat(10), structured.clone(), Outcome::Pass, None),
        // Lines are there, but for people.
        ("hunter22 started\n".repeat(10), structured.clone(), Outcome::Fail, Some(Reason::Assertion)),
        (format!("{}{}", good(5).repeat(10), "hunter22\n"), structured.clone(), Outcome::Fail, Some(Reason::Assertion)),
        (good(500).repeat(10), structured.clone(), Outcome::Fail, Some(Reason::TooOld)),
        (String::new(), structured, Outcome::Indeterminate, Some(Reason::NoData)),
        (good(5), json!({"levels": ["info", "warn"], "max_error_ratio": 0.05}), Outcome::Pass, None),
        (good(5).replace("30", "20"), json!({"levels": ["info", "warn"]}), Outcome::Fail, Some(Reason::Assertion)),
        (good(5).replace("30", "50"), json!({"max_error_ratio": 0.05}), Outcome::Fail, Some(Reason::Assertion)),
        (good(5).replace("30", "7"), json!({"levels": ["info"]}), Outcome::Indeterminate, Some(Reason::NoData)),
        (good(5), json!({"forbid": ["hunter[0-9]+"]}), Outcome::Fail, Some(Reason::Assertion)),
        (good(5), json!({"max_line_bytes": 20}), Outcome::Fail, Some(Reason::Assertion)),
    ];
    for (text, parameters, outcome, reason) in cases {
        std::fs::write(&path, text).unwrap();
        let seen = seen(&path, parameters.clone()).await;
        let sentence = seen.verdict.sentence();
        assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (outcome, reason), "{parameters}: {sentence}");
        assert!(!sentence.contains("hunter22") && !serde_json::to_string(&seen.facts).unwrap().contains("hunter22"));
    }
}

#[tokio::test]
async fn a_window_is_looked_at_as_a_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.log");
    let old = format!("{} FATAL: old\n", at(5000));
    std::fs::write(&path, format!("{old}  at a stack of it: FATAL\n{}", good(5))).unwrap();
    let window = json!({"since_s": 900, "forbid": ["FATAL"]});
    assert_eq!(seen(&path, window.clone()).await.verdict.outcome(), Outcome::Pass);
    std::fs::write(&path, format!("{old}{} FATAL: new\n", at(5))).unwrap();
    assert_eq!(seen(&path, window).await.verdict.outcome(), Outcome::Fail);
    std::fs::write(&path, good(5).repeat(20)).unwrap();
    let verdict = seen(&path, json!({"since_s": 900, "lines": 10, "forbid": ["FATAL"]})).await.verdict;
    assert_eq!((verdict.outcome(), verdict.reason()), (Outcome::Indeterminate, Some(Reason::TooLarge)));
}

#[tokio::test]
async fn a_rotated_file_is_read_on_and_a_half_line_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.log");
    std::fs::write(dir.path().join("app.log.1"), good(60).repeat(5)).unwrap();
    std::fs::write(&path, format!("{}{{\"level\":", good(5))).unwrap();
    let seen = seen(&path, json!({"min_ratio": 1.0})).await;
    let facts = seen.facts.unwrap();
    assert_eq!((&facts["sources"][0]["lines"], &facts["sources"][0]["json"]), (&json!(6), &json!(6)));
}

#[tokio::test]
async fn what_is_no_file_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for path in [fifo, dir.path().to_owned(), dir.path().join("none")] {
        let verdict = seen(&path, json!({})).await.verdict;
        assert_eq!(verdict.outcome(), Outcome::Indeterminate, "{}", verdict.sentence());
    }
}

#[test]
fn what_cannot_be_read_here_is_said_at_load() {
    let parse = |parameters| crate::probe::kinds::find("logs").unwrap().parse(parameters).unwrap().findings.0.len();
    assert_eq!(parse(json!({"source": "docker"})), 2);
    assert_eq!(parse(json!({"source": "docker", "target": "d", "containers": {}})), 1);
    assert_eq!(parse(json!({"source": "kubernetes", "target": "k", "pods": {"namespace": "a/b"}})), 1);
    assert_eq!(parse(json!({"paths": ["app.log"]})), 1);
    assert_eq!(parse(json!({"source": "loki"})), 1);
    assert_eq!(parse(json!({"paths": ["/a"], "lines": 0, "min_ratio": 2.0, "forbid": ["("]})), 3);
}
