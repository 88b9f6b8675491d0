//! Processes of this host, found by command line, pid file or environment, or the ports on which
//! the host listens.
//!
//! A pass proves that so many were there at that moment. What the exporter is not permitted to
//! see of a process, such as its open files, is named in the facts and is no failure.

mod listeners;
mod marked;
pub(in crate::probe::kinds) mod proc;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use listeners::Listener;
use marked::Marked;
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
    /// Instead of `match`: processes with a mark in their environment, and what must hold for each.
    marked: Option<Marked>,
    /// Instead of `match`: the TCP ports on which this host may listen on other than loopback
    /// addresses.
    only_ports: Option<Vec<u16>>,
    /// At least so many. Neither it nor `max` is for `marked` or `only_ports`.
    min: usize,
    /// At most so many.
    max: Option<usize>,
    #[serde(skip)]
    #[schemars(skip)]
    lane: Lane,
}

impl Default for Process {
    fn default() -> Self {
        Self { pattern: None, pidfile: None, marked: None, only_ports: None, min: 1, max: None, lane: Lane::default() }
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    count: usize,
    /// At most 64 of them, by id; with more, conditions on this field cannot be evaluated.
    processes: Vec<Seen>,
    /// The exporter may not see all processes of this host, so there may be more.
    hidden: bool,
    /// Of `marked`: different marks.
    agents: usize,
    /// Of `marked`: process id of the daemon.
    daemon: Option<u32>,
    /// Of `marked`: what does not hold, at most 32 of them.
    faults: Vec<String>,
    /// Of `marked`: how many do not hold.
    fault_count: usize,
    /// Of `only_ports`: all sockets that listen.
    listeners: Vec<Listener>,
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
    /// Seconds after the start of the machine.
    started_s: f64,
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
    /// The number of its terminal; 0 if it has none.
    tty_number: u32,
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
    const SUMMARY: &'static str = "Counts and describes processes of this host, or the ports on which it listens";
    const CLASS: Class = Class::Blocking;
    type Facts = Facts;

    fn check(&self, findings: &mut Findings) {
        if let Some(Err(problem)) = self.pattern.as_deref().map(pattern) {
            findings.error("match", problem);
        }
        if let Some(marked) = &self.marked {
            marked.check(findings);
        }
        let ways = [self.pattern.is_some(), self.pidfile.is_some(), self.marked.is_some(), self.only_ports.is_some()];
        if ways.into_iter().filter(|way| *way).count() != 1 {
            findings.error("match", "exactly one of `match`, `pidfile`, `marked` and `only_ports` is needed");
        }
        if self.max.is_some_and(|max| max < self.min) {
            findings.error("max", "the maximum is below the minimum");
        }
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        if self.only_ports.is_some() {
            return self.lane.run(cx, "/proc", listeners::look).await;
        }
        if let Some(marked) = self.marked.clone() {
            return self.lane.run(cx, "/proc", move || marked.look()).await;
        }
        let which = self.which()?;
        let look = move || {
            let found = proc::find(&which)?;
            let processes = found.pids.iter().take(DESCRIBED).filter_map(|pid| proc::describe(*pid)).collect();
            Ok(Facts { count: found.pids.len(), processes, hidden: found.hidden, ..Facts::default() })
        };
        self.lane.run(cx, "/proc", look).await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        if let Some(only) = &self.only_ports {
            return listeners::judge(only, facts);
        }
        let count = facts.count;
        if let Some(marked) = &self.marked {
            return marked.judge(facts).measured("processes", count as f64, None);
        }
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

    /// What was not looked at must not be taken for what is not there, nor a part for the whole.
    fn gaps(&self, facts: &Facts) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut hide = |fields: &[&'static str], why: String| {
            gaps.extend(fields.iter().map(|field| Gap { field, why: why.clone(), hides: true }));
        };
        if self.only_ports.is_some() {
            hide(&["count", "processes", "hidden"], "`only_ports` looks at no process".to_owned());
        } else {
            hide(&["listeners"], "`only_ports` is not given".to_owned());
        }
        if self.marked.is_none() {
            hide(&["agents", "daemon", "faults", "fault_count"], "`marked` is not given".to_owned());
        }
        if facts.count > DESCRIBED {
            hide(&["processes"], format!("there are {} processes and {DESCRIBED} are described", facts.count));
        }
        gaps
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
