//! What one look yields, and what of it is not the whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Docker;
use super::container::Container;
use super::disk::Disk;
use super::images::Image;
use super::networks::Network;
use super::projects::Project;
use super::volumes::Volume;
use crate::expect::Gap;
use crate::probe::line::line;

/// Elements of any list that the engine says, and bytes of any text.
pub(super) const MAX_ITEMS: usize = 64;
const MAX_TEXT: usize = 256;

/// Ages are in seconds, sizes in bytes. What was not asked for cannot be read.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    pub(super) engine: Engine,
    /// Whether it answered OK when asked for a sign of life.
    pub(super) alive: bool,
    pub(super) daemon: Option<Daemon>,
    /// Containers that were asked for, also those that are not shown.
    pub(super) container_count: u32,
    pub(super) containers: Vec<Container>,
    /// Of the one that uses most; with `usage`.
    pub(super) memory_used_max_bytes: Option<f64>,
    pub(super) images: Vec<Image>,
    pub(super) networks: Vec<Network>,
    /// Volumes that were asked for, also those that are not shown.
    pub(super) volume_count: u32,
    pub(super) volumes: Vec<Volume>,
    pub(super) projects: Vec<Project>,
    pub(super) disk: Option<Disk>,
    /// Names that were asked for and are not there: of containers and volumes.
    pub(super) missing: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Engine {
    /// Such as `Docker Engine - Community`, or empty.
    pub(super) platform: String,
    pub(super) version: String,
    pub(super) api_version: String,
    pub(super) min_api_version: String,
    /// The version that was agreed on.
    pub(super) api: String,
    /// Such as `linux` and `amd64`.
    pub(super) os: String,
    pub(super) arch: String,
    pub(super) kernel: String,
}

/// What the engine says of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Daemon {
    pub(super) name: String,
    pub(super) root_dir: String,
    /// Such as `overlay2`.
    pub(super) storage_driver: String,
    pub(super) logging_driver: String,
    pub(super) cgroup_driver: String,
    pub(super) cgroup_version: String,
    pub(super) security_options: Vec<String>,
    pub(super) warnings: Vec<String>,
    /// Such as `inactive` or `active`.
    pub(super) swarm: String,
    pub(super) is_swarm_manager: bool,
    pub(super) swarm_error: String,
    pub(super) live_restore: bool,
    pub(super) cpus: i64,
    pub(super) memory_bytes: i64,
    pub(super) containers_running: i64,
    pub(super) containers_paused: i64,
    pub(super) containers_stopped: i64,
    pub(super) image_count: i64,
}

/// Text of the engine, made one line.
pub(super) fn text(text: impl AsRef<str>) -> String {
    line(text.as_ref(), MAX_TEXT)
}

pub(super) fn optional(of: Option<&String>) -> String {
    of.map(text).unwrap_or_default()
}

pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

pub(super) fn gaps(leg: &Docker, facts: &Facts) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut hide = |fields: &[&'static str], why: &str| {
        gaps.extend(fields.iter().map(|field| Gap { field, why: why.to_owned(), hides: true }));
    };
    if !leg.daemon {
        hide(&["daemon"], "the engine was not asked about itself; write `daemon: true`");
    }
    match &leg.containers {
        None => hide(&["containers", "container_count", "memory_used_max_bytes"], "containers were not asked for"),
        Some(_) if facts.containers.len() < usize::try_from(facts.container_count).unwrap_or(usize::MAX) => {
            hide(&["containers", "memory_used_max_bytes"], "there are more containers than are looked at");
        }
        Some(_) => {}
    }
    if leg.images.is_none() {
        hide(&["images"], "images were not asked for");
    }
    if leg.networks.is_none() {
        hide(&["networks"], "networks were not asked for");
    }
    match &leg.volumes {
        None => hide(&["volumes", "volume_count"], "volumes were not asked for"),
        Some(_) if facts.volumes.len() < usize::try_from(facts.volume_count).unwrap_or(usize::MAX) => {
            hide(&["volumes"], "there are more volumes than are looked at");
        }
        Some(_) => {}
    }
    if leg.projects.is_none() {
        hide(&["projects"], "projects were not asked for");
    } else if facts.projects.iter().any(|project| project.is_cut) {
        hide(&["projects"], "there are more containers than are looked at");
    }
    if !leg.disk {
        hide(&["disk"], "the use of the disk was not asked for; write `disk: true`");
    }
    if leg.containers.is_none() && leg.volumes.is_none() {
        hide(&["missing"], "neither containers nor volumes were asked for");
    }
    gaps
}
