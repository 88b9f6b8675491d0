//! `alerts/alertmanager.yaml`: where alerts go, what they are grouped by, and which of them a louder
//! one makes superfluous.

use std::fmt::Write;

use super::rules;

const ROUTE: &str = "\
# Put your own receivers in place of the three webhooks, or take `route.routes`, `inhibit_rules` and the
# template over into the configuration you have.

templates: [readiness.tmpl]

route:
  receiver: readiness-board
  # One message for what breaks together. The job tells deployments apart.
  group_by: [alertname, job, checklist]
  group_wait: 1m
  group_interval: 5m
  repeat_interval: 12h
  routes:
    # Somebody is woken up.
    - matchers: [ 'alertname=~\"Readiness.*\"', severity=\"critical\" ]
      receiver: readiness-page
      repeat_interval: 4h
    # For the day.
    - matchers: [ 'alertname=~\"Readiness.*\"', severity=\"warning\" ]
      receiver: readiness-ticket
      group_wait: 5m
      repeat_interval: 24h

receivers:
  - name: readiness-page
    webhook_configs:
      - { url: \"http://127.0.0.1:9095/page\", send_resolved: true }
  - name: readiness-ticket
    webhook_configs:
      - { url: \"http://127.0.0.1:9095/ticket\", send_resolved: true }
  # What is only to be seen: dashboards and the board show it.
  - name: readiness-board

inhibit_rules:
";

/// While `source` fires, `target` is kept quiet where `equal` labels are the same.
struct Inhibition {
    why: &'static str,
    source: String,
    target: String,
    equal: &'static [&'static str],
}

pub(super) fn file() -> String {
    let mut text = format!("{}# Alertmanager: routes, grouping and inhibition.\n#\n{ROUTE}", super::HEAD);
    for Inhibition { why, source, target, equal } in inhibitions() {
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "  # {why}\n  - source_matchers: [ {} ]\n    target_matchers: [ {} ]\n    equal: [{}]\n",
            source,
            target,
            equal.join(", ")
        );
    }
    text
}

fn inhibitions() -> Vec<Inhibition> {
    let item = &["job", "checklist", "item"];
    vec![
        Inhibition {
            why: "Nothing that the exporter says is news while it is down or stuck.",
            source: names(&["ReadinessExporterDown", "ReadinessSchedulerStuck"]),
            target: names(&about_items()),
            equal: &["job"],
        },
        Inhibition {
            why: "Dependants are explained by their root cause.",
            source: names(&["ReadinessItemRegressed", "ReadinessRootCause"]),
            target: names(&["ReadinessItemBlocked"]),
            equal: &["job", "root_cause"],
        },
        Inhibition {
            why: "A regression says it all about its item.",
            source: names(&["ReadinessItemRegressed"]),
            target: names(&[
                "ReadinessRootCause",
                "ReadinessItemUnknown",
                "ReadinessItemStale",
                "ReadinessItemFlapping",
                "ReadinessOverClaim",
            ]),
            equal: item,
        },
        // A row that is made of others fails with them. Where it is the loudest, or nothing else
        // has failed, it is heard.
        Inhibition {
            why: "What a row is made of has a page of its own.",
            source: format!("{}, severity=\"critical\", mode!=\"derived\"", names(&["ReadinessItemRegressed"])),
            target: format!("{}, mode=\"derived\"", names(&["ReadinessItemRegressed"])),
            equal: &["job", "checklist"],
        },
        Inhibition {
            why: "The same for tickets.",
            source: format!("{}, severity=\"warning\", mode!=\"derived\"", names(&["ReadinessItemRegressed"])),
            target: format!("{}, severity!=\"critical\", mode=\"derived\"", names(&["ReadinessItemRegressed"])),
            equal: &["job", "checklist"],
        },
        Inhibition {
            why: "What others wait for is told of once.",
            source: names(&["ReadinessRootCause"]),
            target: names(&["ReadinessItemUnknown", "ReadinessItemStale", "ReadinessOverClaim"]),
            equal: item,
        },
        Inhibition {
            why: "A gate that a regression shuts needs no ticket of its own.",
            source: names(&["ReadinessItemRegressed"]),
            target: names(&["ReadinessGateFailing"]),
            equal: &["job", "checklist"],
        },
    ]
}

/// Those that come from what items say.
fn about_items() -> Vec<&'static str> {
    let mut names: Vec<&str> = rules::alerts().iter().map(|alert| alert.name).collect();
    names.retain(|name| {
        name.starts_with("ReadinessItem")
            || ["ReadinessRootCause", "ReadinessGateFailing", "ReadinessOverClaim"].contains(name)
    });
    names.dedup();
    names
}

fn names(names: &[&str]) -> String {
    match names {
        [one] => format!("alertname=\"{one}\""),
        all => format!("'alertname=~\"{}\"'", all.join("|")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alert_that_is_named_exists() {
        let known: Vec<&str> = rules::alerts().iter().map(|alert| alert.name).collect();
        let named = regex::Regex::new("Readiness[A-Za-z]+").expect("expression");
        for name in named.find_iter(&file()).map(|found| found.as_str()) {
            assert!(known.contains(&name), "{name}");
        }
    }
}
