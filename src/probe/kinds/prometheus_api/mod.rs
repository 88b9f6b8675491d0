//! `prometheus_api`: what a Prometheus says of its targets, rules and itself.
//!
//! A pass proves what the parts that were asked for said at the moment of the run: that targets were
//! scraped, that rules are loaded, evaluated and able to fire. It does not prove that a threshold is
//! wise, nor that anything that was never configured is missing, unless the check names it.

mod committed;
mod facts;
mod groups;
mod judge;
mod look;
mod parts;
mod personal;
mod printed;
mod rules;
mod selector;
mod targets;
#[cfg(test)]
mod tests;
mod vital;

use std::collections::BTreeMap;

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use facts::Facts;

use super::http::Tls;
use super::promql::api::Place;
use crate::expect::Gap;
use crate::model::{Timestamp, Verdict};
use crate::probe::net::parse_address;
use crate::probe::personal::Personal;
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

/// Asks a Prometheus about itself. Only the parts that are named are asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PrometheusApi {
    /// Name of a target. Its address is the URL before `/api/v1`, such as `https://host/prometheus`;
    /// its credential is sent as a bearer token, or as the password of `user`.
    target: Option<String>,
    /// URL instead of a target.
    url: Option<String>,
    /// Name for basic authentication; empty: none.
    user: String,
    /// Replaces the target's credential.
    credential: Option<String>,
    /// TLS files instead of those of the target.
    tls: Tls,
    /// It must say that it is ready.
    ready: bool,
    /// What it scrapes: each target must be up and fresh.
    targets: Option<Targets>,
    /// Its rules: one of those that are meant must be loaded, evaluated and free of errors.
    rules: Option<Rules>,
    /// Name of the leg of the item that reads committed files of rules (`git` with `documents`). It must serve their
    /// rules and no others, with the same `for`, `keep_firing_for`, labels, annotations and interval, if one is
    /// committed; whether two expressions mean the same it is asked itself, from version 2.41 on. Neither the
    /// order of rules nor `query_offset` and `limit` of groups are compared.
    committed: Option<String>,
    /// It must know an Alertmanager.
    alertmanagers: bool,
    /// What it says of its run; its configuration must have been loaded.
    status: bool,
    /// Flags it was started with, by name without dashes, such as `storage.tsdb.retention.time`.
    flags: Vec<String>,
    /// Metrics that must have a type and a text.
    metadata: Vec<String>,
    /// Asks for the names of labels, of all series that fit one of these selectors.
    label_names: Vec<String>,
    /// Asks for the values of a label.
    label_values: Option<LabelValues>,
    /// Selectors for which its page for federation must have samples.
    federate: Vec<String>,
    /// What it says of its storage.
    tsdb: bool,
    /// Goes through the labels of all series that it stores, and fails for what looks like data of people.
    personal: Option<Personal>,
    /// Bytes of one answer beyond which nothing is judged.
    max_bytes: u32,
}

/// Which targets are looked at, and what they must be.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Targets {
    /// Jobs that must have a target.
    jobs: Vec<String>,
    /// Looks at targets of these jobs only; at all if empty.
    only: Vec<String>,
    /// The last scrape is at most so many of its intervals ago.
    max_intervals: f64,
}

/// Which rules are looked at, and what they must be.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Rules {
    /// Alerts or recording rules only.
    kind: Option<RuleKind>,
    /// A rule with one of these names is meant,
    names: Vec<String>,
    /// or one whose name fits this regular expression,
    matching: Option<String>,
    /// or one whose expression reads a metric that fits one of these selectors, also by way of a
    /// recording rule,
    mentions: Vec<String>,
    /// or one of these groups, each of which must be there. Without any of the four all are.
    groups: Vec<String>,
    /// All of them must be in order, not just one, and there must be one for each of `names` and `mentions`.
    every: bool,
    /// It must be able to fire: what its expression selects must exist, unless it fires already. Of one
    /// that may fire where nothing is (`absent`, `or`, `unless`) what is not there decides nothing.
    alive: bool,
    /// Values that a label may take although none is there now, by metric and label, such as
    /// `requests_total.status`.
    known_values: BTreeMap<String, Vec<String>>,
    /// The last evaluation is at most so many intervals of its group ago.
    max_intervals: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RuleKind {
    Alert,
    Record,
}

/// The values of one label.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct LabelValues {
    label: String,
    /// Of series that fit one of these selectors; of all if empty.
    of: Vec<String>,
}

const NAMES_CEILING: usize = 64;

impl Default for Targets {
    fn default() -> Self {
        Self { jobs: Vec::new(), only: Vec::new(), max_intervals: 2.0 }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            kind: None,
            names: Vec::new(),
            matching: None,
            mentions: Vec::new(),
            groups: Vec::new(),
            every: false,
            alive: false,
            known_values: BTreeMap::new(),
            max_intervals: 3.0,
        }
    }
}

impl Default for PrometheusApi {
    fn default() -> Self {
        Self {
            target: None,
            url: None,
            user: String::new(),
            credential: None,
            tls: Tls::default(),
            ready: false,
            targets: None,
            rules: None,
            committed: None,
            alertmanagers: false,
            status: false,
            flags: Vec::new(),
            metadata: Vec::new(),
            label_names: Vec::new(),
            label_values: None,
            federate: Vec::new(),
            tsdb: false,
            personal: None,
            max_bytes: 16 << 20,
        }
    }
}

impl Probe for PrometheusApi {
    const NAME: &'static str = "prometheus_api";
    const SUMMARY: &'static str = "What a Prometheus says of its targets, rules and itself is as expected";
    type Facts = Facts;

    fn check(&self, findings: &mut Findings) {
        self.place().check(findings);
        if !self.asks() {
            findings.error_with_hint("", "nothing is asked", "add `targets`, `rules`, `ready` or another part");
        }
        let intervals = self.targets.iter().map(|part| ("targets.max_intervals", part.max_intervals));
        for (field, value) in intervals.chain(self.rules.iter().map(|part| ("rules.max_intervals", part.max_intervals)))
        {
            if !(1.0..=1e6).contains(&value) {
                findings.error(field, "expected a number of at least 1");
            }
        }
        if let Some(rules) = &self.rules {
            rules.check(findings);
        }
        if self.committed.as_deref() == Some("") {
            findings.error("committed", "expected the name of another check of the item");
        }
        if let Some(personal) = &self.personal {
            personal.check(findings);
        }
        if self.label_values.as_ref().is_some_and(|part| !selector::is_name(&part.label)) {
            findings.error("label_values.label", "expected the name of a label");
        }
        for (field, list) in [("flags", &self.flags), ("metadata", &self.metadata), ("federate", &self.federate)] {
            if list.len() > NAMES_CEILING {
                findings.error(field, format!("expected at most {NAMES_CEILING}"));
            }
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn address(&self) -> String {
        self.url.as_deref().and_then(|url| parse_address(url).ok()).map(|at| at.to_string()).unwrap_or_default()
    }

    fn credentials(&self) -> Vec<&str> {
        self.credential.as_deref().into_iter().collect()
    }

    fn legs(&self) -> Vec<&str> {
        self.committed.as_deref().into_iter().collect()
    }

    fn expects(&self) -> Option<&'static str> {
        Some("an answer of Prometheus")
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        look::look(self, cx).await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        judge::judge(self, facts)
    }

    fn gaps(&self, facts: &Facts) -> Vec<Gap> {
        facts::gaps(self, facts)
    }
}

impl PrometheusApi {
    fn place(&self) -> Place<'_> {
        Place {
            target: &self.target,
            url: &self.url,
            user: &self.user,
            credential: self.credential.as_deref(),
            tls: &self.tls,
            max_bytes: self.max_bytes,
        }
    }

    fn asks(&self) -> bool {
        let lists = [&self.flags, &self.metadata, &self.label_names, &self.federate];
        self.ready
            || self.alertmanagers
            || self.status
            || self.tsdb
            || self.personal.is_some()
            || self.targets.is_some()
            || self.rules.is_some()
            || self.committed.is_some()
            || self.label_values.is_some()
            || lists.iter().any(|list| !list.is_empty())
    }
}

impl Rules {
    fn check(&self, findings: &mut Findings) {
        if let Some(Err(error)) = self.matching.as_deref().map(Regex::new) {
            findings.error("rules.matching", format!("not a regular expression: {error}"));
        }
        for (index, text) in self.mentions.iter().enumerate() {
            if selector::selectors(text).len() != 1 {
                findings.error(&format!("rules.mentions[{index}]"), "expected one selector, such as up{job=\"node\"}");
            }
        }
        for key in self.known_values.keys() {
            if key.split_once('.').is_none() {
                findings.error(&format!("rules.known_values.{key}"), "expected a metric, a point and a label");
            }
        }
    }

    /// Whether some rules are meant rather than all.
    fn chooses(&self) -> bool {
        !(self.names.is_empty() && self.matching.is_none() && self.mentions.is_empty() && self.groups.is_empty())
    }
}
