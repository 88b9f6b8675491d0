//! Configurations of OpenTelemetry collectors as their pods mount them: pipelines that batch, and exporters
//! that send protobuf. Of a configuration only what is judged is kept; the rest may be secret.

use std::collections::BTreeSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Kubernetes;
use super::client::Client;
use super::facts::Facts;
use super::list::{Wanted, list};
use super::look::places;
use super::object::{at, duration, each, is_running, name, namespace};
use super::project::Keep;
use crate::model::{Proof, Reason, Verdict};
use crate::probe::kinds::http::api::Inside;
use crate::probe::line::line;
use crate::probe::{Findings, ProbeError};

/// Configurations in the ConfigMaps that running pods of collectors mount.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Collectors {
    /// Selector of labels for the pods, such as `app.kubernetes.io/name=phoenix-collector`.
    pods: String,
    /// Each pipeline of metrics begins with a memory limiter and ends with a batch processor that waits for
    /// at least so many points, and for some time; 0: that is not looked at.
    min_batch: u64,
    /// Exporters of OTLP do not write JSON, and compress.
    protobuf: bool,
}

impl Collectors {
    pub(super) fn pods(&self) -> &str {
        &self.pods
    }
}

impl Default for Collectors {
    fn default() -> Self {
        Self { pods: "app.kubernetes.io/component=opentelemetry-collector".to_owned(), min_batch: 0, protobuf: false }
    }
}

/// What running collectors mount.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Mounted {
    /// Running pods.
    pods: u32,
    /// The first of them that mounts no ConfigMap with a configuration.
    bare: Option<String>,
    /// ConfigMaps that are mounted and not there.
    missing: Vec<String>,
    configs: Vec<Config>,
}

/// One configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Config {
    /// As `namespace/configmap`.
    from: String,
    pipelines: Vec<Pipeline>,
    exporters: Vec<Exporter>,
}

/// A pipeline of metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Pipeline {
    name: String,
    processors: Vec<String>,
    /// Of the last processor: its `send_batch_size`, or what holds without one; null if it is no number,
    /// such as a variable.
    batch_size: Option<u64>,
    /// Whether the last processor waits for some time; null if that cannot be read.
    waits: Option<bool>,
    /// Processors that are named and not configured.
    undefined: Vec<String>,
}

/// An exporter of OTLP that a pipeline uses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Exporter {
    name: String,
    /// `proto` if nothing is said; empty if it is not configured at all.
    encoding: String,
    /// `gzip` if nothing is said.
    compression: String,
}

/// What a batch processor waits for where its configuration does not say.
const DEFAULT_BATCH: u64 = 8192;
/// Of names in a configuration.
const NAME: usize = 80;
/// Configurations of one check, pipelines and exporters of one configuration.
const MOST: usize = 100;

pub(super) fn check(leg: &Kubernetes, findings: &mut Findings) {
    let Some(collectors) = &leg.collectors else { return };
    if collectors.pods.is_empty() {
        findings.error("collectors.pods", "expected a selector of labels");
    }
    if collectors.min_batch == 0 && !collectors.protobuf {
        findings.error("collectors", "nothing is asked: write `min_batch` or `protobuf`");
    }
}

pub(super) async fn look(
    collectors: &Collectors,
    leg: &Kubernetes,
    client: &Client<'_>,
) -> Result<Mounted, ProbeError> {
    let max = usize::try_from(leg.max_objects).unwrap_or(usize::MAX);
    let max_age = Duration::from_secs(leg.max_age_s.into());
    let keep = |paths: &[&str]| Keep::of(paths.iter().copied()).map_err(ProbeError::unconfigured);
    let mut mounted = Mounted::default();
    for space in places(&leg.namespaces) {
        let wanted = Wanted {
            api_version: "v1",
            plural: "pods",
            namespace: space,
            name: None,
            labels: Some(&collectors.pods),
            fields: None,
            keep: keep(&[
                "metadata.name",
                "metadata.namespace",
                "metadata.deletionTimestamp",
                "status.phase",
                "spec.volumes.configMap",
                "spec.volumes.projected.sources.configMap",
            ])?,
            metadata_only: false,
            max,
        };
        let pods = list(client, &wanted, max_age).await?;
        if pods.cut {
            return Err(ProbeError::observer(
                Reason::TooLarge,
                format!("there are more than {max} pods of collectors"),
            ));
        }
        let running: Vec<&Value> =
            pods.items.iter().map(|pod| -> &Value { pod }).filter(|pod| is_running(pod)).collect();
        mounted.pods = mounted.pods.saturating_add(u32::try_from(running.len()).unwrap_or(u32::MAX));
        let names: BTreeSet<(&str, &str)> =
            running.iter().flat_map(|pod| config_maps(pod).map(|found| (namespace(pod), found))).collect();
        if names.len() > MOST {
            return Err(ProbeError::observer(
                Reason::TooLarge,
                format!("collectors mount more than {MOST} ConfigMaps"),
            ));
        }
        let mut usable = BTreeSet::new();
        for (space, named) in &names {
            let wanted = Wanted {
                plural: "configmaps",
                namespace: Some(space),
                name: Some(named),
                labels: None,
                keep: keep(&["data"])?,
                ..wanted.clone()
            };
            let found = list(client, &wanted, max_age).await?;
            let from = format!("{space}/{named}");
            let Some(object) = found.items.first() else {
                mounted.missing.push(from);
                continue;
            };
            let texts = object.at("data").as_object().into_iter().flat_map(|data| data.values());
            let configs: Vec<Config> = texts.filter_map(Value::as_str).filter_map(|text| read(&from, text)).collect();
            if !configs.is_empty() {
                usable.insert((*space, *named));
            }
            mounted.configs.extend(configs);
        }
        let bare = |pod: &&&Value| !config_maps(pod).any(|named| usable.contains(&(namespace(pod), named)));
        if let Some(pod) = running.iter().find(bare) {
            mounted.bare.get_or_insert_with(|| format!("{}/{}", namespace(pod), name(pod)));
        }
    }
    Ok(mounted)
}

/// But for those that may be absent.
fn config_maps(pod: &Value) -> impl Iterator<Item = &str> {
    each(pod, &["spec", "volumes"]).flat_map(|volume| {
        let sources = each(volume, &["projected", "sources"]);
        std::iter::once(volume)
            .chain(sources)
            .filter(|from| at(from, &["configMap", "optional"]) != true)
            .filter_map(|from| at(from, &["configMap", "name"]).as_str())
    })
}

/// The configuration in a text; `None` if it is no configuration of a collector.
fn read(from: &str, text: &str) -> Option<Config> {
    let whole: Value = serde_saphyr::from_str(text).ok()?;
    let pipelines = at(&whole, &["service", "pipelines"]).as_object()?;
    let short = |text: &str| line(text, NAME);
    let names = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(Value::as_str).take(MOST).map(short).collect()
    };
    let sort = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
    let mut used = BTreeSet::new();
    let mut config = Config { from: from.to_owned(), ..Config::default() };
    for (name, pipeline) in pipelines.iter().take(MOST) {
        used.extend(names(pipeline.at("exporters")));
        if sort(name) != "metrics" {
            continue;
        }
        let processors = names(pipeline.at("processors"));
        let configured = |name: &String| whole.at("processors").get(name).is_some();
        let last = processors.last().map_or(&Value::Null, |name| at(&whole, &["processors", name]));
        config.pipelines.push(Pipeline {
            name: short(name),
            undefined: processors.iter().filter(|name| !configured(name)).cloned().collect(),
            batch_size: match last.at("send_batch_size") {
                Value::Null => Some(DEFAULT_BATCH),
                size => size.as_u64(),
            },
            waits: match last.at("timeout") {
                Value::Null => Some(true),
                Value::String(text) => duration(text).map(|long| long.0 > 0),
                number => number.as_f64().map(|long| long > 0.0),
            },
            processors,
        });
    }
    let otlp = |name: &&String| sort(name).starts_with("otlp");
    for name in used.iter().filter(otlp).take(MOST) {
        if whole.at("exporters").get(name).is_none() {
            config.exporters.push(Exporter { name: name.clone(), ..Exporter::default() });
            continue;
        }
        let said = |field: &str, usual: &str| {
            let written = at(&whole, &["exporters", name, field]).as_str();
            line(written.unwrap_or(usual), NAME)
        };
        let (encoding, compression) = (said("encoding", "proto"), said("compression", "gzip"));
        config.exporters.push(Exporter { name: name.clone(), encoding, compression });
    }
    Some(config)
}

pub(super) fn judge(collectors: &Collectors, facts: &Facts) -> Result<(Proof, String), Verdict> {
    let what = match (collectors.min_batch, collectors.protobuf) {
        (0, _) => "collectors that send protobuf, compressed".to_owned(),
        (least, false) => format!("collectors whose metrics wait in batches of at least {least}"),
        (least, true) => format!("collectors that send batches of at least {least} as protobuf, compressed"),
    };
    let fail = |reason, saw: String| Err(Verdict::fail(reason, format!("expected {what}, saw {saw}")));
    let Some(mounted) = &facts.collectors else {
        return Err(Verdict::indeterminate(Reason::NoData, format!("expected {what}, saw nothing")));
    };
    if mounted.pods == 0 {
        return fail(Reason::Missing, format!("no running pod with {}", collectors.pods));
    }
    if let Some(gone) = mounted.missing.first() {
        return fail(Reason::Missing, format!("no ConfigMap {gone}, which is mounted"));
    }
    if let Some(pod) = &mounted.bare {
        let sentence = format!("expected {what}, saw no ConfigMap with a configuration at {pod}");
        return Err(Verdict::indeterminate(Reason::NoData, sentence));
    }
    if collectors.min_batch > 0 {
        if mounted.configs.iter().all(|config| config.pipelines.is_empty()) {
            return fail(Reason::Missing, "no pipeline of metrics".to_owned());
        }
        for (config, pipeline) in mounted.configs.iter().flat_map(|c| c.pipelines.iter().map(move |one| (c, one))) {
            if let Some(fault) = pipeline.fault(collectors.min_batch) {
                return fail(Reason::Assertion, format!("{} of {}, {fault}", pipeline.name, config.from));
            }
            if !pipeline.is_readable() {
                let saw = format!("{} of {} with a variable for what its batches wait for", pipeline.name, config.from);
                return Err(Verdict::indeterminate(Reason::NoData, format!("expected {what}, saw {saw}")));
            }
        }
    }
    if collectors.protobuf {
        let mut exporters = mounted.configs.iter().flat_map(|c| c.exporters.iter().map(move |one| (c, one))).peekable();
        if exporters.peek().is_none() {
            return fail(Reason::Missing, "no exporter of OTLP".to_owned());
        }
        for (config, exporter) in exporters {
            if exporter.encoding != "proto" || ["none", ""].contains(&exporter.compression.as_str()) {
                let Exporter { name, encoding, compression } = exporter;
                let saw = format!(
                    "{name} of {}, with the encoding {encoding} and the compression {compression}",
                    config.from
                );
                return fail(Reason::Assertion, saw);
            }
        }
    }
    let saw = format!("{} configurations of {} pods", mounted.configs.len(), mounted.pods);
    Ok((Proof::of("collectors", what, &saw), saw))
}

impl Pipeline {
    fn fault(&self, least: u64) -> Option<String> {
        let is = |name: Option<&String>, sort: &str| name.is_some_and(|name| name.split('/').next() == Some(sort));
        if let Some(name) = self.undefined.first() {
            return Some(format!("whose processor {name} is not configured"));
        }
        if !is(self.processors.first(), "memory_limiter") {
            return Some("which does not begin with a memory limiter".to_owned());
        }
        if !is(self.processors.last(), "batch") {
            return Some("which does not end with a batch processor".to_owned());
        }
        if let Some(size) = self.batch_size.filter(|size| *size < least) {
            return Some(format!("which waits for {size} points"));
        }
        (self.waits == Some(false)).then(|| "which does not wait, so that no batch fills".to_owned())
    }

    fn is_readable(&self) -> bool {
        self.batch_size.is_some() && self.waits.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "processors:\n  memory_limiter: {limit_mib: 400}\n  batch: {send_batch_size: 1000, timeout: 10s}\n\
        exporters:\n  otlphttp/newrelic: {endpoint: 'https://x', headers: {api-key: hunter22}}\n\
        service:\n  pipelines:\n    metrics:\n      processors: [memory_limiter, batch]\n      exporters: [otlphttp/newrelic]\n";

    fn seen(text: &str) -> Facts {
        let configs = read("n/c", text).into_iter().collect();
        Facts { collectors: Some(Mounted { pods: 1, configs, ..Mounted::default() }), ..Facts::default() }
    }

    fn said(text: &str) -> String {
        let all = Collectors { min_batch: 100, protobuf: true, ..Collectors::default() };
        match judge(&all, &seen(text)) {
            Ok((_, saw)) => saw,
            Err(verdict) => verdict.sentence().to_owned(),
        }
    }

    #[test]
    fn order_and_sizes_count_and_not_names() {
        assert_eq!(said(GOOD), "1 configurations of 1 pods");
        for (from, to, part) in [
            ("[memory_limiter, batch]", "[batch, memory_limiter]", "does not begin with a memory limiter"),
            ("[memory_limiter, batch]", "[batch]", "does not begin with a memory limiter"),
            ("[memory_limiter, batch]", "[memory_limiter]", "does not end with a batch processor"),
            ("[memory_limiter, batch]", "[memory_limiter, batch/2]", "batch/2 is not configured"),
            ("send_batch_size: 1000", "send_batch_size: 10", "waits for 10 points"),
            ("timeout: 10s", "timeout: 0s", "does not wait"),
            ("endpoint", "encoding: json, endpoint", "the encoding json"),
            ("endpoint", "compression: none, endpoint", "the compression none"),
            ("metrics:", "traces:", "no pipeline of metrics"),
        ] {
            let text = GOOD.replace(from, to);
            assert!(said(&text).contains(part), "{}", said(&text));
        }
        assert!(said(&GOOD.replace("{send_batch_size: 1000, timeout: 10s}", "{}")).starts_with("1 "));
    }

    #[test]
    fn what_is_no_configuration_is_none_and_secrets_are_not_kept() {
        assert!(read("n/c", "a: [").is_none() && read("n/c", "log_level: info").is_none());
        let kept = serde_json::to_string(&seen(GOOD)).unwrap();
        assert!(kept.contains("otlphttp/newrelic") && !kept.contains("hunter22"), "{kept}");
    }
}
