//! How much paths have changed since commits that another leg saw.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::history::shallow;
use super::place::Place;
use super::refs::is_commit;
use crate::model::Reason;
use crate::probe::kinds::compare::side::Side;
use crate::probe::line::line;
use crate::probe::{Findings, ProbeError};

/// How much some paths have changed since a commit, such as one that somebody has approved.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Churn {
    /// Conditions find it under this name.
    pub(super) name: String,
    /// Patterns of paths as git takes them; none: all files.
    pub(super) paths: Vec<String>,
    /// Where another leg of the item saw the ids of the commits, whole.
    pub(super) since: Side,
    /// The greater of the lines added and the lines removed may be at most this share of the lines there
    /// were, since each of the commits.
    pub(super) max_ratio: Option<f64>,
}

/// Since the commit from which it is the most.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Changed {
    /// Commits that were asked about.
    pub(super) commits: usize,
    /// Those that are not in the history of `ref`.
    pub(super) foreign: Vec<String>,
    /// Lines there were, and lines added and removed since; a binary file counts as one.
    pub(super) lines: u64,
    pub(super) added: u64,
    pub(super) removed: u64,
    /// The greater of both as a share of the lines; null if there were none, or if a commit is foreign.
    pub(super) ratio: Option<f64>,
    /// The history ends too early to know some of the commits.
    pub(super) cut: bool,
}

/// Commits that are looked up.
const COMMITS: usize = 20;
/// Trees without a file, which git knows by itself.
const EMPTY: [&str; 2] =
    ["4b825dc642cb6eb9a060e54bf8d69288fbee4904", "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"];

impl Churn {
    pub(super) fn check(&self, at: usize, findings: &mut Findings) {
        if self.name.is_empty() {
            findings.error(&format!("churn[{at}].name"), "expected a name");
        }
        self.since.check(&format!("churn[{at}].since"), findings);
        if self.max_ratio.is_some_and(|ratio| !ratio.is_finite() || ratio < 0.0) {
            findings.error(&format!("churn[{at}].max_ratio"), "expected a share that is not below 0");
        }
    }
}

pub(super) async fn look(place: &Place<'_>, commit: &str, wanted: &Churn) -> Result<Changed, ProbeError> {
    let since = wanted.since.values(place.cx())?;
    if !(1..=COMMITS).contains(&since.len()) {
        let sentence = format!("expected 1 to {COMMITS} commits of {}, saw {}", wanted.since.leg, since.len());
        return Err(ProbeError::observer(Reason::NoData, sentence));
    }
    let mut worst = Changed::default();
    let mut foreign = BTreeSet::new();
    for id in &since {
        let inside = is_commit(id)
            && place.run(true, &["merge-base", "--is-ancestor", id, commit], None).await?.exit_code == Some(0);
        if !inside {
            foreign.insert(line(id, 64));
            continue;
        }
        let empty = EMPTY.into_iter().find(|empty| empty.len() == id.len()).unwrap_or(EMPTY[0]);
        let (lines, _) = numbers(place, empty, id, &wanted.paths).await?;
        let (added, removed) = numbers(place, id, commit, &wanted.paths).await?;
        let ratio = (lines > 0).then(|| added.max(removed) as f64 / lines as f64);
        // Of nothing any change is too much.
        if worst.commits == 0 || ratio.is_none() || worst.ratio.is_some_and(|worst| ratio > Some(worst)) {
            worst = Changed { commits: 1, lines, added, removed, ratio, ..Changed::default() };
        }
    }
    worst.commits = since.len();
    if !foreign.is_empty() {
        worst.ratio = None;
        worst.cut = !shallow(place).await?.is_empty();
    }
    worst.foreign = foreign.into_iter().collect();
    Ok(worst)
}

/// Lines added and removed from one tree to another.
async fn numbers(place: &Place<'_>, from: &str, to: &str, paths: &[String]) -> Result<(u64, u64), ProbeError> {
    let mut arguments = vec!["diff", "--numstat", "--no-renames", "--no-ext-diff", "--no-textconv", from, to, "--"];
    arguments.extend(paths.iter().map(String::as_str));
    let ended = place.ask(&arguments, None).await?;
    if ended.stdout.truncated {
        return Err(ProbeError::observer(Reason::TooLarge, "the list of changed files was too long to be read"));
    }
    let text = String::from_utf8_lossy(&ended.stdout.bytes).into_owned();
    Ok(text.lines().fold((0, 0), |(added, removed), line| {
        let mut parts = line.split('\t').map(|number| number.parse::<u64>().unwrap_or(1));
        (added + parts.next().unwrap_or_default(), removed + parts.next().unwrap_or_default())
    }))
}
