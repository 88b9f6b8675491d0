//! A program is run and its exit code judged; where asked for, its version and its output too.
//!
//! A pass proves what the program's exit code proves, no more. There is no shell, the environment
//! holds `PATH`, `LANG` and what is given, and the whole process group is killed at the deadline.
//!
//! It is no security boundary. A descendant that makes a session of its own (`setsid`, a daemon)
//! leaves the group and lives on: the run still ends in time, but what was started again and again
//! adds up on the host. Run what may do that under a supervisor that can end it, such as
//! `systemd-run --wait`, or give the exporter's unit a `TasksMax=`.

mod newest;
mod output;
mod reference;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::expect::Gap;
use crate::model::{Access, Class, Proof, Reason, Timestamp, Verdict};
use crate::probe::guard::lane::Lane;
use crate::probe::guard::sandbox::{self, Job};
use crate::probe::kinds::process::pattern;
use crate::probe::line::line;
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

use reference::{Reference, Values};

/// Runs a program without a shell and judges its exit code.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Command {
    /// The program and its arguments.
    argv: Vec<String>,
    /// Environment variables besides `PATH` and `LANG`.
    env: BTreeMap<String, String>,
    /// Absolute path in which `*`, `?` and `[…]` stand for parts of one name: `{newest}` in `argv` is the
    /// newest file that it matches. That there is none fails the check.
    newest: Option<String>,
    /// Working directory.
    cwd: Option<PathBuf>,
    /// Text for its standard input; none: an empty input.
    stdin: Option<String>,
    /// Exit codes that pass.
    exit: Vec<i32>,
    /// Bytes kept of each output stream.
    max_output: usize,
    /// A program that runs the program, put before `argv`, such as `[docker, exec, control-plane]`. Its own
    /// failures cannot be told from those of the program: only 126 and 127 mean that it is not there.
    via: Vec<String>,
    /// The program itself is what is looked for: that it is not there fails the check.
    missing_fails: bool,
    /// The first dotted number on the standard output must be at least this, such as `18.0.0`.
    min_version: Option<String>,
    /// Regular expression with one group; what the group matches on the standard output becomes `found`.
    extract: Option<String>,
    /// Each of these must be among what was found.
    find: Vec<String>,
    /// What was found must be the same values as those of this reference, in any order.
    same_as: Option<String>,
    /// Name of a target whose address is handed to the program, and which is asked for `references`.
    target: Option<String>,
    /// The environment variable that holds the address of the target.
    address_in: Option<String>,
    /// Environment variables that hold a secret: the name of a credential for each.
    secret_env: BTreeMap<String, String>,
    /// Values that the target gives over HTTP, to compare the output with. It is asked before the program
    /// runs and again after it; if the answers differ, nothing is judged.
    references: Vec<Reference>,
    /// What the program does: read, authenticate or mutate.
    does: Does,
    #[serde(skip)]
    #[schemars(skip)]
    lane: Lane,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Does {
    #[default]
    Read,
    /// It tries a login that is meant to be refused: at most once an hour.
    Authenticate,
    /// It changes something: it runs only where that was enabled.
    Mutate,
}

impl Default for Command {
    fn default() -> Self {
        Self {
            argv: Vec::new(),
            env: BTreeMap::new(),
            newest: None,
            lane: Lane::default(),
            cwd: None,
            stdin: None,
            exit: vec![0],
            max_output: 64 * 1024,
            via: Vec::new(),
            missing_fails: false,
            min_version: None,
            extract: None,
            find: Vec::new(),
            same_as: None,
            target: None,
            address_in: None,
            secret_env: BTreeMap::new(),
            references: Vec::new(),
            does: Does::default(),
        }
    }
}

/// How the program ended.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// Null if a signal ended it.
    exit_code: Option<i32>,
    signal: Option<i32>,
    /// Without colours, like `stderr`.
    stdout: String,
    stderr: String,
    /// The first dotted number on the standard output.
    version: Option<String>,
    /// What `extract` found, in order; with more than 1000, conditions on this field cannot be evaluated.
    found: Vec<String>,
    /// What the target gave, by the name of the reference.
    references: Values,
    /// An output stream was longer than kept, or still open when the program had ended.
    truncated: bool,
    /// Which: `stdout`, `stderr`. Conditions on these cannot be evaluated, nor those on what comes from them.
    incomplete: Vec<String>,
    /// The standard output, if it is JSON as a whole.
    json: Value,
    duration_s: f64,
}

/// The largest output a leg may ask to keep.
const OUTPUT_CEILING: usize = 4 << 20;
/// Matches kept of `extract`.
const FOUND: usize = 1000;
/// What a shell, and those who run programs like it, say of a program that cannot be run or is not there.
const NOT_THERE: [i32; 2] = [126, 127];

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
        let names = self.env.keys().chain(self.secret_env.keys()).chain(&self.address_in);
        if names.into_iter().any(|name| name.is_empty() || name.contains(['=', '\0'])) {
            findings.error("env", "a name is empty or holds `=`");
        }
        if self.min_version.as_deref().is_some_and(|least| output::at_least(least, least).is_none()) {
            findings.error_with_hint("min_version", "this is no version", "numbers joined by dots, in quotes");
        }
        match self.extract.as_deref().map(pattern) {
            Some(Err(problem)) => findings.error("extract", problem),
            Some(Ok(found)) if found.captures_len() != 2 => findings.error("extract", "exactly one group is needed"),
            _ => {}
        }
        if self.extract.is_none() && (!self.find.is_empty() || self.same_as.is_some()) {
            findings.error("extract", "no pattern says what is found");
        }
        if let Some(name) = &self.same_as
            && self.references.iter().all(|reference| reference.name != *name)
        {
            findings.error("same_as", format!("there is no reference `{name}`"));
        }
        if self.target.is_none() && (self.address_in.is_some() || !self.references.is_empty()) {
            findings.error("target", "no target");
        }
        if self.missing_fails && self.cwd.is_some() {
            findings.error("cwd", "a missing folder could not be told from a missing program");
        }
        match self.newest.as_deref().map(newest::check) {
            Some(Err(why)) => findings.error("newest", why),
            None if self.argv.iter().any(|text| text.contains(newest::PLACE)) => {
                findings.error("newest", "no pattern says of which files");
            }
            _ => {}
        }
        reference::check(&self.references, findings);
    }

    fn access(&self) -> Access {
        match self.does {
            Does::Read => Access::Read,
            Does::Authenticate => Access::Authenticates,
            Does::Mutate => Access::Mutates,
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn credentials(&self) -> Vec<&str> {
        self.secret_env.values().map(String::as_str).chain(reference::credentials(&self.references)).collect()
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        let extract: Option<Regex> =
            self.extract.as_deref().map(pattern).transpose().map_err(ProbeError::unconfigured)?;
        let references = reference::ask(&self.references, cx).await?;
        let job = self.job(cx, &references).await?;
        let ended = sandbox::run(job, cx.deadline()).await?;
        if references != reference::ask(&self.references, cx).await? {
            let detail = "the target answered differently before and after the program ran";
            return Err(ProbeError::observer(Reason::Other, detail));
        }
        cx.note("exit", format!("{:?} after {:.3} s", ended.exit_code, ended.duration.as_secs_f64()));
        let json = if ended.stdout.truncated { None } else { serde_json::from_slice(&ended.stdout.bytes).ok() };
        let streams = [("stdout", &ended.stdout), ("stderr", &ended.stderr)];
        let incomplete = streams.iter().filter(|(_, stream)| stream.truncated).map(|(name, _)| (*name).to_owned());
        let stdout = output::plain(&ended.stdout.bytes);
        Ok(Facts {
            version: output::version(&stdout, ended.stdout.truncated),
            found: extract.map(|pattern| output::extract(&stdout, &pattern, FOUND + 1)).unwrap_or_default(),
            references,
            incomplete: incomplete.collect(),
            exit_code: ended.exit_code,
            signal: ended.signal,
            truncated: ended.stdout.truncated || ended.stderr.truncated,
            json: json.unwrap_or(Value::Null),
            stderr: output::plain(&ended.stderr.bytes),
            stdout,
            duration_s: ended.duration.as_secs_f64(),
        })
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        let program = self.program();
        let expected = self.exit.iter().map(i32::to_string).collect::<Vec<_>>().join(" or ");
        let saw = |code: i32| format!("expected exit code {expected} of {program}, saw {code}");
        let verdict = match facts.exit_code {
            // Of another code nobody knows whose it is.
            Some(code) if self.exit.contains(&code) && (code == 0 || self.via.is_empty()) => {
                match self.too_old(facts).or_else(|| self.differs(facts)) {
                    Some(verdict) => verdict,
                    None => Verdict::pass(Proof::of("exit code", &expected, code.to_string()), saw(code)),
                }
            }
            Some(code) if self.via.is_empty() => Verdict::fail(Reason::ExitStatus, saw(code) + &last_line(facts)),
            Some(code) if self.missing_fails && NOT_THERE.contains(&code) => Verdict::fail(
                Reason::Missing,
                format!("expected {program} to be there, saw that it is not{}", last_line(facts)),
            ),
            Some(code) => {
                let via = self.via.first().map_or("", String::as_str);
                let sentence = format!("{}, which may be {via}'s own{}", saw(code), last_line(facts));
                Verdict::indeterminate(Reason::ExitStatus, sentence)
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
        let cut = facts.incomplete.iter().any(|name| name == "stdout");
        if cut || facts.found.len() > FOUND {
            let why = format!("the output was not read to its end, or has more than {FOUND} matches");
            gaps.push(Gap { field: "found", why, hides: true });
        }
        if facts.json.is_null() {
            gaps.push(Gap { field: "json", why: "the output is not JSON as a whole".to_owned(), hides: false });
        }
        gaps
    }

    fn judge_error(&self, error: &ProbeError) -> Verdict {
        // The program was looked for on this host, and the system says that there is none.
        let of_its_own = self.newest.is_none() && self.secret_env.is_empty() && self.references.is_empty();
        if self.missing_fails && of_its_own && self.via.is_empty() && error.reason == Reason::Missing {
            let sentence = format!("expected {} to be there, saw that it is not: {}", self.program(), error.detail);
            return Verdict::fail(Reason::Missing, sentence);
        }
        error.verdict()
    }
}

impl Command {
    fn program(&self) -> &str {
        self.argv.first().map_or("the program", String::as_str)
    }

    async fn job(&self, cx: &ProbeCx, references: &Values) -> Result<Job, ProbeError> {
        let filled = |text: &String| reference::filled(text, references);
        let mut own = self.argv.iter().map(filled).collect::<Result<Vec<_>, _>>()?;
        if let Some(pattern) = &self.newest {
            let path = newest::find(pattern, &self.lane, cx).await?;
            own.iter_mut().for_each(|text| *text = text.replace(newest::PLACE, &path));
        }
        let mut env = self.env.clone();
        if let Some(name) = &self.address_in {
            env.insert(name.clone(), cx.target()?.address.to_string());
        }
        for (name, credential) in &self.secret_env {
            env.insert(name.clone(), cx.credential(credential).await?.expose().to_owned());
        }
        Ok(Job {
            argv: self.via.iter().cloned().chain(own).collect(),
            env,
            cwd: self.cwd.clone(),
            stdin: self.stdin.clone().map(String::into_bytes),
            max_output: self.max_output.min(OUTPUT_CEILING),
        })
    }

    /// What is wrong with what was found, if it is compared.
    fn differs(&self, facts: &Facts) -> Option<Verdict> {
        if self.find.is_empty() && self.same_as.is_none() {
            return None;
        }
        let program = self.program();
        if facts.incomplete.iter().any(|name| name == "stdout") || facts.found.len() > FOUND {
            let sentence = format!("the output of {program} was not read to its end, so it cannot be compared");
            return Some(Verdict::indeterminate(Reason::TooLarge, sentence));
        }
        let same = self.same_as.as_ref().and_then(|name| facts.references.get(name));
        let found: BTreeSet<&String> = facts.found.iter().collect();
        let absent = self.find.iter().chain(same.into_iter().flatten()).find(|value| !found.contains(value));
        let surplus = same.and_then(|same| found.iter().find(|value| !same.contains(value)).copied());
        let sentence = match (absent, surplus) {
            (Some(value), _) => {
                format!("expected `{value}` in the output of {program}, saw {} values without it", found.len())
            }
            (None, Some(value)) => format!("the output of {program} has `{value}`, which the target does not have"),
            (None, None) => return None,
        };
        Some(Verdict::fail(Reason::Assertion, sentence + &last_line(facts)))
    }

    /// What is wrong with the version, if one is asked for.
    fn too_old(&self, facts: &Facts) -> Option<Verdict> {
        let least = self.min_version.as_deref()?;
        let expected = format!("expected {} of version {least} or newer", self.program());
        let Some(version) = &facts.version else {
            return Some(Verdict::indeterminate(Reason::NoData, format!("{expected}, saw no version in its output")));
        };
        match output::at_least(version, least) {
            Some(true) => None,
            Some(false) => Some(Verdict::fail(Reason::Assertion, format!("{expected}, saw {version}"))),
            None => Some(Verdict::indeterminate(Reason::Invalid, format!("{expected}, saw {version}, which is none"))),
        }
    }
}

/// What the program said last, as a tail for a sentence.
fn last_line(facts: &Facts) -> String {
    let last = |text: &str| text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned);
    match last(&facts.stderr).or_else(|| last(&facts.stdout)) {
        Some(last) => format!(": {}", line(last.trim(), 200)),
        None => String::new(),
    }
}
