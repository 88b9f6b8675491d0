//! Which containers there are, and which of them are meant.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{ContainerStatsResponse, ContainerSummary};
use bollard::query_parameters::{ListContainersOptionsBuilder, StatsOptionsBuilder};
use futures_util::TryStreamExt;

use super::container::{Container, PROJECT, SERVICE};
use super::facts::{Facts, count};
use super::fault::Fault;
use super::parameters::Containers;
use super::session::Session;
use crate::probe::ProbeError;
use crate::probe::pattern::fits;

/// Containers that are looked at one by one.
const MAX_CONTAINERS: usize = 200;

/// All containers of the engine. Whatever is asked about containers begins with this one answer.
pub(super) async fn all(session: &mut Session<'_>) -> Result<Vec<ContainerSummary>, ProbeError> {
    let asked = "GET /containers/json";
    let options = ListContainersOptionsBuilder::new().all(true).build();
    let ask = session.call(asked, |docker| async move { docker.list_containers(Some(options)).await });
    ask.await.map_err(|fault| fault.into_error("containers"))
}

pub(super) async fn look(
    session: &mut Session<'_>,
    leg: &Containers,
    all: &[ContainerSummary],
    facts: &mut Facts,
) -> Result<(), ProbeError> {
    let wanted: Vec<&ContainerSummary> = all.iter().filter(|container| is_meant(leg, container)).collect();
    let is_there = |name: &&String| wanted.iter().any(|container| names(container).any(|own| own == name.as_str()));
    facts.missing.extend(leg.names.iter().filter(|name| !is_there(name)).cloned());
    facts.container_count = count(wanted.len());
    let mut digests = BTreeMap::new();
    for summary in wanted.into_iter().take(MAX_CONTAINERS) {
        let Some(mut container) = inspect(session, leg, summary).await? else {
            // It was removed meanwhile.
            facts.container_count = facts.container_count.saturating_sub(1);
            facts
                .missing
                .extend(leg.names.iter().filter(|name| names(summary).any(|own| own == name.as_str())).cloned());
            continue;
        };
        if leg.usage && container.is_running {
            container.memory_used_bytes = used(session, &container.id).await?;
        }
        if leg.digests {
            if !digests.contains_key(&container.image_id) {
                digests.insert(container.image_id.clone(), digests_of(session, &container.image_id).await?);
            }
            container.image_digests = digests.get(&container.image_id).cloned().unwrap_or_default();
            container.image_identities = identities(&container);
        }
        facts.containers.push(container);
    }
    let used = facts.containers.iter().filter_map(|container| container.memory_used_bytes);
    facts.memory_used_max_bytes = used.max_by(f64::total_cmp);
    facts.containers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(())
}

pub(super) async fn inspect(
    session: &mut Session<'_>,
    leg: &Containers,
    summary: &ContainerSummary,
) -> Result<Option<Container>, ProbeError> {
    let id = summary.id.clone().unwrap_or_default();
    let now = session.cx().now();
    let ask =
        session.call("GET /containers/{id}/json", |docker| async move { docker.inspect_container(&id, None).await });
    match ask.await {
        Ok(answer) => Ok(Some(Container::of(leg, &answer, now))),
        Err(Fault::Absent) => Ok(None),
        Err(Fault::Error(error)) => Err(error),
    }
}

/// Its names, without the slash.
pub(super) fn names(container: &ContainerSummary) -> impl Iterator<Item = &str> {
    container.names.iter().flatten().map(|name| name.trim_start_matches('/'))
}

pub(super) fn is_meant(leg: &Containers, container: &ContainerSummary) -> bool {
    let label = |name: &str| container.labels.as_ref().and_then(|labels| labels.get(name));
    let is_of = |name: &str, wanted: &Option<String>| wanted.as_ref().is_none_or(|wanted| label(name) == Some(wanted));
    let state = container.state.map(|state| state.to_string()).unwrap_or_default();
    leg.name.as_deref().is_none_or(|pattern| names(container).any(|name| fits(pattern, name)))
        && (leg.names.is_empty() || names(container).any(|name| leg.names.iter().any(|wanted| wanted == name)))
        && leg.labels.iter().all(|wanted| has_label(container.labels.as_ref(), wanted))
        && is_of(PROJECT, &leg.project)
        && is_of(SERVICE, &leg.service)
        && leg.image.as_deref().is_none_or(|pattern| fits(pattern, container.image.as_deref().unwrap_or_default()))
        && (leg.states.is_empty() || leg.states.iter().any(|wanted| wanted.as_str() == state))
}

/// `name=value`, or `name` with whatever value.
pub(super) fn has_label(labels: Option<&HashMap<String, String>>, wanted: &str) -> bool {
    let (name, value) = wanted.split_once('=').map_or((wanted, None), |(name, value)| (name, Some(value)));
    let own = labels.and_then(|labels| labels.get(name));
    own.is_some_and(|own| value.is_none_or(|value| own == value))
}

async fn used(session: &mut Session<'_>, id: &str) -> Result<Option<f64>, ProbeError> {
    let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
    let id = id.to_owned();
    let ask = session.call("GET /containers/{id}/stats", |docker| async move {
        docker.stats(&id, Some(options)).try_collect::<Vec<_>>().await
    });
    match ask.await {
        Ok(answers) => Ok(answers.first().and_then(memory)),
        // It ended meanwhile.
        Err(Fault::Absent) => Ok(None),
        Err(Fault::Error(error)) => Err(error),
    }
}

/// Without the pages of files that can be given up, as `docker stats` shows it.
fn memory(answer: &ContainerStatsResponse) -> Option<f64> {
    let stats = answer.memory_stats.as_ref()?;
    let usage = stats.usage.filter(|usage| *usage > 0)?;
    let of = |name: &str| stats.stats.as_ref().and_then(|all| all.get(name)).copied();
    let inactive = of("total_inactive_file").or_else(|| of("inactive_file")).unwrap_or_default();
    Some(usage.saturating_sub(inactive) as f64)
}

fn identities(container: &Container) -> Vec<String> {
    let digests = container.image_digests.iter().filter_map(|digest| digest.rsplit_once('@'));
    let digests: Vec<String> = digests.map(|(_, digest)| digest.to_owned()).collect();
    let id = Some(container.image_id.clone()).filter(|id| digests.is_empty() && !id.is_empty());
    id.map_or(digests, |id| vec![id])
}

async fn digests_of(session: &mut Session<'_>, image: &str) -> Result<Vec<String>, ProbeError> {
    let image = image.to_owned();
    let ask = session.call("GET /images/{id}/json", |docker| async move { docker.inspect_image(&image).await });
    match ask.await {
        Ok(answer) => Ok(super::images::digests(&answer)),
        // It was removed while its container runs on.
        Err(Fault::Absent) => Ok(Vec::new()),
        Err(Fault::Error(error)) => Err(error),
    }
}
