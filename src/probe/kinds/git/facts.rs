//! What one look yields. Text of the repository is bounded; lines that a search finds are not kept.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::churn::Changed;
use super::document;
use super::releases::Release;
use crate::expect::Gap;

/// What was seen of the repository.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// The branch that `HEAD` points to; null if it points to none.
    pub(super) head: Option<String>,
    /// The commit that `ref` points to; null if there is no such ref.
    pub(super) commit: Option<String>,
    /// The commit that was read; null if none was asked for.
    pub(super) fetched: Option<String>,
    pub(super) branches: usize,
    /// Names of the branches that match, at most 2000.
    pub(super) branch_names: Vec<String>,
    /// Where these branches begin, with `branch_starts`.
    pub(super) branch_starts: Vec<Start>,
    /// Tags that match, the greatest version first, at most 200.
    pub(super) tags: Vec<String>,
    pub(super) newest_tag: Option<String>,
    /// In the order of the parameters.
    pub(super) files: Vec<Seen>,
    /// By name.
    pub(super) search: BTreeMap<String, Found>,
    /// By name.
    pub(super) history: BTreeMap<String, Change>,
    /// By name.
    pub(super) churn: BTreeMap<String, Changed>,
    /// Each but the first, in the order of their versions.
    pub(super) releases: Vec<Release>,
    /// When the first commit was made; null unless a history is asked for, or if it is shallow.
    pub(super) first_commit_s: Option<f64>,
    /// What became of a branch that was pushed; null without `push`.
    pub(super) pushed: Option<Pushed>,
    /// Fields that are not whole, and why.
    pub(super) incomplete: BTreeMap<String, String>,
    /// What the documents of the folder `documents` hold, by their paths.
    pub(super) documents: BTreeMap<String, Value>,
}

/// One file at the commit.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Seen {
    pub(super) path: String,
    pub(super) exists: bool,
    pub(super) size_bytes: u64,
    /// Id of its content, as `git hash-object` tells it.
    pub(super) blob: String,
    /// SHA-256 of its content, in hexadecimal digits; empty if there is no such file.
    pub(super) sha256: String,
    /// Patterns of `contains` that nothing matches, by their place from 0.
    pub(super) lacking: Vec<usize>,
    /// Patterns of `lacks` that something matches, by their place from 0, with the line.
    pub(super) forbidden: Vec<Forbidden>,
    /// What the patterns of `extract` found first; a name is absent if nothing matches.
    pub(super) found: BTreeMap<String, String>,
    /// Those of them that are dates, such as `2026-11-22`, `22 November 2026` or `November 22, 2026`: seconds
    /// since 1970.
    pub(super) dates: BTreeMap<String, f64>,
    /// Relative links of a Markdown document behind which there is nothing at the commit, at most 100.
    pub(super) broken_links: Vec<String>,
    /// What `collect` found, by name, at most 2000 texts each.
    pub(super) collected: BTreeMap<String, BTreeSet<String>>,
    /// Paths among it at which there is nothing.
    pub(super) missing_paths: Vec<String>,
    /// Since when each was there, by name; a name is absent if the history ends before that.
    pub(super) since_s: BTreeMap<String, Vec<Since>>,
    /// In the order of the parameters.
    pub(super) sections: Vec<document::Found>,
    /// Why there are no values to look at; null if there are, or if none are meant.
    pub(super) unreadable: Option<String>,
    /// There are more such links than are listed.
    pub(super) more_links: bool,
    /// There are more such lines of one pattern than are listed.
    pub(super) more_forbidden: bool,
}

/// Something that a file mentions, and since when.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Since {
    pub(super) text: String,
    /// Seconds since 1970.
    pub(super) at_s: f64,
}

/// The first commit of a branch that `ref` has not.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Start {
    pub(super) branch: String,
    /// Null if `ref` has all commits of the branch, as the other fields then are.
    pub(super) commit: Option<String>,
    pub(super) author: Option<String>,
    pub(super) committed_s: Option<f64>,
}

/// A branch that was pushed.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Pushed {
    pub(super) branch: String,
    /// The commit that was made for it.
    pub(super) commit: String,
    /// What the server said when it refused the branch.
    pub(super) refused: Option<String>,
    /// The commit under which the server listed the branch then.
    pub(super) listed: Option<String>,
    /// The server does not list it any more.
    pub(super) removed: bool,
    /// Why it may still be there.
    pub(super) kept: Option<String>,
    /// And that is the server's doing.
    pub(super) refuses_removal: bool,
    /// Branches of earlier runs that were removed first.
    pub(super) leftovers_cleaned: u64,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Forbidden {
    pub(super) pattern: usize,
    pub(super) line: usize,
}

/// What a search found. The lines themselves are not kept: they may hold a secret.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Found {
    /// Lines that match.
    pub(super) count: usize,
    /// The first 20, as `path:line`.
    pub(super) places: Vec<String>,
    /// Files with such a line, at most 1000.
    pub(super) files: BTreeSet<String>,
    /// What `collect` found in these lines, at most 1000 texts.
    pub(super) collected: BTreeSet<String>,
    /// Lines that nothing that matches `followed_by` follows, at most 20.
    pub(super) alone: Vec<String>,
    /// Seconds since the oldest of them was put in; null without `max_age_s`, or without a line.
    pub(super) oldest_s: Option<f64>,
    /// The output was cut off, so there are more.
    pub(super) more: bool,
}

/// The last change of some paths.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Change {
    /// Null if nothing of the history that was looked at changed them.
    pub(super) commit: Option<String>,
    pub(super) committed_s: Option<f64>,
    pub(super) authored_s: Option<f64>,
    /// Since it was committed; negative if the time lies ahead.
    pub(super) age_s: Option<f64>,
    pub(super) merge: bool,
    /// It carries a signature, which was not verified.
    pub(super) signed: bool,
    /// Commits after `since` that changed them; null without `since`, or if they are more than 10000.
    pub(super) commits: Option<usize>,
    /// Why they were not counted to the end.
    pub(super) uncounted: Option<String>,
    /// The history ends at this commit because it is shallow: the change may be older.
    pub(super) cut: bool,
}

impl Seen {
    /// What of it was cut off.
    pub(super) fn cut(&self) -> Option<String> {
        let (links, forbidden) = (self.broken_links.len(), self.forbidden.len());
        if self.more_links {
            return Some(format!("{} has more than the {links} broken links that are listed", self.path));
        }
        self.more_forbidden.then(|| format!("{} has more than the {forbidden} lines that are listed", self.path))
    }
}

impl Facts {
    pub(super) fn gaps(&self) -> Vec<Gap> {
        [
            "head",
            "commit",
            "branches",
            "branch_names",
            "branch_starts",
            "tags",
            "newest_tag",
            "files",
            "search",
            "history",
            "churn",
            "releases",
        ]
        .into_iter()
        .filter_map(|field| self.incomplete.get(field).map(|why| Gap { field, why: why.clone(), hides: true }))
        .collect()
    }
}
