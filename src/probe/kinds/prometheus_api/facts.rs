//! What was asked for, part by part, and what of it is not known.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PrometheusApi;
use super::committed::Compared;
use crate::expect::Gap;
use crate::probe::personal::Found;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// The URL of the server.
    pub(super) server: String,
    /// The status of `/-/ready`.
    pub(super) ready_status: Option<u16>,
    pub(super) targets: Vec<Target>,
    pub(super) target_count: u64,
    pub(super) up_count: u64,
    /// Jobs that have a target, looked at or not.
    pub(super) jobs: Vec<String>,
    /// Rules that are meant.
    pub(super) rules: Vec<Rule>,
    /// What no rule is: `names` and `mentions` without one.
    pub(super) rules_absent: Vec<String>,
    /// Rules of the kind that was asked for, meant or not.
    pub(super) rule_count: u64,
    pub(super) committed: Option<Compared>,
    /// URLs of the Alertmanagers it sends to.
    pub(super) alertmanagers: Vec<String>,
    pub(super) status: Option<Status>,
    /// Flags by name; one that may hold a secret is `***`.
    pub(super) flags: BTreeMap<String, String>,
    /// By metric; one without is not there.
    pub(super) metadata: BTreeMap<String, Metadata>,
    pub(super) label_names: Vec<String>,
    pub(super) label_values: Vec<String>,
    /// Samples of its page for federation, and the metrics they are of.
    pub(super) federated_samples: Option<u64>,
    pub(super) federated_metrics: Vec<String>,
    pub(super) tsdb: Option<Tsdb>,
    /// Labels that carry what looks like data of people, without the values.
    pub(super) personal: Vec<Found>,
    pub(super) labels_looked_at: Option<u64>,
    pub(super) values_looked_at: Option<u64>,
    /// What the server says of answers that may not be whole.
    pub(super) warnings: Vec<String>,
    /// Lists that have more than is kept.
    pub(super) cut: Vec<String>,
}

/// What is scraped.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Target {
    pub(super) job: String,
    pub(super) instance: String,
    /// `up`, `down` or `unknown`: not scraped yet.
    pub(super) health: String,
    /// Of the last scrape; empty if there was none.
    pub(super) error: String,
    /// Seconds since the last scrape; null before the first.
    pub(super) age_s: Option<f64>,
    /// Null if the server does not say it.
    pub(super) interval_s: Option<f64>,
    pub(super) scrape_s: f64,
    pub(super) labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Rule {
    pub(super) name: String,
    /// `alert` or `record`.
    pub(super) kind: String,
    pub(super) group: String,
    pub(super) expression: String,
    pub(super) for_s: f64,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    /// `ok`, `err` or `unknown`: not evaluated yet.
    pub(super) health: String,
    pub(super) error: String,
    /// `inactive`, `pending` or `firing`; empty of a recording rule.
    pub(super) state: String,
    /// Seconds since the last evaluation; null before the first.
    pub(super) age_s: Option<f64>,
    pub(super) interval_s: f64,
    /// Whether all that it selects can be there; null if that was not asked or is not known.
    pub(super) alive: Option<bool>,
    /// Why it is not alive, or why that is not known.
    pub(super) alive_why: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Status {
    /// Whether the last attempt to load the configuration was a success.
    pub(super) config_loaded: bool,
    pub(super) config_age_s: Option<f64>,
    pub(super) uptime_s: Option<f64>,
    /// Such as `15d`, `30d or 50GB`.
    pub(super) retention: String,
    pub(super) corruptions: u64,
    pub(super) version: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Metadata {
    /// Such as `counter`.
    pub(super) kind: String,
    pub(super) help: String,
    pub(super) unit: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Tsdb {
    /// Series, chunks and pairs of labels of the newest part.
    pub(super) series: u64,
    pub(super) chunks: u64,
    pub(super) label_pairs: u64,
    /// Seconds that this part spans.
    pub(super) span_s: f64,
    /// Series of the metrics that have most of them.
    pub(super) series_by_metric: BTreeMap<String, u64>,
}

impl Target {
    pub(super) fn called(&self) -> String {
        format!("{} of job {}", self.instance, self.job)
    }
}

/// What was not asked is not nothing, and a part is not the whole.
pub(super) fn gaps(leg: &PrometheusApi, facts: &Facts) -> Vec<Gap> {
    let parts: [(bool, &str, &[&'static str]); 12] = [
        (leg.ready, "`ready` is not asked", &["ready_status"]),
        (leg.targets.is_some(), "`targets` are not asked for", &["targets", "target_count", "up_count", "jobs"]),
        (leg.rules.is_some(), "`rules` are not asked for", &["rules", "rules_absent", "rule_count"]),
        (leg.committed.is_some(), "`committed` is not asked for", &["committed"]),
        (leg.alertmanagers, "`alertmanagers` are not asked for", &["alertmanagers"]),
        (leg.status, "`status` is not asked for", &["status"]),
        (!leg.flags.is_empty(), "no `flags` are asked for", &["flags"]),
        (!leg.metadata.is_empty(), "no `metadata` is asked for", &["metadata"]),
        (!leg.label_names.is_empty(), "`label_names` are not asked for", &["label_names"]),
        (leg.label_values.is_some(), "`label_values` are not asked for", &["label_values"]),
        (leg.personal.is_some(), "`personal` is not asked for", &["personal", "labels_looked_at", "values_looked_at"]),
        (!leg.federate.is_empty(), "`federate` is not asked for", &["federated_samples", "federated_metrics"]),
    ];
    let hidden = parts
        .iter()
        .filter(|(asked, ..)| !asked)
        .flat_map(|&(_, why, fields)| fields.iter().map(move |field| Gap { field, why: why.to_owned(), hides: true }));
    let tsdb = (!leg.tsdb).then(|| Gap { field: "tsdb", why: "`tsdb` is not asked for".to_owned(), hides: true });
    let lists = ["targets", "rules", "label_names", "label_values", "federated_metrics", "personal"];
    let cut = lists.into_iter().filter(|field| facts.cut.iter().any(|cut| cut == field));
    let cut = cut.map(|field| Gap { field, why: "there are more than are kept".to_owned(), hides: true });
    hidden.chain(tsdb).chain(cut).collect()
}
