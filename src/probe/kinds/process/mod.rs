//! Processes of this host, found by command line or pid file.
//!
//! A pass proves that so many were there at that moment. What the exporter is not permitted to
//! see of a process, such as its open files, is named in the facts and is no failure.

pub(in crate::probe::kinds) mod proc;

use std::path::PathBuf;

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expect::Gap;
use crate::model::{Class, Proof, Reason, Timestamp, Verdict};
use crate::probe::guard::lane::Lane;
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

use proc::Which;

/// Counts and describes processes of this host.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Process {
    /// Regular expression on the command line (arguments joined by spaces).
    #[serde(rename = "match")]
    pattern: Option<String>,
    /// Instead of `match`: a file that holds the process id. Whatever runs under that id counts.
    pidfile: Option<PathBuf>,
    /// At least so many.
    min: usize,
    /// At most so many.
    max: Option<usize>,
    #[serde(skip)]
    #[schemars(skip)]
    lane: Lane,
}

impl Default for Process {
    fn default() -> Self {
        Self { pattern: None, pidfile: None, min: 1, max: None, lane: Lane::default() }
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    count: usize,
    /// At most 64 of them, by id; with more, conditions on this field cannot be evaluated.
    processes: Vec<Seen>,
    /// The exporter may not see all processes of this host, so there may be more.
    hidden: bool,
}

/// One process.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Seen {
    pid: u32,
    ppid: u32,
    /// The name of its program, cut to 15 bytes by the kernel.
    name: String,
    uid: u32,
    age_s: f64,
    threads: u64,
    rss_bytes: u64,
    /// Null if the exporter is not permitted to see them.
    open_fds: Option<u64>,
    max_fds: Option<u64>,
    /// R, S, D, T or Z.
    state: String,
    /// TCP ports it listens on; null if the exporter is not permitted to see them.
    listening: Option<Vec<u16>>,
    session: u32,
    /// Whether it has a terminal.
    tty: bool,
    /// What the exporter was not permitted to see.
    unreadable: Vec<String>,
}

/// Described in the facts; the count goes on.
const DESCRIBED: usize = 64;
/// Compiled size of a pattern.
const PATTERN_BYTES: usize = 1 << 20;

/// A pattern on a command line, with a bound on what it may cost.
pub(in crate::probe::kinds) fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text).size_limit(PATTERN_BYTES).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
        error => error.to_string().lines().last().unwrap_or("the pattern is malformed").trim().to_owned(),
    })
}

impl Probe for Process {
    const NAME: &'static str = "process";
    const SUMMARY: &'static str = "Counts and describes processes of this host";
    const CLASS: Class = Class::Blocking;
    type Facts = Facts;

    fn check(&self, findings: &mut Findings) {
        match (&self.pattern, &self.pidfile) {
            (Some(text), None) => {
                if let Err(problem) = pattern(text) {
                    findings.error("match", problem);
                }
            }
            (None, Some(_)) => {}
            _ => findings.error("match", "exactly one of `match` and `pidfile` is needed"),
        }
        if self.max.is_some_and(|max| max < self.min) {
            findings.error("max", "the maximum is below the minimum");
        }
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        let which = self.which()?;
        let look = move || {
            let found = proc::find(&which)?;
            let processes = found.pids.iter().take(DESCRIBED).filter_map(|pid| proc::describe(*pid)).collect();
            Ok(Facts { count: found.pids.len(), processes, hidden: found.hidden })
        };
        self.lane.run(cx, "/proc", look).await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        let count = facts.count;
        let bounds = match self.max {
            Some(max) if max == self.min => format!("{max}"),
            Some(max) => format!("{} to {max}", self.min),
            None => format!("at least {}", self.min),
        };
        let noun = if count == 1 { "process" } else { "processes" };
        let sentence = format!("expected {bounds} matching {}, saw {count} {noun}", self.what());
        let unsure = facts.hidden && (count < self.min || self.max.is_some());
        let verdict = if self.max.is_some_and(|max| count > max) {
            Verdict::fail(Reason::Assertion, sentence)
        } else if unsure {
            let sentence = format!("{sentence}, but the exporter may not see all processes of this host");
            Verdict::indeterminate(Reason::PermissionDenied, sentence)
        } else if count < self.min {
            Verdict::fail(Reason::Missing, sentence)
        } else {
            Verdict::pass(Proof::of("processes", bounds, count.to_string()), sentence)
        };
        verdict.measured("processes", count as f64, Some(self.min as f64))
    }

    fn gaps(&self, facts: &Facts) -> Vec<Gap> {
        if facts.count <= DESCRIBED {
            return Vec::new();
        }
        let why = format!("there are {} processes and {DESCRIBED} are described", facts.count);
        vec![Gap { field: "processes", why, hides: true }]
    }
}

impl Process {
    fn which(&self) -> Result<Which, ProbeError> {
        match (&self.pattern, &self.pidfile) {
            (Some(text), None) => pattern(text).map(Which::Matching).map_err(ProbeError::unconfigured),
            (None, Some(path)) => Ok(Which::PidFile(path.clone())),
            _ => Err(ProbeError::unconfigured("exactly one of `match` and `pidfile` is needed")),
        }
    }

    fn what(&self) -> String {
        match (&self.pattern, &self.pidfile) {
            (Some(text), _) => format!("`{text}`"),
            (None, Some(path)) => path.display().to_string(),
            (None, None) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
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
        let count =
            |parameters| crate::probe::kinds::find("process").unwrap().parse(parameters).unwrap().findings.0.len();
        assert_eq!(count(json!({})), 1);
        assert_eq!(count(json!({"match": "("})), 1);
        assert_eq!(count(json!({"match": "a{500000}"})), 1);
        assert_eq!(count(json!({"match": "x", "pidfile": "/x", "min": 3, "max": 2})), 2);
    }
}
