//! What one look yields.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Grafana;
use super::committed::Compared;
use crate::expect::Gap;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    pub(super) version: String,
    /// As Grafana says it; `ok` if it works.
    pub(super) database: String,
    /// The same after the logins; null if none was tried.
    pub(super) database_afterwards: Option<String>,
    /// Status of the login page; null if it was not asked for.
    pub(super) login_page: Option<u16>,
    /// Name of the organisation that the credential belongs to.
    pub(super) organisation: Option<String>,
    pub(super) logins: Vec<Login>,
    pub(super) dashboards: Vec<Seen>,
    pub(super) datasources: Vec<Source>,
    pub(super) committed: Vec<Compared>,
}

/// How one login ended, without its password.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) status: u16,
    pub(super) message: String,
    /// Whether the answer is one that only somebody who is logged in gets.
    pub(super) accepted: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Seen {
    pub(super) uid: String,
    pub(super) found: bool,
    pub(super) title: String,
    pub(super) folder: String,
    /// Whether the team may see it; null if that was not asked.
    pub(super) team_may_view: Option<bool>,
    /// Panels with queries; empty if they were not asked.
    pub(super) panels: Vec<Panel>,
    /// More panels than are asked.
    pub(super) too_many: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) state: State,
    pub(super) series: u32,
    /// Seconds since the newest value of the query whose newest value is the oldest.
    pub(super) newest_age_s: Option<f64>,
    /// Why, if there is no data.
    pub(super) message: String,
}

/// Of the query that is worst off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// It has values.
    Data,
    /// It was answered in a form that cannot be read, or could not be asked.
    #[default]
    Unreadable,
    /// It has values without times, though their age matters.
    Undated,
    /// Its newest value is too old.
    Stale,
    /// It has no values.
    Empty,
    /// It was answered with an error.
    Error,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) uid: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) id: i64,
    pub(super) is_default: bool,
    /// Null if it was not asked, or could not be told.
    pub(super) healthy: Option<bool>,
    pub(super) message: String,
}

impl State {
    /// Whether it cannot be told.
    pub(super) fn is_unclear(self) -> bool {
        matches!(self, Self::Unreadable | Self::Undated)
    }
}

pub(super) fn gaps(leg: &Grafana, facts: &Facts) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut hide = |field: &'static str, why: &str| gaps.push(Gap { field, why: why.to_owned(), hides: true });
    let down = facts.database != "ok";
    for (field, asked) in [
        ("dashboards", !leg.dashboards.is_empty()),
        ("datasources", !leg.datasources.is_empty()),
        ("logins", !leg.pairs.is_empty()),
        ("committed", leg.committed.is_some()),
    ] {
        if down {
            hide(field, "the database of Grafana does not work");
        } else if !asked {
            hide(field, "the check does not ask for them");
        }
    }
    gaps
}
