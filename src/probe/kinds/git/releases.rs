//! What lies between one release and the next.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::history::shallow;
use super::place::Place;
use super::refs::{Listed, is_plain};
use crate::model::Reason;
use crate::probe::kinds::compare::side::Side;
use crate::probe::kinds::process::pattern;
use crate::probe::line::line;
use crate::probe::{Findings, ProbeError};

/// Releases, each of which must have brought a change of some paths, or a review, since the one before.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Releases {
    /// Regular expression for their tags, such as `^v[0-9]+\.0\.0$`.
    pub(super) tags: String,
    /// Patterns of paths as git takes them.
    pub(super) paths: Vec<String>,
    /// Where another leg of the item saw times of reviews, in seconds since 1970.
    pub(super) reviewed: Option<Side>,
}

/// One release, with what lies between it and the one before.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Release {
    pub(super) tag: String,
    pub(super) before: String,
    /// When the tags were made; of one that is no object, when its commit was.
    pub(super) at_s: f64,
    pub(super) before_s: f64,
    /// Commits that changed the paths.
    pub(super) changes: u64,
    pub(super) reviews: usize,
}

/// Releases that are looked at.
const RELEASES: usize = 100;

impl Releases {
    pub(super) fn check(&self, findings: &mut Findings) {
        if let Err(why) = pattern(&self.tags) {
            findings.error("releases.tags", why);
        }
        if self.tags.is_empty() || self.paths.is_empty() {
            findings.error("releases", "expected `tags` and `paths`");
        }
        if let Some(side) = &self.reviewed {
            side.check("releases.reviewed", findings);
        }
    }

    /// Their tags, in the order of their versions.
    pub(super) fn tags(&self, listed: &Listed) -> Result<Vec<String>, ProbeError> {
        let wanted = pattern(&self.tags).map_err(ProbeError::unconfigured)?;
        let tags: Vec<String> =
            listed.versions(&wanted).into_iter().rev().filter(|tag| is_plain(tag)).map(str::to_owned).collect();
        if tags.len() > RELEASES {
            let detail = format!("there are more than {RELEASES} releases");
            return Err(ProbeError::observer(Reason::TooLarge, detail));
        }
        Ok(tags)
    }
}

/// One for each release but the first, and whether the history was whole.
pub(super) async fn look(
    place: &Place<'_>,
    wanted: &Releases,
    listed: &Listed,
) -> Result<(Vec<Release>, bool), ProbeError> {
    let tags = wanted.tags(listed)?;
    let mut reviews: Vec<f64> = Vec::new();
    if let Some(side) = &wanted.reviewed {
        reviews.extend(side.values(place.cx())?.iter().filter_map(|text| text.parse::<f64>().ok()));
    }
    let ended =
        place.ask(&["for-each-ref", "--format=%(refname:strip=2)%09%(creatordate:unix)", "refs/tags"], None).await?;
    let said = String::from_utf8_lossy(&ended.stdout.bytes).into_owned();
    let times: BTreeMap<&str, f64> = said
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter_map(|(tag, at)| Some((tag, at.parse().ok()?)))
        .collect();
    let time = |tag: &String| {
        times.get(tag.as_str()).copied().ok_or_else(|| {
            ProbeError::observer(Reason::NoData, format!("the time of the tag {} is not known", line(tag, 100)))
        })
    };
    let mut found = Vec::new();
    for (before, tag) in tags.iter().zip(tags.iter().skip(1)) {
        let range = format!("refs/tags/{before}..refs/tags/{tag}");
        let mut arguments = vec!["rev-list", "--count", &range, "--"];
        arguments.extend(wanted.paths.iter().map(String::as_str));
        let ended = place.ask(&arguments, None).await?;
        let (at_s, before_s) = (time(tag)?, time(before)?);
        let changes = String::from_utf8_lossy(&ended.stdout.bytes).trim().parse().unwrap_or_default();
        let between = reviews.iter().filter(|&&at| before_s < at && at <= at_s).count();
        found.push(Release {
            tag: line(tag, 100),
            before: line(before, 100),
            at_s,
            before_s,
            changes,
            reviews: between,
        });
    }
    Ok((found, shallow(place).await?.is_empty()))
}
