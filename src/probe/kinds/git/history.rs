//! When paths were changed last, and how often since.

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use super::facts::{Change, Start};
use super::place::Place;
use super::refs::{Listed, is_plain};
use super::{Git, refs};
use crate::model::Reason;
use crate::probe::line::line;
use crate::probe::{Findings, ProbeError};

/// The last change of some paths.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct History {
    /// Conditions find it under this name.
    pub(super) name: String,
    /// Patterns of paths as git takes them, such as `docs` or `:(glob)packages/*/package.json`; none: any change.
    pub(super) paths: Vec<String>,
    /// Only commits that add or remove one of them count.
    pub(super) added_or_removed: bool,
    /// Seconds since the last change, at most.
    pub(super) max_age_s: Option<u32>,
    /// A branch or tag after which the commits are counted.
    pub(super) since: Option<String>,
}

/// Bytes of the name of a branch or an author.
const NAME: usize = 200;
/// Commits that are counted; one more is looked for, to know whether these are all.
const COUNTED: usize = 10_000;
const ONE_MORE: &str = "--max-count=10001";

impl History {
    pub(super) fn check(&self, at: usize, findings: &mut Findings) {
        if self.name.is_empty() {
            findings.error(&format!("history[{at}].name"), "a history needs a name");
        }
        if self.since.as_deref().is_some_and(|since| !is_plain(since)) {
            findings.error(&format!("history[{at}].since"), "expected a branch or a tag");
        }
    }
}

/// What must be fetched besides, to count from there.
pub(super) fn sinces(leg: &Git, listed: &Listed) -> Vec<String> {
    let names = leg.history.iter().filter_map(|history| listed.resolve(history.since.as_deref()?));
    names.enumerate().map(|(at, (name, _))| format!("+{name}:refs/probe/since-{at}")).collect()
}

pub(super) async fn look(
    place: &Place<'_>,
    commit: &str,
    wanted: &History,
    listed: &Listed,
) -> Result<Change, ProbeError> {
    let mut arguments = vec![
        "log",
        "-1",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        "--no-patch",
        "--format=%H%x09%ct%x09%at%x09%P",
    ];
    if wanted.added_or_removed {
        arguments.push("--diff-filter=AD");
    }
    arguments.extend([commit, "--"]);
    arguments.extend(wanted.paths.iter().map(String::as_str));
    let ended = place.ask(&arguments, None).await?;
    let mut change =
        read(String::from_utf8_lossy(&ended.stdout.bytes).trim_end_matches('\n'), place.cx().now().as_secs_f64());
    let shallow = shallow(place).await?;
    match &change.commit {
        Some(id) => {
            // Where a shallow history ends, everything looks as if it had just been added.
            change.cut = shallow.contains(id);
            let raw = place.ask(&["cat-file", "commit", id], None).await?;
            let raw = String::from_utf8_lossy(&raw.stdout.bytes).into_owned();
            let header = raw.split("\n\n").next().unwrap_or_default();
            change.signed = header.lines().any(|line| line.starts_with("gpgsig"));
        }
        None => change.cut = !shallow.is_empty(),
    }
    if let Some(since) = &wanted.since {
        let Some((_, from)) = listed.resolve(since) else { return Ok(change) };
        let range = format!("{from}..{commit}");
        let mut arguments = vec!["rev-list", "--count", ONE_MORE, &range, "--"];
        arguments.extend(wanted.paths.iter().map(String::as_str));
        let ended = place.ask(&arguments, None).await?;
        let count: Option<usize> = String::from_utf8_lossy(&ended.stdout.bytes).trim().parse().ok();
        change.commits = count.filter(|&count| count <= COUNTED);
        if change.commits.is_none() {
            let name = &wanted.name;
            change.uncounted = Some(format!("there are more than {COUNTED} commits of {name} since then"));
        }
        change.cut |= !shallow.is_empty();
    }
    Ok(change)
}

/// When the oldest commit without a parent was made; `None` if the history is shallow.
pub(super) async fn first(place: &Place<'_>, commit: &str) -> Result<Option<f64>, ProbeError> {
    if !shallow(place).await?.is_empty() {
        return Ok(None);
    }
    let ended = place.ask(&["log", "--max-parents=0", "--no-patch", "--format=%ct", commit, "--"], None).await?;
    let text = String::from_utf8_lossy(&ended.stdout.bytes);
    Ok(text.lines().filter_map(|line| line.parse::<f64>().ok()).reduce(f64::min))
}

/// Branches whose starts are looked up.
const STARTS: usize = 100;

/// What must be fetched besides, to know where branches start. An error if there are too many.
pub(super) fn branches(listed: &Listed, pattern: Option<&Regex>) -> Result<Vec<String>, ProbeError> {
    let names: Vec<&str> = pattern.into_iter().flat_map(|pattern| listed.branches(pattern)).take(STARTS + 1).collect();
    if names.len() > STARTS {
        let detail =
            format!("there are more than {STARTS} branches that match, so that none of their starts is looked up");
        return Err(ProbeError::observer(Reason::TooLarge, detail));
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// Where this branch starts: the oldest commit that is not in `commit`. `Err` inside: the history was cut
/// off before it.
pub(super) async fn start(
    place: &Place<'_>,
    commit: &str,
    branch: &str,
    at: &str,
) -> Result<Result<Start, String>, ProbeError> {
    let range = format!("{commit}..{at}");
    let arguments = ["log", "--reverse", "--topo-order", "--no-patch", "--format=%H%x09%ct%x09%an", &range, "--"];
    let ended = place.ask(&arguments, None).await?;
    let text = String::from_utf8_lossy(&ended.stdout.bytes);
    let mut start = Start { branch: line(branch, NAME), ..Start::default() };
    let Some(first) = text.lines().next() else { return Ok(Ok(start)) };
    let mut parts = first.splitn(3, '\t');
    let id = parts.next().filter(|id| refs::is_commit(id)).unwrap_or_default().to_owned();
    if shallow(place).await?.contains(&id) {
        return Ok(Err(format!("the history that was fetched ends before the start of {}", start.branch)));
    }
    start.committed_s = parts.next().and_then(|text| text.parse().ok());
    start.author = parts.next().map(|name| line(name, NAME));
    start.commit = Some(id);
    Ok(Ok(start))
}

/// Commits at which the history was cut off; empty if it is whole.
pub(super) async fn shallow(place: &Place<'_>) -> Result<Vec<String>, ProbeError> {
    let ended = place.ask(&["rev-parse", "--is-shallow-repository"], None).await?;
    if String::from_utf8_lossy(&ended.stdout.bytes).trim() != "true" {
        return Ok(Vec::new());
    }
    let ended = place.ask(&["rev-list", "--max-parents=0", "--all"], None).await?;
    let ids = String::from_utf8_lossy(&ended.stdout.bytes).lines().map(str::to_owned).collect();
    Ok(ids)
}

fn read(text: &str, now_s: f64) -> Change {
    let mut parts = text.split('\t');
    let Some(commit) = parts.next().filter(|id| refs::is_commit(id)) else { return Change::default() };
    let mut seconds = || parts.next().and_then(|text| text.parse::<f64>().ok());
    let (committed_s, authored_s) = (seconds(), seconds());
    let parents = parts.next().unwrap_or_default();
    Change {
        commit: Some(commit.to_owned()),
        committed_s,
        authored_s,
        age_s: committed_s.map(|at| now_s - at),
        merge: parents.contains(' '),
        ..Change::default()
    }
}
