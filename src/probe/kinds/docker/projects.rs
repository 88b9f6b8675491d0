//! Compose projects, by the labels that Compose sets on what it starts.

use std::collections::BTreeMap;

use bollard::models::ContainerSummary;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::container::{Container, ONE_OFF, PROJECT};
use super::containers::inspect;
use super::facts::text;
use super::parameters::{Containers, Projects};
use super::session::Session;
use crate::probe::ProbeError;

/// Containers of one project that are looked at.
const MAX_CONTAINERS: usize = 100;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Project {
    pub(super) name: String,
    pub(super) services: Vec<Service>,
    /// It has more containers than are looked at.
    pub(super) is_cut: bool,
}

/// Containers that were started for one command only do not count.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Service {
    pub(super) service: String,
    /// Those that there are, running or not.
    pub(super) expected: u32,
    pub(super) running: u32,
    /// Ended with status 0.
    pub(super) completed: u32,
    pub(super) healthy: u32,
    pub(super) unhealthy: u32,
    pub(super) starting: u32,
    /// Running, without a health check.
    pub(super) unchecked: u32,
    /// What is with one that does not run, or is not healthy.
    pub(super) trouble: String,
}

pub(super) async fn look(
    session: &mut Session<'_>,
    leg: &Projects,
    all: &[ContainerSummary],
) -> Result<Vec<Project>, ProbeError> {
    let mut projects = Vec::new();
    for name in &leg.names {
        let label = |container: &ContainerSummary, label: &str| container.labels.as_ref()?.get(label).cloned();
        let is_of = |container: &&ContainerSummary| {
            label(container, PROJECT).as_ref() == Some(name)
                && label(container, ONE_OFF).is_none_or(|value| !value.eq_ignore_ascii_case("true"))
        };
        let of: Vec<_> = all.iter().filter(is_of).collect();
        let mut services: BTreeMap<String, Service> = BTreeMap::new();
        for summary in of.iter().take(MAX_CONTAINERS) {
            if let Some(container) = inspect(session, &Containers::default(), summary).await? {
                services.entry(container.service.clone()).or_default().add(&container);
            }
        }
        let named = |(service, counts)| Service { service, ..counts };
        let services = services.into_iter().map(named).collect();
        projects.push(Project { name: text(name), services, is_cut: of.len() > MAX_CONTAINERS });
    }
    Ok(projects)
}

impl Service {
    fn add(&mut self, container: &Container) {
        self.expected += 1;
        self.running += u32::from(container.is_running);
        self.completed += u32::from(container.state == "exited" && container.exit_code == 0);
        let health = container.health.as_deref().filter(|_| container.is_running);
        self.healthy += u32::from(health == Some("healthy"));
        self.unhealthy += u32::from(health == Some("unhealthy"));
        self.starting += u32::from(health == Some("starting"));
        self.unchecked += u32::from(container.is_running && health.is_none());
        if !container.is_running || matches!(health, Some("unhealthy" | "starting")) {
            self.trouble = format!("{} {}", container.name, container.condition());
        }
    }
}
