//! Networks by their names, and who is on them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::containers::has_label;
use super::facts::{count, optional, text};
use super::fault::Fault;
use super::parameters::Networks;
use super::session::Session;
use crate::probe::ProbeError;

/// Containers of one network that are named.
const MAX_ATTACHED: usize = 200;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Network {
    pub(super) name: String,
    pub(super) is_present: bool,
    pub(super) id: String,
    /// Such as `bridge`.
    pub(super) driver: String,
    pub(super) scope: String,
    /// It leads nowhere else.
    pub(super) is_internal: bool,
    pub(super) has_ipv6: bool,
    /// Which of the parameter `labels` it lacks.
    pub(super) lacks_labels: Vec<String>,
    /// Running containers that are on it, also those that are not named.
    pub(super) container_count: u32,
    /// At most 200 names, sorted.
    pub(super) containers: Vec<String>,
}

pub(super) async fn look(session: &mut Session<'_>, leg: &Networks) -> Result<Vec<Network>, ProbeError> {
    let mut all = Vec::new();
    for name in &leg.names {
        let asked = name.clone();
        let ask =
            session.call("GET /networks/{name}", |docker| async move { docker.inspect_network(&asked, None).await });
        let answer = match ask.await {
            Ok(answer) => answer,
            Err(Fault::Absent) => {
                all.push(Network { name: name.clone(), ..Network::default() });
                continue;
            }
            Err(Fault::Error(error)) => return Err(error),
        };
        // The engine also takes the beginning of an id for a name.
        if answer.name.as_ref() != Some(name) {
            all.push(Network { name: name.clone(), ..Network::default() });
            continue;
        }
        let attached = answer.containers.unwrap_or_default();
        let mut containers: Vec<String> = attached.values().map(|end| optional(end.name.as_ref())).collect();
        containers.sort_unstable();
        containers.truncate(MAX_ATTACHED);
        let labels = answer.labels.as_ref();
        all.push(Network {
            name: name.clone(),
            is_present: true,
            id: answer.id.as_deref().unwrap_or_default().chars().take(12).collect(),
            driver: optional(answer.driver.as_ref()),
            scope: optional(answer.scope.as_ref()),
            is_internal: answer.internal.unwrap_or(false),
            has_ipv6: answer.enable_ipv6.unwrap_or(false),
            lacks_labels: leg.labels.iter().filter(|wanted| !has_label(labels, wanted)).map(text).collect(),
            container_count: count(attached.len()),
            containers,
        });
    }
    Ok(all)
}
