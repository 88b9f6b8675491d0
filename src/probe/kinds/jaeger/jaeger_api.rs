//! The JSON of Jaeger's own query API. It is the one that its web pages use.

use std::collections::BTreeSet;

use serde_json::Value;

use super::structure::{Span, bounded};
use crate::model::Reason;
use crate::probe::ProbeError;
use crate::probe::kinds::http::api::{Api, Inside, Who, list};

pub(super) async fn services(api: &Api<'_>) -> Result<Vec<String>, ProbeError> {
    texts(api, "api/services", "services").await
}

pub(super) async fn operations(api: &Api<'_>, service: &str) -> Result<Vec<String>, ProbeError> {
    texts(api, &format!("api/services/{}/operations", super::look::encoded(service)), "operations").await
}

async fn texts(api: &Api<'_>, path: &str, what: &str) -> Result<Vec<String>, ProbeError> {
    let json = api.get(path, Who::Target).await?.into_json()?;
    // Without any, it is null.
    if json.is_object() && json.at("data").is_null() && json.at("errors").is_null() && json.get("data").is_some() {
        return Ok(Vec::new());
    }
    let all = list(json, "data", what)?;
    Ok(all.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
}

/// Traces with their ids. Times are microseconds since the epoch.
pub(super) async fn search(
    api: &Api<'_>,
    service: &str,
    operation: Option<&str>,
    (start_s, end_s): (f64, f64),
    limit: u32,
) -> Result<Vec<(String, Vec<Span>)>, ProbeError> {
    let encoded = super::look::encoded;
    let operation = operation.map(|name| format!("&operation={}", encoded(name))).unwrap_or_default();
    let (start, end) = ((start_s * 1e6) as u64, (end_s * 1e6) as u64);
    let path = format!("api/traces?service={}{operation}&start={start}&end={end}&limit={limit}", encoded(service));
    let json = api.get(&path, Who::Target).await?.into_json()?;
    list(json, "data", "traces")?.iter().map(trace).collect()
}

/// `None` if it is not there.
pub(super) async fn one(api: &Api<'_>, id: &str) -> Result<Option<Vec<Span>>, ProbeError> {
    let reply = api.get(&format!("api/traces/{id}"), Who::Target).await?;
    if reply.status == 404 {
        return Ok(None);
    }
    let all = list(reply.into_json()?, "data", "traces")?;
    Ok(all.first().map(trace).transpose()?.map(|(_, spans)| spans))
}

fn trace(json: &Value) -> Result<(String, Vec<Span>), ProbeError> {
    let (Some(id), Some(spans)) = (json.at("traceID").as_str(), json.at("spans").as_array()) else {
        let text = "expected traces of Jaeger, saw one without an id or spans";
        return Err(ProbeError::target(Reason::Protocol, text));
    };
    bounded(spans.len())?;
    Ok((id.to_owned(), spans.iter().map(|one| span(one, id, json.at("processes"))).collect()))
}

fn span(json: &Value, trace: &str, processes: &Value) -> Span {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let references = items(json.at("references"));
    let parent = references.iter().find(|reference| {
        reference.at("refType") == "CHILD_OF" && reference.at("traceID").as_str().is_none_or(|id| id == trace)
    });
    let tags = items(json.at("tags"));
    let tagged = |name: &str, value: &str| {
        let same = |seen: &Value| seen.as_str() == Some(value) || (value == "true" && seen.as_bool() == Some(true));
        tags.iter().any(|tag| tag.at("key") == name && same(tag.at("value")))
    };
    let event = |log: Value| -> Vec<String> {
        let fields = items(log.at("fields"));
        let named = |field: &&Value| matches!(field.at("key").as_str(), Some("event" | "message" | "name"));
        fields.iter().filter(named).map(|field| text(field.at("value"))).collect()
    };
    let start_s = json.at("startTime").as_f64().unwrap_or_default() / 1e6;
    let process = json.at("processID").as_str().unwrap_or_default();
    Span {
        id: text(json.at("spanID")),
        parent: parent.map(|reference| text(reference.at("spanID"))),
        service: text(processes.at(process).at("serviceName")),
        operation: text(json.at("operationName")),
        is_server: tagged("span.kind", "server"),
        is_error: tagged("error", "true"),
        tags: tags.iter().map(|tag| text(tag.at("key"))).collect(),
        logs: items(json.at("logs")).into_iter().flat_map(event).collect::<BTreeSet<_>>(),
        start_s,
        end_s: start_s + json.at("duration").as_f64().unwrap_or_default() / 1e6,
    }
}
