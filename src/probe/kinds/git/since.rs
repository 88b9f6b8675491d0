//! Since when a file has mentioned what it mentions now.

use std::collections::{BTreeMap, BTreeSet};

use super::document::NoValues;
use super::files::{Wanted, blob};
use super::history::shallow;
use super::place::Place;
use crate::probe::ProbeError;

/// Versions of one file that are looked at.
const VERSIONS: usize = 100;

/// Times in seconds since 1970, by text; `false` if the history that was looked at ends before all are known.
pub(super) async fn look(
    place: &Place<'_>,
    commit: &str,
    wanted: &Wanted,
    name: &str,
    now: &BTreeSet<String>,
) -> Result<(BTreeMap<String, f64>, bool), ProbeError> {
    let path = format!(":(literal){}", wanted.path);
    let most = format!("--max-count={}", VERSIONS + 1);
    let arguments =
        ["log", &most, "--no-renames", "--no-ext-diff", "--no-patch", "--format=%H%x09%ct", commit, "--", &path];
    let ended = place.ask(&arguments, None).await?;
    let said = String::from_utf8_lossy(&ended.stdout.bytes).into_owned();
    let mut versions = said.lines().filter_map(|line| line.split_once('\t'));
    let (mut since, mut open) = (BTreeMap::new(), now.clone());
    for (id, at) in versions.by_ref().take(VERSIONS) {
        if open.is_empty() {
            break;
        }
        let Ok(at) = at.parse::<f64>() else { continue };
        let content = blob(place, id, &wanted.path).await?;
        let collect = wanted.collect.get(name);
        let (found, more) = match (content, collect) {
            // A version that could not be read then mentions nothing.
            (Some((_, content)), Some(collect)) => match wanted.meant(&String::from_utf8_lossy(&content)) {
                Ok(text) => collect.look(&text)?,
                Err(NoValues::Unreadable(_)) => (BTreeSet::new(), false),
                Err(NoValues::TooLarge) => (BTreeSet::new(), true),
            },
            _ => (BTreeSet::new(), false),
        };
        // What else it mentioned is not known, so the history that can be told ends here.
        if more && !open.is_subset(&found) {
            return Ok((since, false));
        }
        open.retain(|text| found.contains(text));
        since.extend(open.iter().map(|text| (text.clone(), at)));
    }
    let whole = open.is_empty() || (versions.next().is_none() && shallow(place).await?.is_empty());
    Ok((since, whole))
}
