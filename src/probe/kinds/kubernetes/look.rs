//! The questions, in their order.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::checks::Need;
use super::client::{Client, JSON, Reply};
use super::facts::{Element, Facts, List, Moment, Version};
use super::list::{Wanted, list};
use super::project::{Keep, reached, steps};
use super::{Kubernetes, Objects, access, collectors, dry_run, object};
use crate::model::Reason;
use crate::probe::kinds::http::api::Inside;
use crate::probe::line::line;
use crate::probe::{ProbeCx, ProbeError};

/// Longest that the server is quoted about its readiness.
const SAYS: usize = 200;

pub(super) async fn look(leg: &Kubernetes, cx: &ProbeCx) -> Result<Facts, ProbeError> {
    let client = Client::of_target(cx).await?;
    let mut facts = Facts::default();
    if leg.ready {
        let reply = client.get("/readyz", "*/*").await?;
        readiness(&reply, &mut facts)?;
    }
    if leg.asks_version() {
        facts.version = Some(version(&client.get("/version", JSON).await?.into_json()?)?);
    }
    if leg.identity.is_some() {
        facts.identity = Some(identity(&client).await?);
        facts.token_left_s = token_end(&client).map(|end| end - cx.now().as_secs_f64());
    }
    if let Some(objects) = &leg.objects {
        of_objects(leg, objects, &client, &mut facts).await?;
    }
    facts.access = access::review(&leg.access, &client).await?;
    if let Some(offered) = &leg.dry_run {
        facts.dry_run = Some(dry_run::offer(offered, &client).await?);
    }
    if let Some(asked) = &leg.collectors {
        facts.collectors = Some(collectors::look(asked, leg, &client).await?);
    }
    for need in leg.checks().into_iter().flat_map(|check| check.needs(leg)) {
        of_need(leg, &need, &client, &mut facts).await?;
    }
    if let Some(other) = leg.compare.as_ref().and_then(super::Compare::other) {
        facts.other = cx.leg(other).and_then(|seen| serde_json::from_value(seen.clone()).ok());
    }
    Ok(facts)
}

/// 200 is ready, and 500 is what it says where it is not.
fn readiness(reply: &Reply, facts: &mut Facts) -> Result<(), ProbeError> {
    if !reply.is_ok() && reply.status != 500 {
        return Err(reply.refusal());
    }
    let body = String::from_utf8_lossy(&reply.body);
    facts.ready = Some(reply.is_ok() && body.trim() == "ok");
    let failed: Vec<&str> = body.lines().filter(|line| line.starts_with("[-]")).collect();
    facts.ready_says = line(&if failed.is_empty() { body.trim().to_owned() } else { failed.join(", ") }, SAYS);
    Ok(())
}

/// Minor versions of some providers end in `+`.
fn version(answer: &Value) -> Result<Version, ProbeError> {
    let number = |key: &str| answer.at(key).as_str().and_then(|text| text.trim_end_matches('+').parse().ok());
    let text = line(answer.at("gitVersion").as_str().unwrap_or_default(), SAYS);
    match (number("major"), number("minor")) {
        (Some(major), Some(minor)) => Ok(Version { text, major, minor }),
        _ => Err(ProbeError::target(Reason::Protocol, "expected a version of Kubernetes, saw JSON without one")),
    }
}

/// Who the server says that we are. A review stores nothing.
async fn identity(client: &Client<'_>) -> Result<String, ProbeError> {
    let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    let reply = client.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &body).await?;
    if reply.status == 404 {
        let text = "the server is too old to say who asks (selfsubjectreviews came with 1.28)";
        return Err(ProbeError::observer(Reason::Protocol, text));
    }
    let answer = reply.into_json()?;
    match object::text(&answer, &["status", "userInfo", "username"]) {
        "" => Err(ProbeError::target(Reason::Protocol, "expected the name of the exporter, saw JSON without one")),
        name => Ok(line(name, SAYS)),
    }
}

/// When the token ends, in seconds since the epoch, if it is one that says so.
fn token_end(client: &Client<'_>) -> Option<f64> {
    let (_, value) = client.place.headers.iter().find(|(name, _)| *name == "authorization")?;
    let claims = value.to_str().ok()?.strip_prefix("Bearer ")?.split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    claims.at("exp").as_f64()
}

async fn of_objects(
    leg: &Kubernetes,
    objects: &Objects,
    client: &Client<'_>,
    facts: &mut Facts,
) -> Result<(), ProbeError> {
    let paths = ["metadata.name", "metadata.namespace", "metadata.labels"].into_iter();
    let keep = Keep::of(paths.chain(objects.kept())).map_err(ProbeError::unconfigured)?;
    let spaces = places(&leg.namespaces);
    let mut installed = true;
    for namespace in spaces {
        let wanted = Wanted {
            api_version: &objects.api_version,
            plural: &objects.resource,
            namespace,
            name: objects.name.as_deref(),
            labels: objects.labels.as_deref(),
            fields: objects.field_selector.as_deref(),
            keep: keep.clone(),
            metadata_only: objects.metadata_only,
            max: usize::try_from(leg.max_objects).unwrap_or(usize::MAX),
        };
        let listed = list(client, &wanted, Duration::from_secs(leg.max_age_s.into())).await?;
        installed &= listed.installed;
        facts.cut |= listed.cut;
        facts.age_s = facts.age_s.max(client.cx.now().since(listed.fetched_at).as_secs_f64());
        let count = u32::try_from(listed.items.len()).unwrap_or(u32::MAX);
        if let Some(namespace) = namespace {
            facts.by_namespace.insert(namespace.to_owned(), count);
        } else {
            for item in listed.items.iter() {
                *facts.by_namespace.entry(object::namespace(item).to_owned()).or_default() += 1;
            }
        }
        facts.count = facts.count.saturating_add(count);
        facts.objects.extend(listed.items.iter().cloned());
    }
    facts.installed = Some(installed);
    parts(objects, facts)
}

/// What conditions loop over beside the objects.
fn parts(objects: &Objects, facts: &mut Facts) -> Result<(), ProbeError> {
    for path in &objects.each {
        let steps = steps(path).map_err(ProbeError::unconfigured)?;
        for one in &facts.objects {
            let mut found = Vec::new();
            reached(one, &steps, &mut found);
            facts.elements.extend(found.into_iter().map(|item| Element {
                namespace: object::namespace(one).to_owned(),
                object: object::name(one).to_owned(),
                path: path.clone(),
                item: item.clone(),
            }));
        }
    }
    for path in &objects.times {
        let steps = steps(path).map_err(ProbeError::unconfigured)?;
        for one in &facts.objects {
            let mut found = Vec::new();
            reached(one, &steps, &mut found);
            let newest = found.into_iter().filter_map(object::time).max();
            facts.times.extend(newest.map(|at| Moment {
                namespace: object::namespace(one).to_owned(),
                object: object::name(one).to_owned(),
                path: path.clone(),
                at_s: at.0.div_euclid(1000),
            }));
        }
    }
    if let Some(path) = &objects.distinct {
        let steps = steps(path).map_err(ProbeError::unconfigured)?;
        let mut found = Vec::new();
        facts.objects.iter().for_each(|one| reached(one, &steps, &mut found));
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        facts.distinct = found.into_iter().map(text).collect();
        facts.distinct.sort_unstable();
        facts.distinct.dedup();
    }
    Ok(())
}

/// `None` stands for all namespaces, and for what is in none.
pub(super) fn places(namespaces: &[String]) -> Vec<Option<&str>> {
    if namespaces.is_empty() { vec![None] } else { namespaces.iter().map(|name| Some(name.as_str())).collect() }
}

async fn of_need(leg: &Kubernetes, need: &Need, client: &Client<'_>, facts: &mut Facts) -> Result<(), ProbeError> {
    let name = need.resource.name();
    if facts.lists.contains_key(name) {
        return Ok(());
    }
    let mut all = List { installed: true, ..List::default() };
    for namespace in places(need.namespaces(leg)) {
        let wanted = Wanted {
            api_version: need.resource.api_version,
            plural: need.resource.plural,
            namespace,
            name: None,
            labels: need.labels(leg),
            fields: None,
            keep: need.resource.keep()?,
            metadata_only: false,
            max: usize::try_from(leg.max_objects).unwrap_or(usize::MAX),
        };
        let listed = list(client, &wanted, Duration::from_secs(leg.max_age_s.into())).await?;
        all.installed &= listed.installed;
        all.cut |= listed.cut;
        facts.age_s = facts.age_s.max(client.cx.now().since(listed.fetched_at).as_secs_f64());
        all.items.extend(listed.items.iter().cloned());
        if !listed.installed {
            break;
        }
    }
    facts.lists.insert(name.to_owned(), all);
    Ok(())
}
