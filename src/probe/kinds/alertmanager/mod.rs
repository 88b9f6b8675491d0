//! `alertmanager`: the alerts of an Alertmanager reach somebody.
//!
//! A pass proves what this Alertmanager says of itself at this moment: where its configuration sends
//! an alert with given labels, which alerts are there, and what is silenced. It does not prove that
//! Prometheus sends its alerts here, nor, without `canary`, that a notification arrives anywhere. With
//! `canary` it proves that this Alertmanager counted a delivered notification while a synthetic alert
//! was active; one of another alert in the same moments would be counted as well.

mod canary;
mod facts;
mod judge;
mod look;
mod matcher;
mod routing;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Deserialize;

use facts::Facts;
use matcher::Labels;

use crate::expect::Gap;
use crate::model::{Access, Timestamp, Verdict};
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

/// Looks at an Alertmanager: where alerts go, which there are, and what is silenced.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Alertmanager {
    /// Name of the target. Its address is an `http://` or `https://` URL; its credential, if it has
    /// one, is sent as a bearer token.
    target: Option<String>,
    /// Logs in as this user, with the credential as the password.
    user: Option<String>,
    /// Alerts, and where each must go.
    routes: Vec<Route>,
    /// Labels of alerts that must be active, such as `{ alertname: Watchdog }`.
    firing: Vec<Labels>,
    /// Labels of alerts that no active silence may mute, be it a part of them.
    unmuted: Vec<Labels>,
    /// Alerts that somebody must have taken up.
    acknowledged: Option<Acknowledged>,
    /// Also asks for alerts, for conditions.
    alerts: bool,
    /// Also asks for silences, for conditions.
    silences: bool,
    /// Posts a synthetic alert, waits until it is delivered, and ends it. Changes the target.
    canary: Option<Synthetic>,
}

/// An alert with these labels must reach a receiver of one of these names and with one of these
/// integrations.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Route {
    labels: Labels,
    /// Names; any if empty.
    receivers: Vec<String>,
    /// Such as `pagerduty` for `pagerduty_configs`; any if empty, but a receiver without one reaches
    /// nobody.
    integrations: Vec<String>,
}

/// An active alert with these labels carries the annotation, or is not older than that.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Acknowledged {
    labels: Labels,
    annotation: String,
    within_s: u32,
}

/// A synthetic alert. It also has `alertname: ReadinessCanary`, `readiness_canary: "true"`, and a
/// label of its own for each run, so that no other alert is taken for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Synthetic {
    labels: Labels,
    /// Where it must be delivered: one of these.
    integrations: Vec<String>,
    /// Ends by itself after this long, whatever becomes of the exporter. The wait is as long as the
    /// deadline of the check allows: more than the `group_wait` of its route, and the check runs more
    /// seldom than its `group_interval`.
    lasts_s: u32,
}

impl Default for Acknowledged {
    fn default() -> Self {
        Self { labels: Labels::new(), annotation: "acknowledged".to_owned(), within_s: 900 }
    }
}

impl Default for Synthetic {
    fn default() -> Self {
        Self { labels: Labels::new(), integrations: Vec::new(), lasts_s: 120 }
    }
}

/// A synthetic alert is gone after this at the latest.
const LASTS_CEILING_S: u32 = 600;

impl Probe for Alertmanager {
    const NAME: &'static str = "alertmanager";
    const SUMMARY: &'static str = "Looks at an Alertmanager: where alerts go, which there are, and what is silenced";
    type Facts = Facts;

    fn access(&self) -> Access {
        if self.canary.is_some() { Access::Mutates } else { Access::Read }
    }

    fn check(&self, findings: &mut Findings) {
        if self.target.is_none() {
            findings.error_with_hint("target", "no target", "name one of the checklist's targets");
        }
        for (field, list) in [("firing", &self.firing), ("unmuted", &self.unmuted)] {
            if list.iter().any(Labels::is_empty) {
                findings.error(field, "expected at least one label in each entry");
            }
        }
        if self.routes.iter().any(|route| route.labels.is_empty()) {
            findings.error("routes", "expected at least one label in each entry");
        }
        if self.acknowledged.as_ref().is_some_and(|wanted| wanted.labels.is_empty() || wanted.annotation.is_empty()) {
            findings.error("acknowledged", "expected `labels`, and the name of an annotation");
        }
        if let Some(canary) = &self.canary {
            if canary.integrations.is_empty() {
                findings.error("canary.integrations", "expected the integrations it may be delivered by");
            }
            if !(10..=LASTS_CEILING_S).contains(&canary.lasts_s) {
                findings.error("canary.lasts_s", format!("expected 10 to {LASTS_CEILING_S} seconds"));
            }
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn expects(&self) -> Option<&'static str> {
        Some("an answer of Alertmanager")
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

impl Alertmanager {
    fn reads_alerts(&self) -> bool {
        self.alerts || !self.firing.is_empty() || !self.unmuted.is_empty() || self.acknowledged.is_some()
    }

    fn reads_silences(&self) -> bool {
        self.silences || !self.unmuted.is_empty()
    }
}
