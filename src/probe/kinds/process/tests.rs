//! Real processes of this host.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::*;
use crate::model::Outcome;
use crate::probe::fixture::{cx, run};

struct Sleeper(Child);

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sleeper(mark: &str) -> Sleeper {
    let script = "exec sleep \"$1\"";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "sh", mark]).stdout(Stdio::null());
    let sleeper = Sleeper(command.spawn().unwrap());
    // Until exec, the command line is still that of the shell.
    for _ in 0..500 {
        let name = std::fs::read_to_string(format!("/proc/{}/comm", sleeper.0.id())).unwrap_or_default();
        if name.trim() == "sleep" {
            return sleeper;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("sleep did not start");
}

async fn look(parameters: Value) -> crate::probe::Observation {
    run("process", parameters, &cx(5000)).await
}

#[tokio::test]
async fn real_processes_are_counted_and_described() {
    let (first, second) = (sleeper("7654.25"), sleeper("7654.25"));
    let seen = look(json!({"match": "^sleep 7654\\.25$", "min": 2, "max": 2})).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
    let facts: Facts = serde_json::from_value(seen.facts.unwrap()).unwrap();
    assert_eq!((facts.count, facts.processes[0].name.as_str()), (2, "sleep"));
    assert!(facts.processes.iter().any(|seen| seen.pid == first.0.id() && seen.ppid == std::process::id()));
    assert!(facts.processes.iter().all(|seen| seen.age_s < 600.0 && seen.threads == 1));
    drop(second);
    let seen = look(json!({"match": "^sleep 7654\\.25$", "min": 2})).await;
    assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Fail, Some(Reason::Missing)));
    let seen = look(json!({"match": "^sleep 7654\\.25$", "min": 0, "max": 0})).await;
    assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Fail, Some(Reason::Assertion)));
}

#[tokio::test]
async fn the_exporter_sees_itself() {
    let own = std::fs::read_to_string("/proc/self/cmdline").unwrap();
    let program = regex::escape(own.split('\0').next().unwrap());
    let seen = look(json!({ "match": format!("^{program}") })).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
    let facts: Facts = serde_json::from_value(seen.facts.unwrap()).unwrap();
    assert!(facts.processes.iter().any(|seen| seen.pid == std::process::id() && seen.open_fds.is_some()));
}

#[tokio::test]
async fn a_pid_file_names_one_process_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pid");
    std::fs::write(&path, format!("{}\n", std::process::id())).unwrap();
    assert_eq!(look(json!({"pidfile": path})).await.verdict.outcome(), Outcome::Pass);
    std::fs::write(&path, "4194999").unwrap();
    assert_eq!(look(json!({"pidfile": path})).await.verdict.reason(), Some(Reason::Missing));
    std::fs::write(&path, "not a pid").unwrap();
    let seen = look(json!({"pidfile": path})).await;
    assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Indeterminate, Some(Reason::Invalid)));
}

#[test]
fn what_may_not_be_seen_is_not_absent() {
    let judge = |parameters: Value, count, hidden| {
        let process: Process = serde_json::from_value(parameters).unwrap();
        let verdict = process.judge(&Facts { count, hidden, ..Facts::default() }, crate::probe::fixture::NOW);
        (verdict.outcome(), verdict.reason())
    };
    let unsure = (Outcome::Indeterminate, Some(Reason::PermissionDenied));
    assert_eq!(judge(json!({"match": "x"}), 0, true), unsure);
    assert_eq!(judge(json!({"match": "x", "min": 0, "max": 0}), 0, true), unsure);
    assert_eq!(judge(json!({"match": "x"}), 1, true).0, Outcome::Pass);
    assert_eq!(judge(json!({"match": "x", "max": 1}), 2, true), (Outcome::Fail, Some(Reason::Assertion)));
    assert_eq!(judge(json!({"match": "x"}), 0, false), (Outcome::Fail, Some(Reason::Missing)));
}

#[test]
fn static_errors_are_found() {
    let count = |parameters| crate::probe::kinds::find("process").unwrap().parse(parameters).unwrap().findings.0.len();
    assert_eq!(count(json!({})), 1);
    assert_eq!(count(json!({"match": "("})), 1);
    assert_eq!(count(json!({"match": "a{500000}"})), 1);
    assert_eq!(count(json!({"match": "x", "pidfile": "/x", "min": 3, "max": 2})), 2);
}

/// A process with a mark that no other test uses.
fn marked(mark: &str, value: &str, program: &[&str]) -> Sleeper {
    let (first, rest) = program.split_first().unwrap();
    let mut command = Command::new(first);
    let sleeper = Sleeper(command.args(rest).env(mark, value).stdout(Stdio::null()).spawn().unwrap());
    for _ in 0..500 {
        let environment = std::fs::read(format!("/proc/{}/environ", sleeper.0.id())).unwrap_or_default();
        let name = std::fs::read_to_string(format!("/proc/{}/comm", sleeper.0.id())).unwrap_or_default();
        if environment.windows(mark.len()).any(|window| window == mark.as_bytes()) && name.trim() == "sleep" {
            return sleeper;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("{program:?} did not start");
}

async fn judged(parameters: Value) -> (Outcome, Option<Reason>, String) {
    let seen = look(json!({ "marked": parameters })).await;
    (seen.verdict.outcome(), seen.verdict.reason(), seen.verdict.sentence().to_owned())
}

#[tokio::test]
async fn marked_processes_are_held_against_their_daemon() {
    const MARK: &str = "READINESS_TEST_DAEMON_MARK";
    let run = |must: &str, daemon: &str| judged(json!({ "by": [MARK], "daemon": daemon, "must": [must] }));
    let old = marked(MARK, "1", &["sleep", "7655.5"]);
    std::thread::sleep(std::time::Duration::from_millis(50));
    let daemon = sleeper("7655.25");
    let (outcome, reason, said) = run("start_after_daemon", "^sleep 7655\\.25$").await;
    assert_eq!((outcome, reason), (Outcome::Fail, Some(Reason::Assertion)), "{said}");
    assert!(
        said.contains(&format!("process {} (sleep)", old.0.id())) && !said.contains("READINESS_TEST_DAEMON_MARK=1")
    );
    drop(old);
    let young = marked(MARK, "1", &["sleep", "7655.5"]);
    assert_eq!(run("start_after_daemon", "^sleep 7655\\.25$").await.0, Outcome::Pass);
    // Both are children of this process: the daemon is no parent of the other, but this process is.
    let (outcome, _, said) = run("child_of_daemon", "^sleep 7655\\.25$").await;
    assert_eq!(outcome, Outcome::Fail, "{said}");
    let patient = json!({ "by": [MARK], "daemon": "^sleep 7655\\.25$", "must": ["child_of_daemon"], "grace_s": 600 });
    assert_eq!(judged(patient).await.0, Outcome::Pass);
    drop((young, daemon));
    let (outcome, reason, said) = run("start_after_daemon", "^sleep 7655\\.25$").await;
    assert_eq!((outcome, reason), (Outcome::Indeterminate, Some(Reason::NoData)), "{said}");
}

#[tokio::test]
async fn agents_that_share_are_told() {
    const MARK: &str = "READINESS_TEST_SHARE_MARK";
    let base = tempfile::tempdir().unwrap();
    let run = |must: &str| {
        judged(json!({ "by": [MARK], "must": [must], "base": base.path(), "daemon": "^sleep 7656\\.25$" }))
    };
    let _daemon = sleeper("7656.25");
    assert_eq!(run("own_session").await.1, Some(Reason::NoData), "nothing runs");
    let folder = |name: &str| {
        let folder = base.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder.display().to_string()
    };
    let in_folder = |name: &str, value: &str| {
        let script = format!("cd {} && exec setsid sleep 7656.5", folder(name));
        marked(MARK, value, &["/bin/sh", "-c", &script])
    };
    let one = in_folder("a", "1");
    let same = in_folder("a", "1");
    let two = in_folder("b", "2");
    assert_eq!(run("own_session").await.0, Outcome::Pass);
    assert_eq!(run("own_directory").await.0, Outcome::Pass);
    let (outcome, _, said) = run("own_terminal").await;
    assert_eq!(outcome, Outcome::Fail);
    assert!(said.contains("without a terminal"), "{said}");
    std::os::unix::fs::symlink("/etc", base.path().join("b/out")).unwrap();
    let (outcome, _, said) = run("own_directory").await;
    assert!(outcome == Outcome::Fail && said.contains("b/out"), "{said}");
    std::fs::remove_file(base.path().join("b/out")).unwrap();
    let three = in_folder("b", "3");
    let (outcome, _, said) = run("own_directory").await;
    assert!(outcome == Outcome::Fail && said.contains("same folder"), "{said}");
    drop(three);
    let away = marked(MARK, "4", &["/bin/sh", "-c", "cd / && exec sleep 7656.5"]);
    let (outcome, _, said) = run("own_directory").await;
    assert!(outcome == Outcome::Fail && said.contains("not in a folder below"), "{said}");
    let shared = marked(MARK, "5", &["/bin/sh", "-c", "exec sleep 7656.5"]);
    let (outcome, _, said) = run("own_session").await;
    assert!(outcome == Outcome::Fail && said.contains("same session"), "{said}");
    drop((one, same, two, away, shared));
}
