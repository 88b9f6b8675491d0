//! Processes that carry a mark in their environment, such as the agents of a runtime: whose they
//! are, and what they share.
//!
//! Values of variables are compared and dropped. A process that scrubs its environment is not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Facts, Seen, pattern, proc};
use crate::model::{Proof, Reason, Verdict};
use crate::probe::{Findings, ProbeError};

/// Entries of workspaces looked at for symbolic links.
const ENTRIES: usize = 4096;
/// Faults told; the count goes on.
const TOLD: usize = 32;

/// Processes found by their environment.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Marked {
    /// Names of variables; a process that has one of them is marked. Those with the same values are
    /// one agent.
    by: Vec<String>,
    /// Regular expression on the command line of the daemon they belong to; of several, the youngest
    /// counts. Then only processes of its user are looked at.
    daemon: Option<String>,
    /// What must hold for each of them.
    must: Vec<Must>,
    /// Seconds that `child_of_daemon` waits: a younger process is not judged by it.
    grace_s: u32,
    /// Folder below which `own_directory` wants each of them, in a folder of its own.
    base: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Must {
    /// It was started after the daemon.
    StartAfterDaemon,
    /// The daemon is its parent, or a parent of that.
    ChildOfDaemon,
    /// No process of another agent is in its session.
    OwnSession,
    /// It has a terminal, and no other agent has the same one.
    OwnTerminal,
    /// It works in a folder below `base` that no other agent works in, and from which no symbolic
    /// link of its first two levels leads out.
    OwnDirectory,
}

impl Must {
    fn as_text(self) -> &'static str {
        match self {
            Must::StartAfterDaemon => "have started after its daemon",
            Must::ChildOfDaemon => "be below its daemon",
            Must::OwnSession => "have a session of its own",
            Must::OwnTerminal => "have a terminal of its own",
            Must::OwnDirectory => "work in a folder of its own",
        }
    }
}

/// One process, and which agent it belongs to.
struct Member {
    seen: Seen,
    agent: usize,
}

impl Marked {
    pub(super) fn check(&self, findings: &mut Findings) {
        if self.by.is_empty() {
            findings.error("marked.by", "at least one variable is needed");
        }
        if self.must.is_empty() {
            findings.error("marked.must", "say what must hold");
        }
        if let Some(Err(problem)) = self.daemon.as_deref().map(pattern) {
            findings.error("marked.daemon", problem);
        }
        if self.about_the_daemon() && self.daemon.is_none() {
            findings.error("marked.daemon", "say how the daemon is found");
        }
        let base = self.base.as_deref();
        if self.must.contains(&Must::OwnDirectory) && !base.is_some_and(Path::is_absolute) {
            findings.error("marked.base", "an absolute path is needed");
        }
    }

    fn about_the_daemon(&self) -> bool {
        self.must.iter().any(|must| matches!(must, Must::StartAfterDaemon | Must::ChildOfDaemon))
    }

    /// Call it on a blocking thread only.
    pub(super) fn look(&self) -> Result<Facts, ProbeError> {
        let daemon = self.daemon.as_deref().map(pattern).transpose().map_err(ProbeError::unconfigured)?;
        let (all, mut hidden) = proc::all(Path::new("/proc"))?;
        let mut marks: BTreeMap<u32, Vec<Option<String>>> = BTreeMap::new();
        let mut unread = Vec::new();
        // The first process of the machine is nobody's agent, and often not to be looked into.
        for pid in all.into_iter().filter(|pid| *pid != 1) {
            match proc::environment(pid) {
                Ok(mut environment) => {
                    let own: Vec<Option<String>> = self.by.iter().map(|name| environment.remove(name)).collect();
                    if own.iter().any(Option::is_some) {
                        marks.insert(pid, own);
                    }
                }
                Err(error) if matches!(error.reason, Reason::PermissionDenied | Reason::TooLarge) => unread.push(pid),
                // A thread of the kernel, or gone.
                Err(_) => {}
            }
        }
        let daemon = daemon.and_then(|daemon| youngest(&daemon, &marks));
        let user = daemon.as_ref().map(|daemon| daemon.uid);
        hidden |= unread.iter().any(|pid| user.is_none() || proc::user(*pid).is_some_and(|uid| Some(uid) == user));
        let agents: BTreeSet<&Vec<Option<String>>> = marks.values().collect();
        let members: Vec<Member> = marks
            .iter()
            .filter_map(|(pid, own)| {
                let seen = proc::describe(*pid).filter(|seen| seen.state != "Z")?;
                Some(Member { agent: agents.iter().position(|agent| *agent == own)?, seen })
            })
            .collect();
        let mut faults = Faults::default();
        for must in &self.must {
            match must {
                Must::StartAfterDaemon => faults.older(&members, daemon.as_ref()),
                Must::ChildOfDaemon => faults.strangers(&members, daemon.as_ref(), f64::from(self.grace_s)),
                Must::OwnSession => faults.shared("session", &members, |seen| Some(u64::from(seen.session))),
                Must::OwnTerminal => faults.terminals(&members),
                Must::OwnDirectory => hidden |= faults.directories(&members, self.base.as_deref()),
            }
        }
        Ok(Facts {
            count: members.len(),
            agents: members.iter().map(|member| member.agent).collect::<BTreeSet<_>>().len(),
            daemon: daemon.map(|daemon| daemon.pid),
            faults: faults.told,
            fault_count: faults.count,
            hidden,
            processes: members.into_iter().map(|member| member.seen).take(super::DESCRIBED).collect(),
            ..Facts::default()
        })
    }

    pub(super) fn judge(&self, facts: &Facts) -> Verdict {
        let (names, count) = (self.by.join(" or "), facts.count);
        let musts = self.must.iter().map(|must| must.as_text()).collect::<Vec<_>>().join(", ");
        let expected = format!("expected every process with {names} in its environment to {musts}");
        if let Some(first) = facts.faults.first() {
            let more = match facts.fault_count.saturating_sub(1) {
                0 => String::new(),
                1 => ", and one fault more".to_owned(),
                more => format!(", and {more} faults more"),
            };
            return Verdict::fail(Reason::Assertion, format!("{expected}, saw {first}{more}"));
        }
        if facts.hidden {
            let sentence = format!("{expected}, but the exporter may not see all of them");
            return Verdict::indeterminate(Reason::PermissionDenied, sentence);
        }
        if self.about_the_daemon() && facts.daemon.is_none() {
            let daemon = self.daemon.as_deref().unwrap_or_default();
            let sentence =
                format!("{expected}, but no process matches `{daemon}`, so there is nothing to compare with");
            return Verdict::indeterminate(Reason::NoData, sentence);
        }
        let own = |must: &Must| matches!(must, Must::OwnSession | Must::OwnTerminal | Must::OwnDirectory);
        if count == 0 && self.must.iter().any(own) {
            return Verdict::indeterminate(Reason::NoData, format!("{expected}, but none runs"));
        }
        let sentence = format!("{expected}, saw {count} processes of {} agents and no fault", facts.agents);
        Verdict::pass(Proof::of("faults", "none", format!("none among {count} processes")), sentence)
    }
}

/// Of the processes that match and are not marked themselves.
fn youngest(daemon: &Regex, marks: &BTreeMap<u32, Vec<Option<String>>>) -> Option<Seen> {
    let found = proc::matching(Path::new("/proc"), daemon).ok()?;
    let others = found.pids.into_iter().filter(|pid| !marks.contains_key(pid) && *pid != std::process::id());
    let seen = others.filter_map(proc::describe).filter(|seen| seen.state != "Z");
    seen.max_by(|a, b| a.started_s.total_cmp(&b.started_s))
}

/// What is wrong, in clauses that follow "saw".
#[derive(Default)]
struct Faults {
    told: Vec<String>,
    count: usize,
}

impl Faults {
    fn add(&mut self, fault: impl FnOnce() -> String) {
        self.count += 1;
        if self.told.len() < TOLD {
            self.told.push(fault());
        }
    }

    fn older(&mut self, members: &[Member], daemon: Option<&Seen>) {
        let Some(daemon) = daemon else { return };
        for Member { seen, .. } in members.iter().filter(|member| member.seen.started_s < daemon.started_s) {
            let by = daemon.started_s - seen.started_s;
            self.add(|| {
                format!("process {} ({}), {by:.1} s older than the daemon {}", seen.pid, seen.name, daemon.pid)
            });
        }
    }

    fn strangers(&mut self, members: &[Member], daemon: Option<&Seen>, grace_s: f64) {
        let Some(daemon) = daemon else { return };
        for Member { seen, .. } in members.iter().filter(|member| member.seen.age_s > grace_s) {
            if !proc::ancestors(seen.pid).contains(&daemon.pid) {
                let (pid, name, parent) = (seen.pid, &seen.name, seen.ppid);
                self.add(|| format!("process {pid} ({name}) under {parent}, not under the daemon {}", daemon.pid));
            }
        }
    }

    fn shared(&mut self, what: &str, members: &[Member], key: impl Fn(&Seen) -> Option<u64>) {
        let mut first: BTreeMap<u64, &Member> = BTreeMap::new();
        for member in members {
            let Some(key) = key(&member.seen) else { continue };
            let other = *first.entry(key).or_insert(member);
            if other.agent != member.agent {
                let (one, two) = (other.seen.pid, member.seen.pid);
                self.add(|| format!("processes {one} and {two} of two agents in the same {what}"));
            }
        }
    }

    fn terminals(&mut self, members: &[Member]) {
        self.shared("terminal", members, |seen| (seen.tty_number != 0).then(|| u64::from(seen.tty_number)));
        let with: BTreeSet<usize> =
            members.iter().filter(|member| member.seen.tty).map(|member| member.agent).collect();
        let mut without: BTreeMap<usize, u32> = BTreeMap::new();
        for member in members.iter().filter(|member| !with.contains(&member.agent)) {
            without.entry(member.agent).or_insert(member.seen.pid);
        }
        for pid in without.into_values() {
            self.add(|| format!("process {pid} of an agent without a terminal"));
        }
    }

    /// Whether something could not be seen.
    fn directories(&mut self, members: &[Member], base: Option<&Path>) -> bool {
        let Some(base) = base.and_then(|base| fs::canonicalize(base).ok()) else { return true };
        let mut hidden = false;
        let mut roots: BTreeMap<(u64, u64), (usize, u32)> = BTreeMap::new();
        for Member { seen, agent } in members {
            let cwd = match fs::read_link(format!("/proc/{}/cwd", seen.pid)) {
                Ok(cwd) => cwd,
                Err(error) => {
                    // Gone in the meantime is no fault.
                    hidden |= error.kind() == ErrorKind::PermissionDenied;
                    continue;
                }
            };
            let own = cwd.strip_prefix(&base).ok().and_then(|below| below.components().next());
            let Some(root) = own.map(|first| base.join(first)) else {
                self.add(|| {
                    format!("process {} in {}, not in a folder below {}", seen.pid, cwd.display(), base.display())
                });
                continue;
            };
            let Ok(metadata) = fs::metadata(&root) else {
                hidden = true;
                continue;
            };
            match roots.get(&(metadata.dev(), metadata.ino())) {
                None => {
                    roots.insert((metadata.dev(), metadata.ino()), (*agent, seen.pid));
                    let mut left = ENTRIES;
                    for out in leading_out(&root, &root, 2, &mut left, &mut hidden) {
                        self.add(|| format!("a symbolic link that leads out of its folder: {}", out.display()));
                    }
                }
                Some((other, pid)) if other != agent => {
                    self.add(|| format!("processes {pid} and {} of two agents in the same folder", seen.pid));
                }
                Some(_) => {}
            }
        }
        hidden
    }
}

/// Symbolic links in so many levels of `folder` that resolve outside `root`. What cannot be
/// resolved leads nowhere.
fn leading_out(root: &Path, folder: &Path, levels: u32, left: &mut usize, hidden: &mut bool) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        *hidden = true;
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        if *left == 0 {
            *hidden = true;
            break;
        }
        *left -= 1;
        let (Ok(kind), path) = (entry.file_type(), entry.path()) else { continue };
        if kind.is_symlink() {
            match fs::canonicalize(&path) {
                Ok(to) if !to.starts_with(root) => found.push(path),
                Ok(_) => {}
                Err(error) => *hidden |= error.kind() == ErrorKind::PermissionDenied,
            }
        } else if kind.is_dir() && levels > 1 {
            found.extend(leading_out(root, &path, levels - 1, left, hidden));
        }
    }
    found
}
