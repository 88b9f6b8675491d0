//! What one look yields.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Alertmanager;
use super::matcher::Labels;
use crate::expect::Gap;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    pub(super) version: String,
    pub(super) uptime_s: f64,
    /// `ready`, `settling`, or `disabled` for one that has no peers.
    pub(super) cluster: String,
    pub(super) peer_count: u32,
    /// Why the configuration that it runs with cannot be read; null if it can.
    pub(super) unreadable: Option<String>,
    pub(super) receivers: Vec<Receiver>,
    /// One for each of the parameter `routes`.
    pub(super) routes: Vec<Way>,
    /// Alerts that are known now, suppressed or not.
    pub(super) alert_count: u32,
    pub(super) alerts: Vec<Alert>,
    pub(super) silences: Vec<Silence>,
    pub(super) canary: Option<Canary>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Receiver {
    pub(super) name: String,
    /// Such as `pagerduty`.
    pub(super) integrations: Vec<String>,
    /// Whether any route leads to it.
    pub(super) used: bool,
}

/// Where an alert with these labels goes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Way {
    pub(super) labels: Labels,
    pub(super) reached: Vec<Reached>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Reached {
    pub(super) receiver: String,
    pub(super) integrations: Vec<String>,
    /// Time intervals that the route depends on; empty if it leads there at any time.
    pub(super) intervals: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Alert {
    pub(super) labels: Labels,
    /// Names only.
    pub(super) annotations: Vec<String>,
    /// `active`, `suppressed` or `unprocessed`.
    pub(super) state: String,
    /// Seconds since it began.
    pub(super) age_s: f64,
    pub(super) receivers: Vec<String>,
    pub(super) silenced: bool,
    pub(super) inhibited: bool,
}

/// One that is active now.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Silence {
    pub(super) id: String,
    /// Such as `severity="critical"`.
    pub(super) matchers: Vec<String>,
    /// Seconds until it ends.
    pub(super) left_s: f64,
    /// Which of `unmuted` it mutes, by their places.
    pub(super) mutes: Vec<usize>,
    /// Which of them it mutes for a part of the alerts, if such a part exists.
    pub(super) may_mute: Vec<usize>,
    /// A matcher that cannot be read: what it mutes is not known.
    pub(super) unreadable: Option<String>,
}

/// What became of the synthetic alert.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Canary {
    /// The last state that was seen; empty if it never showed up.
    pub(super) state: String,
    pub(super) receivers: Vec<String>,
    /// Notifications since it was posted, by integration: those that arrived.
    pub(super) delivered: std::collections::BTreeMap<String, u64>,
    /// Those that did not.
    pub(super) failed: u64,
    pub(super) waited_s: f64,
    /// Whether it was ended.
    pub(super) resolved: bool,
    /// Why the wait ended early.
    pub(super) problem: Option<String>,
}

impl Facts {
    pub(super) fn are_alerts_cut(&self) -> bool {
        self.alerts.len() < usize::try_from(self.alert_count).unwrap_or(usize::MAX)
    }
}

pub(super) fn gaps(leg: &Alertmanager, facts: &Facts) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut hide = |fields: &[&'static str], why: &str| {
        gaps.extend(fields.iter().map(|field| Gap { field, why: why.to_owned(), hides: true }));
    };
    if let Some(why) = &facts.unreadable {
        hide(&["receivers", "routes"], &format!("the configuration cannot be read: {why}"));
    }
    if !leg.reads_alerts() {
        hide(&["alerts", "alert_count"], "alerts were not asked for; write `alerts: true`");
    } else if facts.are_alerts_cut() {
        hide(&["alerts"], "there are more alerts than are kept");
    }
    if !leg.reads_silences() {
        hide(&["silences"], "silences were not asked for; write `silences: true`");
    }
    gaps
}
