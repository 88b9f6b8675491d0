//! Tempo: its search, and its traces in the JSON of OpenTelemetry.

use serde_json::Value;

use super::look::encoded;
use super::structure::{Span, bounded};
use crate::model::Reason;
use crate::probe::ProbeError;
use crate::probe::kinds::http::api::{Api, Inside, Who, list};

pub(super) async fn services(api: &Api<'_>) -> Result<Vec<String>, ProbeError> {
    let json = api.get("api/search/tag/service.name/values", Who::Target).await?.into_json()?;
    if json.is_object() && json.at("tagValues").is_null() {
        return Ok(Vec::new());
    }
    let all = list(json, "tagValues", "services")?;
    Ok(all.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
}

/// Traces with their ids. A search yields summaries; each trace is asked for by its id.
pub(super) async fn search(
    api: &Api<'_>,
    service: &str,
    operation: Option<&str>,
    (start_s, end_s): (f64, f64),
    limit: u32,
) -> Result<Vec<(String, Vec<Span>)>, ProbeError> {
    let mut tags = format!("service.name={}", quoted(service));
    if let Some(operation) = operation {
        tags.push_str(&format!(" name={}", quoted(operation)));
    }
    let (start, end) = (start_s.floor() as u64, end_s.ceil() as u64);
    let path = format!("api/search?tags={}&start={start}&end={end}&limit={limit}", encoded(&tags));
    let json = api.get(&path, Who::Target).await?.into_json()?;
    // A search without a hit leaves the list out.
    let empty = json.is_object() && json.at("traces").is_null();
    let found = if empty { Vec::new() } else { list(json, "traces", "found traces")? };
    let mut traces = Vec::new();
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    for summary in found.iter().take(most) {
        let id = summary.at("traceID").as_str().unwrap_or_default();
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_hexdigit()) {
            let text = "expected found traces of Tempo, saw one without an id";
            return Err(ProbeError::target(Reason::Protocol, text));
        }
        // It may be gone again.
        if let Some(spans) = one(api, id).await? {
            traces.push((id.to_owned(), spans));
        }
    }
    Ok(traces)
}

/// `None` if it is not there.
pub(super) async fn one(api: &Api<'_>, id: &str) -> Result<Option<Vec<Span>>, ProbeError> {
    let reply = api.get(&format!("api/traces/{id}"), Who::Target).await?;
    if reply.status == 404 {
        return Ok(None);
    }
    let json = reply.into_json()?;
    let whole = if json.at("trace").is_object() { json.at("trace") } else { &json };
    let Some(batches) = whole.at("batches").as_array().or(whole.at("resourceSpans").as_array()) else {
        let text = "expected a trace of Tempo, saw JSON without `batches`";
        return Err(ProbeError::target(Reason::Protocol, text));
    };
    let mut spans = Vec::new();
    for batch in batches {
        let attributes = items(batch.at("resource").at("attributes"));
        let own = attributes.iter().find(|attribute| attribute.at("key") == "service.name");
        let service = own.and_then(|own| own.at("value").at("stringValue").as_str()).unwrap_or_default();
        // The name changed from one version of OpenTelemetry to the next.
        for scope in items(batch.at("scopeSpans")).iter().chain(items(batch.at("instrumentationLibrarySpans"))) {
            let more = items(scope.at("spans"));
            bounded(spans.len().saturating_add(more.len()))?;
            spans.extend(more.iter().map(|one| span(one, service)));
        }
    }
    Ok(Some(spans))
}

fn span(json: &Value, service: &str) -> Span {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let names = |list: &Value, key: &str| items(list).iter().map(|one| text(&one[key])).collect();
    let is = |value: &Value, name: &str, number: u64| value == name || value.as_u64() == Some(number);
    // Nanoseconds, as text.
    let seconds = |value: &Value| {
        let number = value.as_str().and_then(|text| text.parse::<f64>().ok()).or_else(|| value.as_f64());
        number.unwrap_or_default() / 1e9
    };
    let parent = text(json.at("parentSpanId"));
    Span {
        id: text(json.at("spanId")),
        parent: Some(parent).filter(|id| !id.is_empty()),
        service: service.to_owned(),
        operation: text(json.at("name")),
        is_server: is(json.at("kind"), "SPAN_KIND_SERVER", 2),
        is_error: is(json.at("status").at("code"), "STATUS_CODE_ERROR", 2),
        tags: names(json.at("attributes"), "key"),
        logs: names(json.at("events"), "name"),
        start_s: seconds(json.at("startTimeUnixNano")),
        end_s: seconds(json.at("endTimeUnixNano")),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A value of logfmt.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}
