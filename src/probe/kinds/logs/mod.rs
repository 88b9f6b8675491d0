//! The form of log lines: whether they are structured, their levels and times, and what must not be
//! in them.
//!
//! A pass proves what the newest lines of each source looked like at that moment. The lines may hold
//! secrets, so none of them is ever shown or kept: counts, the names of keys that were asked for, and
//! places are all that is.

mod facts;
mod file;
mod judge;
mod loki;
pub(super) mod sample;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::expect::Gap;
use crate::model::{Timestamp, Verdict};
use crate::probe::guard::lane::Lane;
use crate::probe::kinds::docker::logs as docker;
use crate::probe::kinds::kubernetes::logs as kubernetes;
use crate::probe::kinds::process::pattern;
use crate::probe::line::line;
use crate::probe::{Findings, Grant, Probe, ProbeCx, ProbeError};

use docker::LogContainers;
use facts::Facts;
use kubernetes::LogPods;
use sample::{Level, Lines, Newest};

/// Looks at the newest log lines of files of this host, of Loki, of containers, or of pods.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Logs {
    /// file, loki, docker or kubernetes.
    source: Source,
    /// Absolute paths of log files. Where the newest lines do not suffice, `<path>.1` is read too.
    paths: Vec<PathBuf>,
    /// The target that is Loki, an engine as in the kind `docker`, or a cluster as in the kind `kubernetes`.
    target: Option<String>,
    /// User of the login at Loki; without one the target's credential is a bearer token.
    user: Option<String>,
    /// Selects streams in LogQL, such as `{namespace="shop"}`.
    query: String,
    /// Which containers, with source docker. Those that have ended are read as well, as far as the engine
    /// still has them.
    containers: Option<LogContainers>,
    /// Which pods, with source kubernetes. Needs the right to get `pods/log`.
    pods: Option<LogPods>,
    /// The label by whose values the lines of Loki, of containers or of pods are told apart. Without one all
    /// of Loki is one source, and each container is one.
    by: Option<String>,
    /// Values of that label, each of which must have lines.
    each: Vec<String>,
    /// Loki is asked about each of `each` by itself, so that none that writes much hides another: `lines` are
    /// those of each then. `by` must be a label of the streams.
    apart: bool,
    /// Newest lines of each file or container, or of the query as a whole.
    lines: usize,
    /// Lines younger than this, in seconds, do not count for `settled_age_s`: they may not have reached a
    /// store yet.
    settle_s: u32,
    /// Only lines of the last so many seconds count. Those of files need a time for this: in JSON, or at
    /// their beginning; one without is as old as the line before it.
    since_s: Option<u32>,
    /// Keys that a line needs to be structured, besides being one JSON object; `ts|time` takes either.
    required: Vec<String>,
    /// Share of lines that must be structured. Without it none must be.
    min_ratio: Option<f64>,
    /// The key of the level, whose value is a name or one of pino's numbers.
    level_key: String,
    /// The only levels that may occur: trace, debug, info, warn, error, fatal.
    levels: Vec<Level>,
    /// Share of lines with a level that may be errors or worse.
    max_error_ratio: Option<f64>,
    /// Keys of which one holds the time: RFC 3339, or seconds, milliseconds or more since 1970.
    time_keys: Vec<String>,
    /// Age of the newest line at most, in seconds.
    max_age_s: Option<u32>,
    /// Regular expressions of which no line may match any.
    forbid: Vec<String>,
    /// Bytes of the longest line at most.
    max_line_bytes: Option<usize>,
    #[serde(skip)]
    #[schemars(skip)]
    lane: Lane,
}

/// Where lines are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Source {
    #[default]
    File,
    Loki,
    Docker,
    Kubernetes,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            source: Source::default(),
            paths: Vec::new(),
            target: None,
            user: None,
            query: String::new(),
            containers: None,
            pods: None,
            by: None,
            each: Vec::new(),
            apart: false,
            lines: 500,
            since_s: None,
            settle_s: 0,
            required: Vec::new(),
            min_ratio: None,
            level_key: "level".to_owned(),
            levels: Vec::new(),
            max_error_ratio: None,
            time_keys: ["time", "ts", "timestamp", "@timestamp"].map(str::to_owned).into(),
            max_age_s: None,
            forbid: Vec::new(),
            max_line_bytes: None,
            lane: Lane::default(),
        }
    }
}

/// Lines of a sample; Loki gives no more unless it is told to.
const LINES: usize = 5000;
/// Files, patterns, keys or values of one leg.
const ENTRIES: usize = 50;
/// Bytes of the name of a source.
const NAME: usize = 100;

impl Probe for Logs {
    const NAME: &'static str = "logs";
    const SUMMARY: &'static str = "Looks at the form of the newest log lines of files, Loki, containers or pods";
    type Facts = Facts;

    fn check(&self, findings: &mut Findings) {
        match self.source {
            Source::File => {
                if self.paths.is_empty() || self.paths.iter().any(|path| !path.is_absolute()) {
                    findings.error_with_hint("paths", "expected absolute paths", "begin each with /");
                }
                if self.target.is_some() || !self.query.is_empty() || self.by.is_some() || !self.each.is_empty() {
                    findings.error("source", "`target`, `query`, `by` and `each` are not for files");
                }
            }
            Source::Loki => {
                if self.target.is_none() || self.query.is_empty() || !self.paths.is_empty() {
                    findings.error("source", "Loki needs `target` and `query`, and no `paths`");
                }
            }
            Source::Docker | Source::Kubernetes => {
                if self.target.is_none() || !self.query.is_empty() || !self.paths.is_empty() {
                    findings.error("source", "containers and pods need a `target`, and neither `query` nor `paths`");
                }
            }
        }
        if self.apart && (self.source != Source::Loki || self.each.is_empty()) {
            findings.error("apart", "it is for Loki, and for `each`");
        }
        if self.source != Source::File && self.by.is_none() && !self.each.is_empty() {
            findings.error("each", "name the label `by` which they are told apart");
        }
        for (field, is_wanted, is_there) in [
            ("containers", self.source == Source::Docker, self.containers.is_some()),
            ("pods", self.source == Source::Kubernetes, self.pods.is_some()),
        ] {
            if is_wanted != is_there {
                let text = if is_wanted { "say which" } else { "they belong to another `source`" };
                findings.error(field, text);
            }
        }
        if let Some(containers) = &self.containers {
            containers.check(findings);
        }
        if let Some(pods) = &self.pods {
            pods.check(findings);
        }
        if !(1..=LINES).contains(&self.lines) {
            findings.error("lines", format!("expected 1 to {LINES}"));
        }
        for (field, ratio) in [("min_ratio", self.min_ratio), ("max_error_ratio", self.max_error_ratio)] {
            if ratio.is_some_and(|ratio| !(0.0..=1.0).contains(&ratio)) {
                findings.error(field, "expected a share from 0 to 1");
            }
        }
        for (at, text) in self.forbid.iter().enumerate() {
            if let Err(why) = pattern(text) {
                findings.error(&format!("forbid[{at}]"), why);
            }
        }
        let counts = [
            ("paths", self.paths.len()),
            ("forbid", self.forbid.len()),
            ("required", self.required.len()),
            ("each", self.each.len()),
            ("time_keys", self.time_keys.len()),
        ];
        for (field, _) in counts.iter().filter(|(_, count)| *count > ENTRIES) {
            findings.error(field, format!("at most {ENTRIES} entries"));
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn grants(&self) -> Vec<Grant> {
        self.pods.iter().flat_map(LogPods::grants).collect()
    }

    fn expects(&self) -> Option<&'static str> {
        Some("log lines")
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        let forbid: Vec<_> =
            self.forbid.iter().map(|text| pattern(text)).collect::<Result<_, _>>().map_err(ProbeError::unconfigured)?;
        let read = match self.source {
            Source::File => file::read(self, cx).await?,
            Source::Loki => loki::read(self, cx).await?,
            Source::Docker => {
                let chosen = self.containers.as_ref().ok_or_else(unsaid)?;
                self.grouped(docker::read(cx, chosen, &self.newest()).await?)
            }
            Source::Kubernetes => {
                let chosen = self.pods.as_ref().ok_or_else(unsaid)?;
                self.grouped(kubernetes::read(cx, chosen, &self.newest()).await?)
            }
        };
        Ok(Facts { sources: read.into_iter().map(|read| sample::look(self, &forbid, read, cx.now())).collect() })
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        judge::judge(self, facts)
    }

    fn gaps(&self, facts: &Facts) -> Vec<Gap> {
        let cut = facts.sources.iter().find(|source| source.cut);
        cut.map(|source| Gap {
            field: "sources",
            why: format!("{} has more lines in the time asked for than were read", source.name),
            hides: true,
        })
        .into_iter()
        .collect()
    }
}

impl Logs {
    fn newest(&self) -> Newest<'_> {
        Newest { by: self.by.as_deref(), lines: self.lines, since_s: self.since_s }
    }

    /// Containers of one name of a source are one, as the members of a service are; what must have lines has
    /// none if nobody wrote any.
    fn grouped(&self, read: Vec<Lines>) -> Vec<Lines> {
        let nothing = |name: &String| (name.clone(), Lines { name: name.clone(), lines: Vec::new(), more: false });
        let mut by_name: BTreeMap<String, Lines> = self.each.iter().map(nothing).collect();
        for one in read {
            let name = line(&one.name, NAME);
            let (_, fresh) = nothing(&name);
            let group = by_name.entry(name).or_insert(fresh);
            group.lines.extend(one.lines);
            group.more |= one.more;
        }
        for group in by_name.values_mut() {
            group.lines.sort_by(|a, b| a.at_s.unwrap_or_default().total_cmp(&b.at_s.unwrap_or_default()));
        }
        by_name.into_values().collect()
    }
}

fn unsaid() -> ProbeError {
    ProbeError::unconfigured("nobody said whose lines")
}
