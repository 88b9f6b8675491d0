//! One look: the refs, then, if anything asks for it, the commit and what is in it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::facts::{Facts, Pushed, Seen};
use super::place::{Place, Scheme};
use super::private::Folder;
use super::push::{self, Remover};
use super::{Git, churn, documents, fault, files, history, refs, releases, search};
use crate::model::Reason;
use crate::probe::kinds::process::pattern;
use crate::probe::{ProbeCx, ProbeError};

/// Between two looks at how much was fetched.
const PACE: Duration = Duration::from_millis(100);
/// The name under which what was fetched is kept.
pub(super) const KEPT: &str = "refs/probe/at";

pub(super) async fn look(leg: &Git, cx: &ProbeCx) -> Result<Facts, ProbeError> {
    let compiled = |text: &Option<String>| text.as_deref().map(pattern).transpose().map_err(ProbeError::unconfigured);
    let (tags, branches) = (compiled(&leg.tags)?, compiled(&leg.branches)?);
    let reach = leg.reach();
    let place = Place::of(&reach, cx).await?;
    let remover = Arc::new(Remover(reach.clone()));
    let mut leftovers_cleaned = 0;
    if let Some(push) = &leg.push {
        push::allowed(&place)?;
        leftovers_cleaned = push::settle_earlier(push, &remover, cx).await?;
    }
    let listed = refs::list(&place).await?;
    let mut facts = Facts::default();
    listed.tell(&mut facts, tags.as_ref(), branches.as_ref());
    let resolved = listed.resolve(&leg.r#ref).or_else(|| {
        // A commit is asked for by its id, which no list names.
        refs::is_commit(&leg.r#ref).then(|| (leg.r#ref.clone(), leg.r#ref.clone()))
    });
    let Some((name, id)) = resolved else { return Ok(facts) };
    facts.commit = Some(id);
    if !leg.needs_commit() {
        return Ok(facts);
    }
    let starts = history::branches(&listed, branches.as_ref().filter(|_| leg.branch_starts))?;
    if place.scheme != Scheme::Local {
        let mut besides = history::sinces(leg, &listed);
        if let Some(releases) = &leg.releases {
            besides.extend(releases.tags(&listed)?.iter().map(|tag| format!("+refs/tags/{tag}:refs/tags/{tag}")));
        }
        let branch = |(at, name): (usize, &String)| format!("+refs/heads/{name}:refs/probe/branch-{at}");
        besides.extend(starts.iter().enumerate().map(branch));
        fetch(leg, &place, &name, &besides).await?;
    }
    let at = if place.scheme == Scheme::Local { name.as_str() } else { KEPT };
    let ended = place.run(true, &["rev-parse", "-q", "--verify", &format!("{at}^{{commit}}")], None).await?;
    let commit = String::from_utf8_lossy(&ended.stdout.bytes).trim().to_owned();
    if ended.exit_code != Some(0) || !refs::is_commit(&commit) {
        if refs::is_commit(&leg.r#ref) {
            facts.commit = None;
            return Ok(facts);
        }
        return Err(fault::of("rev-parse", ended.exit_code, &ended.stderr.bytes));
    }
    facts.files = files::look(&place, &commit, &leg.files).await?;
    if let Some(why) = facts.files.iter().find_map(Seen::cut) {
        facts.incomplete.insert("files".to_owned(), why);
    }
    for wanted in &leg.search {
        let found = search::look(&place, &commit, wanted).await?;
        if found.more {
            facts.incomplete.insert("search".to_owned(), "a search found more than is kept".to_owned());
        }
        facts.search.insert(wanted.name.clone(), found);
    }
    for wanted in &leg.history {
        let change = history::look(&place, &commit, wanted, &listed).await?;
        if let Some(why) = change.uncounted.clone() {
            facts.incomplete.insert("history".to_owned(), why);
        }
        if change.cut {
            facts.incomplete.insert("history".to_owned(), format!("only {} commits were fetched", leg.depth));
        }
        facts.history.insert(wanted.name.clone(), change);
    }
    for (number, name) in starts.iter().enumerate() {
        let local = place.scheme == Scheme::Local;
        let at = if local { format!("refs/heads/{name}") } else { format!("refs/probe/branch-{number}") };
        match history::start(&place, &commit, name, &at).await? {
            Ok(start) => facts.branch_starts.push(start),
            Err(why) => drop(facts.incomplete.insert("branch_starts".to_owned(), why)),
        }
    }
    if !leg.history.is_empty() {
        facts.first_commit_s = history::first(&place, &commit).await?;
    }
    for wanted in &leg.churn {
        let changed = churn::look(&place, &commit, wanted).await?;
        if changed.cut {
            facts.incomplete.insert("churn".to_owned(), format!("only {} commits were fetched", leg.depth));
        }
        facts.churn.insert(wanted.name.clone(), changed);
    }
    if let Some(wanted) = &leg.releases {
        let (found, whole) = releases::look(&place, wanted, &listed).await?;
        if !whole {
            facts.incomplete.insert("releases".to_owned(), format!("only {} commits were fetched", leg.depth));
        }
        facts.releases = found;
    }
    if let Some(folder) = &leg.documents {
        facts.documents = documents::look(&place, &commit, folder, &leg.lane).await?;
    }
    facts.fetched = Some(commit);
    if let Some(push) = &leg.push {
        facts.pushed = Some(Pushed { leftovers_cleaned, ..push::perform(push, &remover, &place).await? });
    }
    Ok(facts)
}

/// Fetches what is needed, and gives up when it takes more room than allowed.
async fn fetch(leg: &Git, place: &Place<'_>, name: &str, sinces: &[String]) -> Result<(), ProbeError> {
    place.init().await?;
    let depth = if leg.needs_history() { leg.depth } else { 1 };
    let depth = format!("--depth={depth}");
    let specification = format!("+{name}:{KEPT}");
    let mut arguments = vec!["fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"];
    if !leg.needs_history() || leg.depth > 0 {
        arguments.push(&depth);
    }
    if !leg.needs_content() {
        arguments.push("--filter=blob:none");
    }
    arguments.extend(["--", &place.address, &specification]);
    arguments.extend(sinces.iter().map(String::as_str));
    let ended = tokio::select! {
        ended = place.run(true, &arguments, None) => ended?,
        size = outgrown(place, leg.max_bytes) => return Err(too_large(size, leg.max_bytes)),
    };
    if ended.exit_code != Some(0) {
        return Err(fault::of("fetch", ended.exit_code, &ended.stderr.bytes));
    }
    let size = measured(place).await;
    if size > leg.max_bytes {
        return Err(too_large(size, leg.max_bytes));
    }
    place.cx().note("fetched", format!("{size} bytes"));
    Ok(())
}

/// Ends when the folder is larger than allowed, and never otherwise.
async fn outgrown(place: &Place<'_>, limit: u64) -> u64 {
    loop {
        sleep(PACE).await;
        let size = measured(place).await;
        if size > limit {
            return size;
        }
    }
}

async fn measured(place: &Place<'_>) -> u64 {
    let folder = place.folder.path().to_owned();
    tokio::task::spawn_blocking(move || Folder::bytes(&folder)).await.unwrap_or(0)
}

fn too_large(size: u64, limit: u64) -> ProbeError {
    let detail = format!("the repository takes more than {limit} bytes: fetching was given up at {size}");
    ProbeError::observer(Reason::TooLarge, detail)
}
