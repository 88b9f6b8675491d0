//! Several files or folders at once: those at given paths, or those that match patterns.
//!
//! A pass proves what was seen of all of them at that moment on this host. A folder that is closed
//! to the exporter makes the whole look indeterminate, since what is in it could decide.

mod look;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::expect::Gap;
use crate::model::{Class, Proof, Reason, Timestamp, Verdict};
use crate::probe::guard::lane::Lane;
use crate::probe::kinds::file::FileSystem;
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

/// Looks at several files or folders of this host.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Files {
    /// Absolute paths. `*`, `?` and `[…]` stand for parts of one name; a path without them must exist.
    paths: Vec<String>,
    /// any, file or directory: what else matches a pattern is left out, and a path without one must be that.
    kind: Kind,
    /// At least so many.
    min: usize,
    /// The age of a folder is that of the newest of what is in it, down to so many levels below.
    levels: usize,
    /// Adds the figures of the file system that each lies on.
    filesystem: bool,
    #[serde(skip)]
    #[schemars(skip)]
    lane: Lane,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    Any,
    File,
    Directory,
}

impl Default for Files {
    fn default() -> Self {
        Self { paths: Vec::new(), kind: Kind::default(), min: 1, levels: 0, filesystem: false, lane: Lane::default() }
    }
}

/// What was seen of all of them.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    count: usize,
    /// Paths without a pattern at which there is nothing.
    missing: Vec<String>,
    /// Paths without a pattern at which there is something of another kind.
    other_kind: Vec<String>,
    /// The newest 256 of them, newest first; with more, conditions on this field cannot be evaluated.
    files: Vec<Entry>,
    /// Of the newest and the oldest; null if there are none. Negative if the time lies ahead.
    newest_age_s: Option<f64>,
    oldest_age_s: Option<f64>,
    /// Size of the newest, and the median of up to five before it; null if there are none.
    newest_size_bytes: Option<u64>,
    median_size_bytes: Option<u64>,
}

/// One of them.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Entry {
    path: String,
    /// file, directory, fifo, socket, device or other.
    kind: String,
    size_bytes: u64,
    age_s: f64,
    /// Permission bits as four octal digits, such as 0640.
    mode: String,
    uid: u32,
    /// Null unless asked for.
    filesystem: Option<FileSystem>,
}

/// Whether a path, or a pattern of paths, can be looked at; says why not.
pub(in crate::probe::kinds) fn check_path(path: &str) -> Result<(), String> {
    if !path.starts_with('/') {
        return Err("the path is not absolute: begin it with /".to_owned());
    }
    glob::Pattern::new(path).map_err(|error| error.msg.to_owned())?;
    if path.contains("**") {
        return Err("`**` would have no bound; a `*` stands for one level".to_owned());
    }
    Ok(())
}

/// The path of the newest file that a pattern matches; `None` if there is none. Blocking.
pub(in crate::probe::kinds) fn newest_file(
    pattern: String,
    now_s: f64,
    until: Instant,
) -> Result<Option<String>, ProbeError> {
    let wanted = look::Wanted { paths: vec![pattern], kind: Kind::File, levels: 0, now_s, until };
    Ok(look::all(&wanted, false)?.files.into_iter().next().map(|file| file.path))
}

/// Described in the facts; the figures are those of all.
const DESCRIBED: usize = 256;

impl Probe for Files {
    const NAME: &'static str = "files";
    const SUMMARY: &'static str = "Looks at several files or folders: count, permissions, ages, sizes, free space";
    const CLASS: Class = Class::Blocking;
    type Facts = Facts;

    fn check(&self, findings: &mut Findings) {
        if self.paths.is_empty() {
            findings.error("paths", "no path is named");
        }
        for (at, path) in self.paths.iter().enumerate() {
            if let Err(why) = check_path(path) {
                findings.error(&format!("paths[{at}]"), why);
            }
        }
        if self.levels > look::LEVELS {
            findings.error("levels", format!("at most {} levels can be looked at", look::LEVELS));
        }
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        let wanted = look::Wanted {
            paths: self.paths.clone(),
            kind: self.kind,
            levels: self.levels,
            now_s: cx.now().as_secs_f64(),
            until: cx.deadline(),
        };
        let filesystem = self.filesystem;
        self.lane.run(cx, &self.paths.join(", "), move || look::all(&wanted, filesystem)).await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        let what = self.paths.join(", ");
        if let Some(path) = facts.missing.first() {
            return Verdict::fail(Reason::Missing, format!("expected {path} to exist, saw nothing there"));
        }
        if let Some(path) = facts.other_kind.first() {
            let kind = if self.kind == Kind::File { "a file" } else { "a directory" };
            return Verdict::fail(Reason::Assertion, format!("expected {path} to be {kind}, saw something else there"));
        }
        let (least, count) = (self.min, facts.count);
        let sentence = format!("expected at least {least} at {what}, saw {count}");
        let verdict = if count < least {
            Verdict::fail(Reason::Missing, sentence)
        } else {
            Verdict::pass(Proof::of("files", format!("at least {least}"), count.to_string()), sentence)
        };
        verdict.measured("files", count as f64, Some(least as f64))
    }

    fn gaps(&self, facts: &Facts) -> Vec<Gap> {
        if facts.count <= DESCRIBED {
            return Vec::new();
        }
        let why = format!("there are {} and {DESCRIBED} are described", facts.count);
        vec![Gap { field: "files", why, hides: true }]
    }
}
