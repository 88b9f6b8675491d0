//! A branch is pushed into a sandbox repository, seen there, and removed again.
//!
//! Its name has a random part, and is written down before anything is sent. The server is told that the
//! branch must not exist yet; removing it is bound to the commit that was pushed. So neither touches what
//! somebody else made, and nothing is ever forced.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;

use super::facts::Pushed;
use super::look::KEPT;
use super::place::{Place, Reach, Scheme};
use super::{fault, refs};
use crate::model::Reason;
use crate::probe::hazards::{Debt, Leftover, Paid, Site, Undo, random_name, settle};
use crate::probe::line::line;
use crate::probe::{Findings, ProbeCx, ProbeError};

/// A branch with one empty commit on top of `ref`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Push {
    /// Lower-case letters, digits and hyphens. What a run leaves behind is kept under it, so no two
    /// checks may have the same.
    name: String,
    /// The name of the branch begins with it, and ends with random letters.
    prefix: String,
    /// Kept of the timeout of the check for removing the branch, in seconds; 1 to 60.
    cleanup_s: u32,
}

impl Default for Push {
    fn default() -> Self {
        Self { name: String::new(), prefix: "readiness-canary/".to_owned(), cleanup_s: 10 }
    }
}

/// Bytes of what the server says.
const SAID: usize = 200;
/// Under these names the journal keeps what may have to be removed.
const BRANCH: &str = "branch";
const COMMIT: &str = "commit";

impl Push {
    pub(super) fn check(&self, findings: &mut Findings) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(plain) {
            findings.error("push.name", "expected 1 to 64 lower-case letters, digits and hyphens");
        }
        let recognisable = self.prefix.len() >= 4 && self.prefix.len() <= 64 && self.prefix.ends_with(['/', '-']);
        if !recognisable || !refs::is_plain(&self.prefix) || self.prefix.contains("//") {
            findings.error("push.prefix", "expected 4 to 64 letters, digits and ._+-/ that end with / or -");
        }
        if !(1..=60).contains(&self.cleanup_s) {
            findings.error("push.cleanup_s", "expected 1 to 60 seconds");
        }
    }

    fn within(&self) -> Duration {
        Duration::from_secs(self.cleanup_s.into())
    }

    /// No scenario can have this name.
    pub(super) fn owner(&self) -> String {
        format!("git.{}", self.name)
    }
}

/// Removes a branch; owns what that needs, so that it can outlive the run.
pub(super) struct Remover(pub(super) Reach);

impl Remover {
    fn site(&self, cx: &ProbeCx) -> Result<Site, ProbeError> {
        Ok(match &self.0.repository {
            Some(address) => Site::new(None, [address.as_str()]),
            None => Site::new(Some(cx.target()?), [&*cx.target()?.address]),
        })
    }
}

impl Undo for Remover {
    async fn undo(&self, cx: &ProbeCx, record: &Leftover) -> Result<(), ProbeError> {
        let (Some(branch), Some(commit)) = (record.values.get(BRANCH), record.values.get(COMMIT)) else {
            return Err(ProbeError::internal("the record of a push names no branch"));
        };
        if !refs::is_plain(branch) || !refs::is_commit(commit) {
            return Err(ProbeError::internal("the record of a push names no branch that could have been pushed"));
        }
        let place = Place::of(&self.0, cx).await?;
        allowed(&place)?;
        match on_server(&place, branch).await? {
            None => Ok(()),
            Some(seen) if seen == *commit => {
                place.init().await?;
                let reference = format!("refs/heads/{branch}");
                let lease = format!("--force-with-lease={reference}:{commit}");
                let gone = format!(":{reference}");
                let ended = place.push(&[&lease], &gone).await.map_err(|unheard| unheard.error)?;
                match on_server(&place, branch).await? {
                    None => Ok(()),
                    Some(_) => Err(ProbeError::target(
                        Reason::Assertion,
                        format!(
                            "expected the pushed branch {} to be removed, and it is still there: {}",
                            line(branch, SAID),
                            ended.err().unwrap_or_else(|| "the server said nothing".to_owned())
                        ),
                    )),
                }
            }
            Some(_) => Err(ProbeError::observer(
                Reason::Other,
                format!("somebody else has pushed to {}, so it is not removed", line(branch, SAID)),
            )),
        }
    }
}

/// Only into what is declared to be a sandbox.
pub(super) fn allowed(place: &Place<'_>) -> Result<(), ProbeError> {
    if place.scheme == Scheme::Local {
        return Err(ProbeError::unconfigured("a branch is pushed over a network, not into a path"));
    }
    if !place.cx().clients().hazards().may_push(&place.address) {
        let text = "expected the address of the repository to be listed in engine.sandbox_repositories, and it is not";
        return Err(ProbeError::observer(Reason::NotEnabled, text));
    }
    Ok(())
}

/// First, before anything is fetched: what earlier runs left is removed.
pub(super) async fn settle_earlier(push: &Push, remover: &Arc<Remover>, cx: &ProbeCx) -> Result<u64, ProbeError> {
    settle(remover, cx, &remover.site(cx)?, &push.owner(), until(push, cx)?).await
}

fn until(push: &Push, cx: &ProbeCx) -> Result<Instant, ProbeError> {
    let until = cx.deadline().checked_sub(push.within()).unwrap_or_else(Instant::now);
    if until <= Instant::now() {
        let text = format!("`push.cleanup_s` is {} s, which leaves nothing of the timeout", push.cleanup_s);
        return Err(ProbeError::unconfigured(text));
    }
    Ok(until)
}

/// Commits on top of what was fetched, pushes, looks, removes, looks again.
pub(super) async fn perform(push: &Push, remover: &Arc<Remover>, place: &Place<'_>) -> Result<Pushed, ProbeError> {
    let cx = place.cx();
    let commit = commit(place).await?;
    let run = random_name()?;
    let branch = format!("{}{run}", push.prefix);
    let mut pushed = Pushed { branch: branch.clone(), commit: commit.clone(), ..Pushed::default() };
    if on_server(place, &branch).await?.is_some() {
        return Err(ProbeError::internal("a branch of this random name exists already"));
    }
    let record = Leftover {
        name: push.owner(),
        run,
        values: [(BRANCH.to_owned(), branch.clone()), (COMMIT.to_owned(), commit.clone())].into(),
        ..Leftover::default()
    };
    let mut debt = Debt::begin(remover, cx, &remover.site(cx)?, record, push.within()).await?;
    let reference = format!("refs/heads/{branch}");
    let seen = tokio::time::timeout_at(until(push, cx)?, async {
        // An empty value after the colon: there must be no such branch.
        let lease = format!("--force-with-lease={reference}:");
        let ended = place.push(&[&lease], &format!("{commit}:{reference}")).await;
        if ended.as_ref().err().is_none_or(|failed| failed.refused) {
            debt.answered().await;
        }
        match ended.map_err(|failed| failed.error)? {
            Err(said) => Ok((Some(said), None)),
            Ok(()) => Ok((None, on_server(place, &branch).await?)),
        }
    })
    .await;
    let seen = seen.unwrap_or_else(|_| {
        let detail = "the server did not take the branch in time";
        Err(ProbeError::target(Reason::Timeout, detail))
    });
    // Whatever came of it: what the server has of it goes.
    let paid = debt.pay(cx.deadline()).await;
    (pushed.refused, pushed.listed) = seen.map_err(|error| match &paid {
        Ok(Paid::Gone) => error,
        Ok(Paid::MayStillCome) => {
            let detail = format!("{}; the server may take the branch yet, so the next run looks again", error.detail);
            ProbeError { detail, ..error }
        }
        Err(kept) => {
            let detail = format!("{}; the branch may be left behind: {}", error.detail, kept.detail);
            ProbeError { detail, ..error }
        }
    })?;
    match paid {
        Ok(_) => pushed.removed = true,
        Err(error) => {
            pushed.refuses_removal = error.reason == Reason::Assertion;
            pushed.kept = Some(error.detail);
        }
    }
    Ok(pushed)
}

/// An empty commit: the tree of what was fetched, and nothing more.
async fn commit(place: &Place<'_>) -> Result<String, ProbeError> {
    let tree = format!("{KEPT}^{{tree}}");
    let message = "Readiness canary: proves that a push reaches this repository; the branch is removed at once\n";
    let arguments = ["commit-tree", tree.as_str(), "-p", KEPT, "-F", "-"];
    let ended = place.ask(&arguments, Some(message.as_bytes().to_vec())).await?;
    let id = String::from_utf8_lossy(&ended.stdout.bytes).trim().to_owned();
    refs::is_commit(&id).then_some(id).ok_or_else(|| ProbeError::internal("git made no commit"))
}

/// The commit of this branch on the server.
async fn on_server(place: &Place<'_>, branch: &str) -> Result<Option<String>, ProbeError> {
    let reference = format!("refs/heads/{branch}");
    let ended = place.remote(false, &["ls-remote", "--", &place.address, &reference]).await?;
    if ended.exit_code != Some(0) {
        return Err(fault::of("ls-remote", ended.exit_code, &ended.stderr.bytes));
    }
    let listed = refs::Listed::read(&String::from_utf8_lossy(&ended.stdout.bytes), ended.stdout.truncated);
    if listed.cut {
        return Err(ProbeError::observer(Reason::TooLarge, "the list of one branch was too long to be read"));
    }
    Ok(listed.ids.get(&reference).cloned())
}

/// A push of which git does not say that it was taken or refused.
struct Failed {
    error: ProbeError,
    /// We were not let in, so that nothing was taken.
    refused: bool,
}

impl From<ProbeError> for Failed {
    fn from(error: ProbeError) -> Self {
        Self { error, refused: false }
    }
}

/// Parts of what git says, lower case, when the server has not let us in.
const NOT_LET_IN: &[&str] = &[
    "authentication failed",
    "could not read username",
    "could not read password",
    "terminal prompts disabled",
    "permission denied (",
    "returned error: 401",
    "returned error: 403",
    "http 401",
    "http 403",
];

/// What the server itself says, such as a hook of it, is a line that begins with `remote:`.
fn not_let_in(stderr: &[u8]) -> bool {
    let said = String::from_utf8_lossy(stderr).to_lowercase();
    let own = || said.lines().filter(|line| !line.trim_start().starts_with("remote:"));
    own().any(|line| NOT_LET_IN.iter().any(|part| line.contains(part)))
}

impl Place<'_> {
    /// Pushes one ref. `Err` inside: what the server said when it refused this ref.
    async fn push(&self, options: &[&str], specification: &str) -> Result<Result<(), String>, Failed> {
        let mut arguments = vec!["push", "--porcelain", "--no-verify", "--recurse-submodules=no"];
        arguments.extend(options);
        arguments.extend(["--", &self.address, specification]);
        let ended = self.remote(true, &arguments).await?;
        if ended.exit_code == Some(0) {
            return Ok(Ok(()));
        }
        // `!<tab>from:to<tab>[remote rejected] (why)`: the server was reached, and said no.
        let text = String::from_utf8_lossy(&ended.stdout.bytes);
        let refusal = text.lines().find_map(|line| line.strip_prefix("!\t")?.split_once('\t').map(|(_, why)| why));
        match refusal {
            // The server was heard no more after it had got everything.
            Some(why) if why.starts_with("[remote failure]") => {
                let text = format!("git push ended without an answer of the server: {}", line(why, SAID));
                Err(ProbeError::target(Reason::Reset, text).into())
            }
            Some(why) => Ok(Err(line(why, SAID))),
            None => Err(Failed {
                error: fault::of("push", ended.exit_code, &ended.stderr.bytes),
                refused: not_let_in(&ended.stderr.bytes),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_git_says_that_we_were_not_let_in() {
        for (said, refused) in [
            ("fatal: unable to access 'https://h/': The requested URL returned error: 403", true),
            ("error: RPC failed; HTTP 401 curl 22", true),
            ("git@h: Permission denied (publickey).", true),
            ("error: RPC failed; HTTP 504 curl 22", false),
            ("fatal: the remote end hung up unexpectedly", false),
            ("remote: hook: permission denied (x)\nfatal: the remote end hung up unexpectedly", false),
        ] {
            assert_eq!(not_let_in(said.as_bytes()), refused, "{said}");
        }
    }
}
