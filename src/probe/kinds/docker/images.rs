//! Images by their references.

use bollard::models::ImageInspect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::container::{age, is_root};
use super::facts::{MAX_ITEMS, optional, text};
use super::fault::Fault;
use super::parameters::Images;
use super::session::Session;
use crate::model::Timestamp;
use crate::probe::ProbeError;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Image {
    /// As it was asked for.
    pub(super) reference: String,
    pub(super) is_present: bool,
    /// As `sha256:…`.
    pub(super) id: String,
    pub(super) tags: Vec<String>,
    /// Under which registries know it, as `name@sha256:…`; none if it was only built here.
    pub(super) digests: Vec<String>,
    /// Since it was built; null if the image does not say.
    pub(super) age_s: Option<f64>,
    pub(super) size_bytes: i64,
    /// Such as `linux` and `amd64`.
    pub(super) os: String,
    pub(super) arch: String,
    /// Empty stands for root.
    pub(super) user: String,
    pub(super) is_root: bool,
}

pub(super) async fn look(session: &mut Session<'_>, leg: &Images) -> Result<Vec<Image>, ProbeError> {
    let mut all = Vec::new();
    for reference in &leg.references {
        let reference = leg.full(reference);
        let (asked, now) = (reference.clone(), session.cx().now());
        let ask = session.call("GET /images/{name}/json", |docker| async move { docker.inspect_image(&asked).await });
        all.push(match ask.await {
            Ok(answer) => of(reference, &answer, now),
            Err(Fault::Absent) => Image { reference, ..Image::default() },
            Err(Fault::Error(error)) => return Err(error),
        });
    }
    Ok(all)
}

fn of(reference: String, answer: &ImageInspect, now: Timestamp) -> Image {
    let list = |of: &Option<Vec<String>>| of.iter().flatten().take(MAX_ITEMS).map(text).collect::<Vec<_>>();
    let user = optional(answer.config.as_ref().and_then(|config| config.user.as_ref()));
    Image {
        reference,
        is_present: true,
        id: optional(answer.id.as_ref()),
        tags: list(&answer.repo_tags),
        digests: digests(answer),
        age_s: age(answer.created.as_deref(), now),
        size_bytes: answer.size.unwrap_or_default(),
        os: optional(answer.os.as_ref()),
        arch: optional(answer.architecture.as_ref()),
        is_root: is_root(&user),
        user,
    }
}

/// Those that registries gave; where there is none the engine says `<none>@<none>`.
pub(super) fn digests(answer: &ImageInspect) -> Vec<String> {
    let all = answer.repo_digests.iter().flatten();
    all.filter(|digest| !digest.starts_with("<none>")).take(MAX_ITEMS).map(text).collect()
}
