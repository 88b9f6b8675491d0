//! Volumes, and which running containers mount them.

use bollard::models::ContainerSummary;
use bollard::query_parameters::ListVolumesOptions;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::container::age;
use super::containers::{has_label, names};
use super::facts::{Facts, count, text};
use super::parameters::Volumes;
use super::session::Session;
use crate::probe::ProbeError;
use crate::probe::pattern::fits;

const MAX_VOLUMES: usize = 500;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) driver: String,
    /// Since it was made; null if the engine does not say.
    pub(super) age_s: Option<f64>,
    /// Running containers that mount it.
    pub(super) used_by: Vec<String>,
}

pub(super) async fn look(
    session: &mut Session<'_>,
    leg: &Volumes,
    containers: &[ContainerSummary],
    facts: &mut Facts,
) -> Result<(), ProbeError> {
    let ask =
        session.call("GET /volumes", |docker| async move { docker.list_volumes(None::<ListVolumesOptions>).await });
    let all = ask.await.map_err(|fault| fault.into_error("volumes"))?.volumes.unwrap_or_default();
    let is_meant = |volume: &&bollard::models::Volume| {
        leg.name.as_deref().is_none_or(|pattern| fits(pattern, &volume.name))
            && (leg.names.is_empty() || leg.names.contains(&volume.name))
            && leg.labels.iter().all(|wanted| has_label(Some(&volume.labels), wanted))
    };
    let meant: Vec<_> = all.iter().filter(is_meant).collect();
    let is_there = |name: &&String| meant.iter().any(|volume| volume.name == **name);
    facts.missing.extend(leg.names.iter().filter(|name| !is_there(name)).cloned());
    facts.volume_count = count(meant.len());
    let now = session.cx().now();
    for volume in meant.into_iter().take(MAX_VOLUMES) {
        let mounts = |container: &&ContainerSummary| {
            let mut mounts = container.mounts.iter().flatten();
            mounts.any(|mount| mount.name.as_ref() == Some(&volume.name))
        };
        let runs = |container: &&ContainerSummary| {
            container
                .state
                .is_some_and(|state| matches!(state.to_string().as_str(), "running" | "paused" | "restarting"))
        };
        let users = containers.iter().filter(runs).filter(mounts);
        facts.volumes.push(Volume {
            name: text(&volume.name),
            driver: text(&volume.driver),
            age_s: age(volume.created_at.as_deref(), now),
            used_by: users.filter_map(|container| names(container).next()).map(text).collect(),
        });
    }
    Ok(())
}
