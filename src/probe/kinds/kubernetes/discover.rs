//! Whether a cluster has a sort of object at all, which everybody who is logged in may ask.

use std::time::Duration;

use serde_json::Value;

use super::client::{Client, JSON};
use super::place;
use crate::model::Reason;
use crate::probe::kinds::http::api::Inside;
use crate::probe::{Fetched, ProbeError};

/// Sorts come and go with installations.
const MAX_AGE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Present,
    Absent,
}

/// Whether `apps/v1` has `deployments`. Fails if that cannot be told.
pub(super) async fn presence(client: &Client<'_>, api_version: &str, plural: &str) -> Result<Presence, ProbeError> {
    let Some((group, version)) = api_version.split_once('/') else { return Ok(Presence::Present) };
    let groups = document(client, "/apis").await?;
    let groups = groups.at("groups").as_array().ok_or_else(|| unreadable("/apis"))?;
    let found = groups.iter().find(|known| known.at("name") == group);
    let served = |known: &Value| {
        known.at("versions").as_array().is_some_and(|all| all.iter().any(|v| v.at("version") == version))
    };
    if !found.is_some_and(served) {
        return Ok(Presence::Absent);
    }
    let path = format!("/apis/{api_version}");
    let resources = document(client, &path).await?;
    let resources = resources.at("resources").as_array().ok_or_else(|| unreadable(&path))?;
    let has = resources.iter().any(|known| known.at("name") == plural);
    Ok(if has { Presence::Present } else { Presence::Absent })
}

async fn document(client: &Client<'_>, path: &str) -> Result<std::sync::Arc<Value>, ProbeError> {
    let key = format!("{}\ndiscovery\n{path}", place::key(client.cx.target()?));
    client
        .cx
        .shared(&key, MAX_AGE, || async {
            let reply = client.get(path, JSON).await?;
            let bytes = 4 * reply.body.len();
            Ok(Fetched { value: reply.into_json()?, bytes })
        })
        .await
}

fn unreadable(path: &str) -> ProbeError {
    ProbeError::target(Reason::Protocol, format!("expected a list from {path}, saw JSON without one"))
}
