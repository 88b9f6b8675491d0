//! The questions, in their order.

use serde_json::Value;

use super::facts::Facts;
use super::source::Sources;
use super::{Grafana, committed, dashboard, logins};
use crate::model::Reason;
use crate::probe::kinds::http::api::{Api, Inside, Who};
use crate::probe::{ProbeCx, ProbeError};

pub(super) async fn look(leg: &Grafana, cx: &ProbeCx) -> Result<Facts, ProbeError> {
    let api = Api::of_target(cx, leg.user.as_deref())?;
    let (version, database) = health(&api).await?;
    let mut facts = Facts { version, database, ..Facts::default() };
    // What it answers without its database is about nothing.
    if facts.database != "ok" {
        return Ok(facts);
    }
    if !leg.pairs.is_empty() {
        logins::attempt(&leg.pairs, &api, &mut facts).await?;
        facts.database_afterwards = health(&api).await.map(|(_, database)| database).ok();
        return Ok(facts);
    }
    if leg.login_page {
        facts.login_page = Some(api.get("login", Who::Nobody).await?.status);
    }
    if leg.identity {
        let organisation = api.get("api/org", Who::Target).await?.into_json()?;
        let Some(name) = organisation.at("name").as_str() else {
            let text = "expected the organisation of the credential, saw JSON without a name";
            return Err(ProbeError::target(Reason::Protocol, text));
        };
        facts.organisation = Some(name.to_owned());
    }
    let needs_sources = leg.panels.is_some() || !leg.datasources.is_empty();
    let sources = if needs_sources { Some(Sources::ask(&api).await?) } else { None };
    for wanted in &leg.dashboards {
        facts.dashboards.push(dashboard::ask(leg, wanted, sources.as_ref(), &api, cx).await?);
    }
    if let Some(from) = &leg.committed {
        facts.committed = committed::ask(from, &api, cx).await?;
    }
    facts.datasources = sources.map(|sources| sources.0).unwrap_or_default();
    for source in &mut facts.datasources {
        if leg.datasources.contains(&source.name) {
            source.ask_health(&api).await?;
        }
    }
    Ok(facts)
}

/// Version, and what it says of its database. Later versions keep the version from strangers.
async fn health(api: &Api<'_>) -> Result<(String, String), ProbeError> {
    let reply = api.get("api/health", Who::Nobody).await?;
    let text = |json: &Value, key: &str| json.at(key).as_str().map(str::to_owned);
    let found = reply.json.as_ref().and_then(|json| Some((text(json, "version"), text(json, "database")?)));
    match found {
        Some((version, database)) => Ok((version.unwrap_or_default(), database)),
        None if reply.is_ok() => {
            reply.into_json()?;
            let text = "expected the health of Grafana, saw JSON without `database`";
            Err(ProbeError::target(Reason::Protocol, text))
        }
        None => Err(reply.refusal()),
    }
}
