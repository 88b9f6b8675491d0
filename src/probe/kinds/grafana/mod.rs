//! `grafana`: Grafana is up, knows the exporter, refuses others, and its dashboards show data.
//!
//! A pass of `panels` proves that each query of a panel, sent the way a browser sends it, came back
//! with data. It does not prove that the data is right, nor what a panel makes of it. A refused login
//! proves that these very passwords do not work, or that nobody may log in with a password at all; it
//! counts only if Grafana says before and after that its database works, because with a broken one it
//! refuses everybody.

mod answer;
mod committed;
mod dashboard;
mod facts;
mod judge;
mod logins;
mod look;
mod meaning;
mod panel;
mod source;
#[cfg(test)]
mod tests;
mod variables;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::postgres::pairs::{self, Pair};
use crate::expect::Gap;
use crate::model::{Access, Timestamp, Verdict};
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};
use facts::Facts;

/// Looks at a Grafana: its health, who may log in, its data sources, and what its dashboards show.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Grafana {
    /// Name of the target. Its address is an `http://` or `https://` URL; its credential is the token
    /// of a service account, or an API key.
    target: Option<String>,
    /// Logs in as this user instead, with the credential as the password.
    user: Option<String>,
    /// The login page must be there.
    login_page: bool,
    /// The credential must be accepted.
    identity: bool,
    /// Logins that must be refused, such as published defaults: `user:password` of each. Nothing else
    /// can be looked at by the same check.
    #[schemars(with = "Vec<String>")]
    pairs: Vec<Pair>,
    /// Data sources that must be there and healthy, by their names; exactly one of all must be the
    /// default.
    datasources: Vec<String>,
    /// Dashboards that must be there.
    dashboards: Vec<Dashboard>,
    /// Name of the leg of the item that reads committed dashboards (`git` with `documents`). Each must be served
    /// under its uid, with all that was committed; what Grafana adds does not count, nor what it alone
    /// has. Of fields that only it has count `hide: true` of a query, and `transformations`.
    committed: Option<String>,
    /// Title of the folder that they must be in.
    folder: Option<String>,
    /// Name of the team that may see them. Only an administrator may ask for that.
    team: Option<String>,
    /// Sends the queries of their panels.
    panels: Option<Panels>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Dashboard {
    uid: String,
    /// Any if absent.
    title: Option<String>,
}

/// How panels are asked and what they must show. Template variables are set to all values.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Panels {
    /// The time range, until now.
    range_s: u32,
    /// The newest value of every query is not older.
    max_age_s: Option<u32>,
    /// Share of panels whose queries all have data.
    min_ratio: f64,
    /// Panels of which a query ended with an error; any number, as long as `min_ratio` holds, if absent.
    max_errors: Option<u32>,
    /// Values of template variables instead of all.
    variables: BTreeMap<String, String>,
    /// Series that have one of these labels with another value do not count.
    require_label: BTreeMap<String, String>,
    /// Panels of one dashboard; of one with more, nothing is judged.
    max_panels: u32,
}

impl Default for Panels {
    fn default() -> Self {
        Self {
            range_s: 3600,
            max_age_s: None,
            min_ratio: 1.0,
            max_errors: None,
            variables: BTreeMap::new(),
            require_label: BTreeMap::new(),
            max_panels: 100,
        }
    }
}

const DASHBOARDS_CEILING: usize = 20;
const PANELS_CEILING: u32 = 500;

/// Whether it may stand in a uid.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

impl Probe for Grafana {
    const NAME: &'static str = "grafana";
    const SUMMARY: &'static str = "Looks at a Grafana: health, logins, data sources, and what its dashboards show";
    type Facts = Facts;

    fn access(&self) -> Access {
        if self.pairs.is_empty() { Access::Read } else { Access::Authenticates }
    }

    fn check(&self, findings: &mut Findings) {
        if self.target.is_none() {
            findings.error_with_hint("target", "no target", "name one of the checklist's targets");
        }
        let others = self.login_page
            || self.identity
            || self.committed.is_some()
            || !self.datasources.is_empty()
            || !self.dashboards.is_empty();
        if !self.pairs.is_empty() && others {
            findings.error("pairs", "refused logins are a check of their own");
        }
        pairs::check(&self.pairs, findings);
        if self.dashboards.len() > DASHBOARDS_CEILING {
            findings.error("dashboards", format!("at most {DASHBOARDS_CEILING} dashboards can be looked at"));
        }
        for (index, dashboard) in self.dashboards.iter().enumerate() {
            if dashboard.uid.is_empty() || !dashboard.uid.chars().all(is_plain) {
                findings.error(&format!("dashboards[{index}].uid"), "expected letters, digits, `-` and `_`");
            }
        }
        if self.committed.as_deref() == Some("") {
            findings.error("committed", "expected the name of another check of the item");
        }
        if self.dashboards.is_empty() && (self.panels.is_some() || self.folder.is_some() || self.team.is_some()) {
            findings.error("dashboards", "`panels`, `folder` and `team` are about dashboards");
        }
        if let Some(panels) = &self.panels {
            if panels.range_s == 0 {
                findings.error("panels.range_s", "expected at least a second");
            }
            if !(0.0..=1.0).contains(&panels.min_ratio) || panels.min_ratio == 0.0 {
                findings.error("panels.min_ratio", "expected a share above 0, up to 1");
            }
            if !(1..=PANELS_CEILING).contains(&panels.max_panels) {
                findings.error("panels.max_panels", format!("expected 1 to {PANELS_CEILING}"));
            }
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn legs(&self) -> Vec<&str> {
        self.committed.as_deref().into_iter().collect()
    }

    fn expects(&self) -> Option<&'static str> {
        Some(if self.pairs.is_empty() { "an answer of Grafana" } else { "refused logins" })
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

    fn judge_error(&self, error: &ProbeError) -> Verdict {
        // A connection that fails proves nothing about a refusal.
        if self.pairs.is_empty() { error.verdict() } else { error.indeterminate() }
    }
}
