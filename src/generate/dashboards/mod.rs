//! `dashboards/`: boards of Grafana 10 to 12, and how Grafana finds them. Generic over items.

mod acceptance;
mod checklist;
mod columns;
mod exporter;
mod gates;
mod item;
mod layout;
mod look;
mod overview;
mod panel;
mod select;
mod variables;

use serde_json::{Value, json};

use layout::Row;

/// Of Grafana 10; later versions bring it up to theirs when they load it.
const SCHEMA_VERSION: u32 = 38;

struct Dashboard {
    /// Part of its address, and of links to it.
    uid: &'static str,
    title: &'static str,
    description: &'static str,
    variables: Vec<Value>,
    /// What the time range is at first.
    from: &'static str,
    rows: Vec<Row>,
}

/// The boards, with their paths.
pub(super) fn files() -> [(&'static str, String); 6] {
    [
        ("dashboards/overview.json", overview::dashboard()),
        ("dashboards/checklist.json", checklist::dashboard()),
        ("dashboards/item.json", item::dashboard()),
        ("dashboards/gates.json", gates::dashboard()),
        ("dashboards/acceptance.json", acceptance::dashboard()),
        ("dashboards/exporter.json", exporter::dashboard()),
    ]
    .map(|(name, dashboard)| (name, dashboard.text()))
}

impl Dashboard {
    fn text(&self) -> String {
        // A value with text keys always has a text form.
        serde_json::to_string_pretty(&self.json()).unwrap_or_default() + "\n"
    }

    fn json(&self) -> Value {
        json!({
            "uid": self.uid,
            "title": self.title,
            "description": format!("{} Written by `readiness-exporter generate`; do not edit.", self.description),
            "tags": ["readiness"],
            "schemaVersion": SCHEMA_VERSION,
            "editable": false,
            "graphTooltip": 1,
            "timezone": "browser",
            "time": { "from": self.from, "to": "now" },
            "refresh": "1m",
            "links": [{
                "title": "Readiness", "type": "dashboards", "tags": ["readiness"], "asDropdown": true, "icon": "external link",
                "includeVars": true, "keepTime": true, "targetBlank": false, "tooltip": "", "url": "",
            }],
            "templating": { "list": self.variables },
            "annotations": { "list": [] },
            "panels": layout::place(&self.rows),
        })
    }
}

/// `dashboards/provisioning/dashboards.yaml`.
pub(super) fn provider() -> String {
    format!(
        "{}# Into provisioning/dashboards/ of Grafana; the boards into the folder named below.\n\
         apiVersion: 1\n\
         providers:\n  \
           - name: readiness\n    \
             folder: Readiness\n    \
             type: file\n    \
             disableDeletion: true\n    \
             allowUiUpdates: false\n    \
             options:\n      \
               path: /var/lib/grafana/dashboards/readiness\n",
        super::HEAD
    )
}

/// `dashboards/provisioning/datasources.yaml`.
pub(super) fn datasource() -> String {
    format!(
        "{}# Into provisioning/datasources/ of Grafana, if your Prometheus is not there yet.\n\
         apiVersion: 1\n\
         datasources:\n  \
           - name: Prometheus\n    \
             type: prometheus\n    \
             access: proxy\n    \
             url: http://127.0.0.1:9090\n    \
             jsonData:\n      \
               httpMethod: POST\n",
        super::HEAD
    )
}
