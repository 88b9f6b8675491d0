//! Hears the events of an engine.

use std::collections::HashMap;

use bollard::query_parameters::EventsOptions;
use futures_util::StreamExt;

use super::Docker;
use super::session::Session;
use crate::probe::{Changes, ProbeCx, ProbeError};

/// Sorts of objects whose events concern a leg, in the words of the API.
pub(super) fn sorts(leg: &Docker) -> Vec<&'static str> {
    let asked = [
        (leg.containers.is_some() || leg.projects.is_some() || leg.networks.is_some(), "container"),
        (leg.images.is_some(), "image"),
        (leg.networks.is_some(), "network"),
        (leg.volumes.is_some(), "volume"),
        (leg.daemon, "daemon"),
    ];
    asked.into_iter().filter(|(asked, _)| *asked).map(|(_, sort)| sort).collect()
}

/// Returns when the stream of events has ended.
pub(super) async fn listen(leg: &Docker, cx: &ProbeCx, changes: &Changes) -> Result<(), ProbeError> {
    let mut session = Session::open(cx).await?;
    let sorts = sorts(leg).into_iter().map(str::to_owned).collect();
    let filters = HashMap::from([("type".to_owned(), sorts)]);
    let options = EventsOptions { filters: Some(filters), ..EventsOptions::default() };
    let mut events = Box::pin(session.events(options));
    // The engine answers with the first event only: that it listens cannot be seen.
    changes.listening();
    while let Some(event) = session.next(events.next()).await {
        let event = event.map_err(|error| session.broken(&error, "GET /events"))?;
        // Each run of a health check makes three of these; its outcome has an event of its own.
        if !event.action.as_deref().unwrap_or_default().starts_with("exec_") {
            changes.change();
        }
    }
    Ok(())
}
