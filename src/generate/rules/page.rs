//! `docs/alerts.md`: every alert at a glance.

use std::fmt::Write;

use super::{Alert, alerts, yaml};

const HEAD: &str = "\
<!-- Written by `readiness-exporter generate`; do not edit. -->

# Alerts

The rules are in `alerts/readiness.rules.yaml`, routes and inhibition in `alerts/alertmanager.yaml`. `critical` pages
somebody, `warning` is a ticket, `info` is only to be seen. Each alert has a page that says what it means, what to look
at and what to do; the exporter serves those pages too, at `/runbooks/NAME`, and `runbook_url` leads there.

| alert | severity | after | says |
|---|---|---|---|
";

pub(in crate::generate) fn docs() -> String {
    let mut text = HEAD.to_owned();
    for alert in alerts() {
        let Alert { name, severity, after, summary, .. } = &alert;
        let after = if after.is_zero() { "at once".to_owned() } else { yaml::duration(*after) };
        // Writing to a text cannot fail.
        let _ = writeln!(text, "| [{name}](runbooks/{name}.md) | {} | {after} | {summary} |", severity.as_str());
    }
    text
}
