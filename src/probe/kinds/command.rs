//! A program is run and its exit code judged.
//!
//! A pass proves what the program's exit code proves, no more. There is no shell, the environment
//! holds `PATH`, `LANG` and what is given, and the whole process group is killed at the deadline.
//!
//! It is no security boundary. A descendant that makes a session of its own (`setsid`, a daemon)
//! leaves the group and lives on: the run still ends in time, but what was started again and again
//! adds up on the host. Run what may do that under a supervisor that can end it, such as
//! `systemd-run --wait`, or give the exporter's unit a `TasksMax=`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::expect::Gap;
use crate::model::{Class, Proof, Reason, Timestamp, Verdict};
use crate::probe::guard::sandbox::{self, Job};
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

/// Runs a program without a shell and judges its exit code.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Command {
    /// The program and its arguments.
    argv: Vec<String>,
    /// Environment variables besides `PATH` and `LANG`.
    env: BTreeMap<String, String>,
    /// Working directory.
    cwd: Option<PathBuf>,
    /// Text for its standard input; none: an empty input.
    stdin: Option<String>,
    /// Exit codes that pass.
    exit: Vec<i32>,
    /// Bytes kept of each output stream.
    max_output: usize,
}

impl Default for Command {
    fn default() -> Self {
        Self { argv: Vec::new(), env: BTreeMap::new(), cwd: None, stdin: None, exit: vec![0], max_output: 64 * 1024 }
    }
}

/// How the program ended.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// Null if a signal ended it.
    exit_code: Option<i32>,
    signal: Option<i32>,
    stdout: String,
    stderr: String,
    /// An output stream was longer than kept, or still open when the program had ended.
    truncated: bool,
    /// Which: `stdout`, `stderr`. Conditions on these cannot be evaluated.
    incomplete: Vec<String>,
    /// The standard output, if it is JSON as a whole.
    json: Value,
    duration_s: f64,
}

/// The largest output a leg may ask to keep.
const OUTPUT_CEILING: usize = 4 << 20;

impl Probe for Command {
    const NAME: &'static str = "command";
    const SUMMARY: &'static str = "Runs a program and judges its exit code and output";
    const CLASS: Class = Class::Command;
    type Facts = Facts;

    fn check(&self, findings: &mut Findings) {
        if self.argv.first().is_none_or(String::is_empty) {
            findings.error_with_hint("argv", "no program", "a list: the program, then its arguments");
        }
        if self.exit.is_empty() {
            findings.error("exit", "no exit code would pass");
        }
        if self.max_output > OUTPUT_CEILING {
            findings.error("max_output", format!("at most {OUTPUT_CEILING} bytes can be kept"));
        }
        if self.env.keys().any(|name| name.is_empty() || name.contains(['=', '\0'])) {
            findings.error("env", "a name is empty or holds `=`");
        }
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        let job = Job {
            argv: self.argv.clone(),
            env: self.env.clone(),
            cwd: self.cwd.clone(),
            stdin: self.stdin.clone().map(String::into_bytes),
            max_output: self.max_output.min(OUTPUT_CEILING),
        };
        let ended = sandbox::run(job, cx.deadline()).await?;
        cx.note("exit", format!("{:?} after {:.3} s", ended.exit_code, ended.duration.as_secs_f64()));
        let json = if ended.stdout.truncated { None } else { serde_json::from_slice(&ended.stdout.bytes).ok() };
        let streams = [("stdout", &ended.stdout), ("stderr", &ended.stderr)];
        let incomplete = streams.iter().filter(|(_, stream)| stream.truncated).map(|(name, _)| (*name).to_owned());
        Ok(Facts {
            incomplete: incomplete.collect(),
            exit_code: ended.exit_code,
            signal: ended.signal,
            truncated: ended.stdout.truncated || ended.stderr.truncated,
            json: json.unwrap_or(Value::Null),
            stdout: String::from_utf8_lossy(&ended.stdout.bytes).into_owned(),
            stderr: String::from_utf8_lossy(&ended.stderr.bytes).into_owned(),
            duration_s: ended.duration.as_secs_f64(),
        })
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        let program = self.argv.first().map_or("the program", String::as_str);
        let expected = self.exit.iter().map(i32::to_string).collect::<Vec<_>>().join(" or ");
        let verdict = match facts.exit_code {
            Some(code) if self.exit.contains(&code) => {
                let proof = Proof::of("exit code", &expected, code.to_string());
                Verdict::pass(proof, format!("expected exit code {expected} of {program}, saw {code}"))
            }
            Some(code) => {
                let last = last_line(facts);
                let sentence = format!("expected exit code {expected} of {program}, saw {code}{last}");
                Verdict::fail(Reason::ExitStatus, sentence)
            }
            // Something from outside ended it before it could say anything.
            None => {
                let signal = facts.signal.unwrap_or_default();
                Verdict::indeterminate(
                    Reason::ExitStatus,
                    format!(
                        "expected exit code {expected} of {program}, and signal {signal} ended it before it could say"
                    ),
                )
            }
        };
        verdict.measured("duration_seconds", facts.duration_s, None)
    }

    fn gaps(&self, facts: &Facts) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = ["stdout", "stderr"]
            .into_iter()
            .filter(|field| facts.incomplete.iter().any(|name| name == field))
            .map(|field| {
                let why = format!("more than {} bytes were written, or a descendant still held it", self.max_output);
                Gap { field, why, hides: true }
            })
            .collect();
        if facts.json.is_null() {
            gaps.push(Gap { field: "json", why: "the output is not JSON as a whole".to_owned(), hides: false });
        }
        gaps
    }
}

/// What the program said last, as a tail for a sentence.
fn last_line(facts: &Facts) -> String {
    let line = |text: &str| text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned);
    match line(&facts.stderr).or_else(|| line(&facts.stdout)) {
        Some(line) => format!(": {}", line.trim().chars().take(200).collect::<String>()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
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
        let parse = |parameters| super::super::find("command").unwrap().parse(parameters).unwrap().findings.0.len();
        assert_eq!(parse(json!({})), 1);
        assert_eq!(parse(json!({"argv": ["x"], "exit": [], "max_output": 99_000_000, "env": {"a=b": ""}})), 3);
    }
}
