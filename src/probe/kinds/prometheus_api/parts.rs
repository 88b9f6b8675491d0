//! The smaller parts: what it says of itself, of metrics, of labels and of its storage.

use std::collections::BTreeMap;

use serde_json::Value;

use super::PrometheusApi;
use super::facts::{Metadata, Status, Tsdb};
use super::look::{Looking, age, list, text};
use crate::model::Reason;
use crate::probe::kinds::http::exposition;
use crate::probe::line::line;
use crate::probe::net::is_suspicious_name;
use crate::probe::{Blame, ProbeError};

const KEPT_TEXTS: usize = 10_000;
const TEXT_BYTES: usize = 256;

pub(super) async fn look(leg: &PrometheusApi, looking: &mut Looking<'_>) -> Result<(), ProbeError> {
    if leg.alertmanagers {
        let said = looking.get("alertmanagers", &[]).await?;
        let active = list(&said.data, "activeAlertmanagers").map_err(|why| looking.malformed("alertmanagers", why))?;
        looking.facts.alertmanagers = active.iter().map(|one| shown_url(&text(one, "url"))).collect();
    }
    if leg.status {
        status(looking).await?;
    }
    if !leg.flags.is_empty() {
        flags(leg, looking).await?;
    }
    for metric in &leg.metadata {
        let said = looking.get("metadata", &[("metric", metric)]).await?;
        if let Some(first) = said.data.get(metric).and_then(|all| all.get(0)) {
            let text = |field| line(&text(first, field), TEXT_BYTES);
            let metadata = Metadata { kind: text("type"), help: text("help"), unit: text("unit") };
            looking.facts.metadata.insert(metric.clone(), metadata);
        }
    }
    if !leg.label_names.is_empty() {
        looking.facts.label_names = texts(looking, "labels", "label_names", &leg.label_names).await?;
    }
    if let Some(part) = &leg.label_values {
        let path = format!("label/{}/values", part.label);
        looking.facts.label_values = texts(looking, &path, "label_values", &part.of).await?;
    }
    if !leg.federate.is_empty() {
        federate(leg, looking).await?;
    }
    if leg.tsdb {
        tsdb(looking).await?;
    }
    Ok(())
}

async fn status(looking: &mut Looking<'_>) -> Result<(), ProbeError> {
    let said = looking.get("status/runtimeinfo", &[]).await?;
    let now = looking.now(&said);
    let Some(config_loaded) = said.data.get("reloadConfigSuccess").and_then(Value::as_bool) else {
        return Err(looking.malformed("its run", "it does not say whether its configuration was loaded".to_owned()));
    };
    let version = looking.get("status/buildinfo", &[]).await?;
    looking.facts.status = Some(Status {
        config_loaded,
        config_age_s: age(said.data.get("lastConfigTime"), now),
        uptime_s: age(said.data.get("startTime"), now),
        retention: line(&text(&said.data, "storageRetention"), TEXT_BYTES),
        corruptions: number(&said.data, "corruptionCount"),
        version: line(&text(&version.data, "version"), TEXT_BYTES),
    });
    Ok(())
}

async fn flags(leg: &PrometheusApi, looking: &mut Looking<'_>) -> Result<(), ProbeError> {
    let said = looking.get("status/flags", &[]).await?;
    for name in &leg.flags {
        let Some(value) = said.data.get(name).and_then(Value::as_str) else { continue };
        let shown = if is_suspicious_name(name) { "***".to_owned() } else { line(value, TEXT_BYTES) };
        looking.facts.flags.insert(name.clone(), shown);
    }
    Ok(())
}

async fn texts(looking: &mut Looking<'_>, path: &str, field: &str, of: &[String]) -> Result<Vec<String>, ProbeError> {
    let pairs: Vec<(&str, &str)> = of.iter().map(|selector| ("match[]", selector.as_str())).collect();
    let said = looking.get(path, &pairs).await?;
    let all = said.data.as_array().ok_or_else(|| looking.malformed(field, "it is no list".to_owned()))?;
    if all.len() > KEPT_TEXTS {
        looking.facts.cut.push(field.to_owned());
    }
    Ok(all.iter().take(KEPT_TEXTS).filter_map(|one| Some(line(one.as_str()?, TEXT_BYTES))).collect())
}

async fn federate(leg: &PrometheusApi, looking: &mut Looking<'_>) -> Result<(), ProbeError> {
    let pairs: Vec<(&str, &str)> = leg.federate.iter().map(|selector| ("match[]", selector.as_str())).collect();
    let answer = looking.api.raw("/federate", &pairs).await?;
    let status = answer.status.as_u16();
    if status != 200 {
        let (reason, blame) = match status {
            401 | 403 => (Reason::PermissionDenied, Blame::Observer),
            400 => (Reason::Query, Blame::Observer),
            _ => (Reason::Status, Blame::Target),
        };
        let detail = format!("{} answered /federate with status {status}", looking.facts.server);
        return Err(ProbeError { reason, blame, detail });
    }
    let text = String::from_utf8_lossy(&answer.body);
    let families = exposition::read(&text).map_err(|why| looking.malformed("federation", why))?;
    looking.facts.federated_samples = Some(families.iter().map(|family| family.samples).sum());
    let filled = families.iter().filter(|family| family.samples > 0);
    looking.facts.federated_metrics = filled.map(|family| family.name.clone()).collect();
    Ok(())
}

async fn tsdb(looking: &mut Looking<'_>) -> Result<(), ProbeError> {
    let said = looking.get("status/tsdb", &[]).await?;
    let Some(head) = said.data.get("headStats") else {
        return Err(looking.malformed("its storage", "there are no `headStats`".to_owned()));
    };
    let time = |field| head.get(field).and_then(Value::as_i64).unwrap_or_default();
    let most =
        said.data.get("seriesCountByMetricName").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let series_by_metric: BTreeMap<String, u64> =
        most.iter().map(|one| (line(&text(one, "name"), TEXT_BYTES), number(one, "value"))).collect();
    looking.facts.tsdb = Some(Tsdb {
        series: number(head, "numSeries"),
        chunks: number(head, "chunkCount"),
        label_pairs: number(head, "numLabelPairs"),
        span_s: time("maxTime").saturating_sub(time("minTime")).max(0) as f64 / 1000.0,
        series_by_metric,
    });
    Ok(())
}

fn number(of: &Value, field: &str) -> u64 {
    of.get(field).and_then(Value::as_u64).unwrap_or_default()
}

/// The URL of a peer without what may be secret.
fn shown_url(url: &str) -> String {
    url::Url::parse(url).map_or_else(|_| "***".to_owned(), |url| crate::probe::net::mask_url(&url))
}
