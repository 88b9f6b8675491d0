use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::*;
use crate::model::Outcome;
use crate::probe::Observation;
use crate::probe::fixture::{cx_for, run};

struct Workload(Child);

impl Drop for Workload {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn workload(mark: &str, env: &[(&str, &str)]) -> Workload {
    let mut command = Command::new("sleep");
    command.arg(mark).env_clear().envs(env.iter().copied()).stdout(Stdio::null());
    Workload(command.spawn().unwrap())
}

async fn look(address: &str, parameters: Value) -> Observation {
    let mut parameters = parameters;
    parameters["target"] = json!("t");
    run("env", parameters, &cx_for(5000, address)).await
}

fn said(seen: &Observation) -> (Outcome, Option<Reason>) {
    (seen.verdict.outcome(), seen.verdict.reason())
}

#[tokio::test]
async fn the_environment_of_a_real_process_is_judged() {
    let secret = "b9Zk3mT0xqP7eYw5RfUj1LhGa8NvCs2DoIt6MyKAXVE";
    let _process =
        workload("8877.25", &[("JWT_SECRET", secret), ("EMPTY", ""), ("LIMIT", "250"), ("NAMESPACE", "default")]);
    let at = "process:^sleep 8877\\.25$";
    let strong = json!({"vars": ["EMPTY", "JWT_SECRET"], "min_bytes": 32, "min_entropy_bits": 128});
    let seen = look(at, strong).await;
    assert_eq!(said(&seen), (Outcome::Pass, None), "{}", seen.verdict.sentence());
    let facts = seen.facts.unwrap();
    assert_eq!(
        (&facts["var"], &facts["length"], &facts["decoded_bytes"]),
        (&json!("JWT_SECRET"), &json!(43), &json!(32))
    );
    assert!(!facts.to_string().contains(secret) && !format!("{:?}", seen.verdict).contains(secret));

    let cases = [
        (json!({"vars": ["LIMIT"], "min": 1, "max": 250}), (Outcome::Pass, None)),
        (json!({"vars": ["LIMIT"], "max": 249}), (Outcome::Fail, Some(Reason::Assertion))),
        (json!({"vars": ["JWT_SECRET"], "min": 1}), (Outcome::Fail, Some(Reason::Assertion))),
        (json!({"vars": ["JWT_SECRET"], "pattern": "^[0-9]+$"}), (Outcome::Fail, Some(Reason::Assertion))),
        (json!({"vars": ["LIMIT"], "allowed": ["250", "500"]}), (Outcome::Pass, None)),
        (json!({"vars": ["NAMESPACE"], "allowed": ["default"]}), (Outcome::Pass, None)),
        (json!({"vars": ["NAMESPACE"]}), (Outcome::Fail, Some(Reason::Assertion))),
        (json!({"vars": ["JWT_SECRET"], "allowed": ["info"]}), (Outcome::Fail, Some(Reason::Assertion))),
        (json!({"vars": ["NOT_SET", "EMPTY"]}), (Outcome::Fail, Some(Reason::Missing))),
        (json!({"vars": ["NOT_SET"], "required": false}), (Outcome::Pass, None)),
    ];
    for (parameters, expected) in cases {
        let seen = look(at, parameters.clone()).await;
        assert_eq!(said(&seen), expected, "{parameters}: {}", seen.verdict.sentence());
        assert!(!seen.verdict.sentence().contains(secret));
    }
}

#[tokio::test]
async fn a_workload_that_is_not_there_is_not_known() {
    let vars = json!({"vars": ["X"]});
    let missing = (Outcome::Indeterminate, Some(Reason::Missing));
    assert_eq!(said(&look("process:^no such process 4711$", vars.clone()).await), missing);
    assert_eq!(said(&look("pidfile:/nonexistent/pid", vars.clone()).await), missing);
    assert_eq!(said(&look("file:/nonexistent/env", vars.clone()).await), missing);
    assert_eq!(said(&look("nonsense", vars).await), (Outcome::Indeterminate, Some(Reason::Unconfigured)));
}

#[tokio::test]
async fn processes_that_disagree_are_not_judged() {
    let _one = workload("8878.25", &[("LEVEL", "info")]);
    let two = workload("8878.25", &[("LEVEL", "debug")]);
    let at = "process:^sleep 8878\\.25$";
    let seen = look(at, json!({"vars": ["LEVEL"], "allowed": ["info"]})).await;
    assert_eq!(said(&seen), (Outcome::Indeterminate, Some(Reason::Invalid)), "{}", seen.verdict.sentence());
    drop(two);
    let seen = look(at, json!({"vars": ["LEVEL"], "allowed": ["info"]})).await;
    assert_eq!(said(&seen), (Outcome::Pass, None), "{}", seen.verdict.sentence());
}

#[tokio::test]
async fn a_file_of_variables_and_the_exporters_own_environment() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("env");
    std::fs::write(&path, "# c\nexport DATABASE_URL=\"postgresql://app:changeme@db/x?sslmode=require\"\n").unwrap();
    let at = format!("file:{}", path.display());
    let seen = look(&at, json!({"vars": ["DATABASE_URL"]})).await;
    assert_eq!(said(&seen), (Outcome::Fail, Some(Reason::Assertion)));
    assert_eq!(seen.verdict.sentence(), "DATABASE_URL: expected no placeholder, saw a placeholder");
    assert_eq!(seen.facts.unwrap()["url"]["query"]["sslmode"], "require");
    let seen = look("self:", json!({"vars": ["PATH"]})).await;
    assert_eq!(said(&seen), (Outcome::Pass, None));
}

#[tokio::test]
async fn nothing_of_a_secret_is_in_what_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("env");
    let lines = "DB_PIN=473829105566\nSECRET_KEY=zebra-quartz-canary-19\n\
                 URL=https://canaryuser:zebra-quartz@h/zebra/path?token=zebra-q&sslmode=on#zebra\nTOKEN_TTL=3600\n";
    std::fs::write(&path, lines).unwrap();
    let at = format!("file:{}", path.display());
    for var in ["DB_PIN", "SECRET_KEY", "URL"] {
        let cx = cx_for(5000, &at);
        let parameters = json!({"target": "t", "vars": [var], "pattern": "^nothing$", "min": 1, "allowed": ["x"]});
        let seen = run("env", parameters, &cx).await;
        let all = format!("{seen:?} {:?}", cx.trace().take());
        for part in ["473829", "zebra", "canaryuser"] {
            assert!(!all.contains(part), "{part} in {all}");
        }
    }
    let seen = look(&at, json!({"vars": ["TOKEN_TTL"], "min": 60})).await;
    assert_eq!((said(&seen).0, &seen.facts.unwrap()["integer"]), (Outcome::Pass, &json!(3600)));
}

#[tokio::test]
async fn a_process_that_shows_no_environment_is_not_known() {
    let mut command = std::process::Command::new("/bin/sleep");
    let mut child = command.arg("8879.25").env_clear().spawn().unwrap();
    // It is started before it is the program that it is to be.
    let line = format!("/proc/{}/cmdline", child.id());
    while !std::fs::read_to_string(&line).unwrap_or_default().contains("8879.25") {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let at = format!("pidfile:{}", {
        let file = tempfile::tempdir().unwrap().keep().join("pid");
        std::fs::write(&file, child.id().to_string()).unwrap();
        file.display().to_string()
    });
    let seen = look(&at, json!({"vars": ["X"]})).await;
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(said(&seen), (Outcome::Indeterminate, Some(Reason::NoData)), "{}", seen.verdict.sentence());
}

#[test]
fn static_errors_are_found() {
    let count = |parameters| crate::probe::kinds::find("env").unwrap().parse(parameters).unwrap().findings.0.len();
    assert_eq!(count(json!({})), 2);
    assert_eq!(count(json!({"target": "t", "vars": ["X"], "pattern": "(", "min": 2, "max": 1})), 2);
}
