//! `alerts/*.rules.yaml`: recording and alerting rules, generic over items. The catalogue puts
//! nothing into them, so the same files serve any.

mod acceptance;
mod exporter;
mod items;
mod page;
mod scores;
mod yaml;

use std::time::Duration;

use super::promql::Expr;
use crate::families::table;
pub(super) use page::docs;

/// A minute, an hour, a day.
const M: u64 = 60;
const H: u64 = 60 * M;
const D: u64 = 24 * H;

/// How loud an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// Somebody is woken up.
    Critical,
    /// A ticket, for the day.
    Warning,
    /// To be seen by whoever looks.
    Info,
}

impl Severity {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

/// An alerting rule.
pub(super) struct Alert {
    /// Begins with `Readiness`; also the name of its page in `docs/runbooks/`.
    pub(super) name: &'static str,
    pub(super) severity: Severity,
    /// How long the expression must hold. For a page at most three minutes: Prometheus starts this
    /// time anew when it is restarted, and after four minutes Alertmanager takes an alert for over.
    pub(super) after: Duration,
    pub(super) expr: Expr,
    /// One sentence without anything put into it.
    pub(super) summary: &'static str,
    /// A template.
    pub(super) description: String,
    /// More annotations: name and template.
    pub(super) more: Vec<(&'static str, String)>,
}

/// A recording rule.
pub(super) struct Record {
    pub(super) name: &'static str,
    pub(super) expr: Expr,
}

pub(super) enum Rule {
    Record(Record),
    Alert(Box<Alert>),
}

pub(super) struct Group {
    pub(super) name: &'static str,
    /// What the group is for: a comment in the file.
    pub(super) about: &'static str,
    /// Evaluated one after the other: an alert may read what the group recorded before it.
    pub(super) rules: Vec<Rule>,
}

fn alerting() -> Vec<Group> {
    vec![items::group(), acceptance::group(), exporter::group()]
}

/// Every alert there is.
pub(super) fn alerts() -> Vec<Alert> {
    let rules = alerting().into_iter().flat_map(|group| group.rules);
    rules.filter_map(|rule| if let Rule::Alert(alert) = rule { Some(*alert) } else { None }).collect()
}

/// `alerts/readiness.rules.yaml`.
pub(super) fn alerting_file() -> String {
    yaml::file("Alerts, and the series that only they read.", &alerting())
}

/// `alerts/readiness-scores.rules.yaml`.
pub(super) fn recording_file() -> String {
    yaml::file("Recorded series for dashboards and for rules of your own.", &[scores::group()])
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * M)
}

fn record(name: &'static str, expr: Expr) -> Rule {
    Rule::Record(Record { name, expr })
}

/// A template that looks something up when the alert fires: `field` of the one series of `query`, in
/// which `%s` stands for the job, the checklist and the item of the alert.
fn lookup(query: &str, field: &str) -> String {
    format!(
        "{{{{ with printf `{query}` $labels.job $labels.checklist $labels.item | query }}}}{{{{ . | first | {field} }}}}{{{{ end }}}}"
    )
}

/// A template: a page of the exporter's own board, wherever people reach it.
fn page(path: &str) -> String {
    let board = format!("last_over_time({}{{job='%s'}}[1d])", table::WEB_INFO.name);
    format!(
        "{{{{ with printf `{board}` $labels.job | query }}}}{{{{ . | first | label \"external_url\" }}}}{{{{ end }}}}{path}"
    )
}
