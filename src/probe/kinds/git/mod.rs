//! A Git repository: its branches and tags, files at one of its commits, what its tree holds, and
//! when what was changed last.
//!
//! The program `git` does the looking: a repository of this host is read where it lies, another one
//! is fetched, as shallow as the questions allow, into a private folder that is removed after the
//! run. Only with `push` something is changed: a branch of a random name is pushed into a repository that
//! the settings name as a sandbox, and removed again on every path; such a check is opt-in. A pass proves what
//! the repository held at that moment; a shallow history proves nothing about what lies before it.

mod churn;
mod document;
pub(super) mod documents;
mod facts;
mod fault;
mod files;
mod history;
mod judge;
mod look;
mod place;
mod private;
mod push;
mod refs;
mod releases;
mod search;
mod since;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::expect::Gap;
use crate::model::{Access, Class, Timestamp, Verdict};
use crate::probe::guard::lane::Lane;
use crate::probe::kinds::process::pattern;
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

use churn::Churn;
use facts::Facts;
use files::Wanted;
use history::History;
use place::Reach;
use push::Push;
use releases::Releases;
use search::Search;

/// Looks at a Git repository by the program `git`, which must be installed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Git {
    /// A target whose address is the repository: `https://`, `http://`, `git://` or `ssh://`, without a
    /// login, or an absolute path. Its credential is a token or password for http.
    target: Option<String>,
    /// The repository in place of a target.
    repository: Option<String>,
    /// User of the login over http; without one the credential is sent as a bearer token.
    user: Option<String>,
    /// Absolute path of the private key for ssh.
    ssh_key: Option<String>,
    /// Absolute path of the file of known hosts for ssh; the host must be in it.
    ssh_known_hosts: Option<String>,
    /// What is looked at: a branch, a tag, a whole commit id, or `HEAD`.
    r#ref: String,
    /// Regular expression for the branches to list; none: no branch is listed.
    branches: Option<String>,
    /// Of each branch that `branches` matches, the first commit that `ref` has not is looked up; fetches them.
    branch_starts: bool,
    /// Regular expression for the tags to list; none: no tag is listed.
    tags: Option<String>,
    /// The commit is fetched even if nothing else asks for it.
    fetch: bool,
    /// Commits of the history that are fetched where `history` asks for it; 0: all.
    depth: u32,
    /// Bytes that a fetched repository may take on disk.
    max_bytes: u64,
    /// Files at `ref`, and what they must hold.
    files: Vec<Wanted>,
    /// Lines of the files at `ref` that match a pattern.
    search: Vec<Search>,
    /// When paths were changed last.
    history: Vec<History>,
    /// How much paths have changed since commits that another leg saw.
    churn: Vec<Churn>,
    /// What lies between one release and the next.
    releases: Option<Releases>,
    /// Folder inside the repository of which all `.json`, `.yaml` and `.yml` files are read whole, also those of
    /// folders in it, for `committed` of other kinds. At most 100 files of 1 MiB, 6 MiB in all; of more nothing
    /// is judged, nor of a folder with a symbolic link or another repository in it. Of several documents in one
    /// file of YAML, `a.yml`, the second is `a.yml#2`. What they hold is evidence, so nothing in it may be secret.
    documents: Option<String>,
    /// A branch with an empty commit is pushed, seen on the server, and removed again. The repository must
    /// be listed in `engine.sandbox_repositories`; the check must be enabled as one that changes its target.
    push: Option<Push>,
    #[serde(skip)]
    #[schemars(skip)]
    lane: Lane,
}

impl Default for Git {
    fn default() -> Self {
        Self {
            target: None,
            repository: None,
            user: None,
            ssh_key: None,
            ssh_known_hosts: None,
            r#ref: "HEAD".to_owned(),
            branches: None,
            branch_starts: false,
            tags: None,
            fetch: false,
            depth: 1000,
            max_bytes: 256 << 20,
            files: Vec::new(),
            search: Vec::new(),
            history: Vec::new(),
            churn: Vec::new(),
            releases: None,
            documents: None,
            push: None,
            lane: Lane::default(),
        }
    }
}

/// Files, searches or histories of one leg.
const ENTRIES: usize = 50;
/// No leg fetches more.
const BYTES_CEILING: u64 = 4 << 30;

impl Probe for Git {
    const NAME: &'static str = "git";
    const SUMMARY: &'static str = "Looks at a Git repository: refs, files, content, history";
    const CLASS: Class = Class::Command;
    type Facts = Facts;

    fn access(&self) -> Access {
        if self.push.is_some() { Access::Mutates } else { Access::Read }
    }

    fn check(&self, findings: &mut Findings) {
        super::one_place(&self.target, "repository", &self.repository, findings);
        if let Some(Err(why)) = self.repository.as_deref().map(place::Scheme::of) {
            findings.error("repository", why);
        }
        if !refs::is_plain(&self.r#ref) {
            findings.error("ref", "expected a branch, a tag, a commit id or HEAD");
        }
        for (field, text) in [("branches", &self.branches), ("tags", &self.tags)] {
            if let Some(Err(why)) = text.as_deref().map(pattern) {
                findings.error(field, why);
            }
        }
        if let Some(push) = &self.push {
            push.check(findings);
        }
        if let Some(Err(why)) = self.documents.as_deref().map(documents::is_folder) {
            findings.error("documents", why);
        }
        if self.branch_starts && self.branches.is_none() {
            findings.error("branch_starts", "`branches` says which");
        }
        for (field, path) in [("ssh_key", &self.ssh_key), ("ssh_known_hosts", &self.ssh_known_hosts)] {
            if path.as_deref().is_some_and(|path| !place::is_plain_path(path)) {
                findings.error(field, "expected an absolute path of letters, digits and ._-/");
            }
        }
        if self.max_bytes > BYTES_CEILING {
            findings.error("max_bytes", format!("at most {BYTES_CEILING} bytes can be fetched"));
        }
        for (field, count) in [
            ("files", self.files.len()),
            ("search", self.search.len()),
            ("history", self.history.len()),
            ("churn", self.churn.len()),
        ] {
            if count > ENTRIES {
                findings.error(field, format!("at most {ENTRIES} entries"));
            }
        }
        self.files.iter().enumerate().for_each(|(at, wanted)| wanted.check(at, findings));
        self.search.iter().enumerate().for_each(|(at, search)| search.check(at, findings));
        self.history.iter().enumerate().for_each(|(at, history)| history.check(at, findings));
        self.churn.iter().enumerate().for_each(|(at, churn)| churn.check(at, findings));
        self.releases.iter().for_each(|releases| releases.check(findings));
        once("search", self.search.iter().map(|search| &search.name), findings);
        once("history", self.history.iter().map(|history| &history.name), findings);
        once("churn", self.churn.iter().map(|churn| &churn.name), findings);
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn address(&self) -> String {
        self.repository.clone().unwrap_or_default()
    }

    fn legs(&self) -> Vec<&str> {
        let reviewed = self.releases.iter().filter_map(|releases| releases.reviewed.as_ref());
        self.churn.iter().map(|churn| &churn.since).chain(reviewed).map(|side| side.leg.as_str()).collect()
    }

    fn owns(&self) -> Vec<(String, String)> {
        self.push.iter().map(|push| ("push.name".to_owned(), push.owner())).collect()
    }

    fn expects(&self) -> Option<&'static str> {
        Some("a Git repository")
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        look::look(self, cx).await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        judge::judge(self, facts)
    }

    fn gaps(&self, facts: &Facts) -> Vec<Gap> {
        facts.gaps()
    }
}

/// The facts keep each under its name, so the second would take the place of the first.
fn once<'a>(field: &str, names: impl Iterator<Item = &'a String>, findings: &mut Findings) {
    let mut seen: Vec<&String> = Vec::new();
    for (at, name) in names.enumerate() {
        if let Some(first) = seen.iter().position(|other| *other == name) {
            findings.error(&format!("{field}[{at}].name"), format!("`{field}[{first}]` has the same name"));
        }
        seen.push(name);
    }
}

impl Git {
    fn reach(&self) -> Reach {
        Reach {
            by_target: self.target.is_some(),
            repository: self.repository.clone(),
            user: self.user.clone(),
            ssh_key: self.ssh_key.clone(),
            ssh_known_hosts: self.ssh_known_hosts.clone(),
        }
    }

    /// Whether the content of files is needed, not only their names and times.
    fn needs_content(&self) -> bool {
        self.fetch
            || self.push.is_some()
            || self.documents.is_some()
            || !self.files.is_empty()
            || !self.search.is_empty()
            || !self.churn.is_empty()
    }

    fn needs_history(&self) -> bool {
        let since = self.files.iter().flat_map(|wanted| wanted.collect.values()).any(|collect| collect.since);
        let aged = self.search.iter().any(|search| search.max_age_s.is_some());
        since
            || aged
            || self.branch_starts
            || !self.history.is_empty()
            || !self.churn.is_empty()
            || self.releases.is_some()
    }

    fn needs_commit(&self) -> bool {
        self.needs_content() || self.needs_history()
    }
}
