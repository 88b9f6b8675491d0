//! Panels, by what they are for. Every query of a board is in one of them.

use serde_json::{Value, json};

use super::super::promql::Expr;
use super::columns::Column;
use super::look;

/// The data source that was chosen.
pub(super) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

pub(super) struct Panel {
    /// In 24ths of the board; `None`: what the others leave.
    pub(super) width: Option<u32>,
    json: Value,
}

/// A query, and what its series are called in a legend.
pub(super) struct Query {
    expr: Expr,
    legend: &'static str,
    /// Only the newest value.
    instant: bool,
}

/// One value at this moment.
pub(super) fn now(expr: Expr, legend: &'static str) -> Query {
    Query { expr, legend, instant: true }
}

/// Over the time range of the board.
pub(super) fn over_time(expr: Expr, legend: &'static str) -> Query {
    Query { expr, legend, instant: false }
}

impl Panel {
    fn new(kind: &str, title: &str, description: &str, queries: Vec<Query>) -> Self {
        let is_table = kind == "table";
        let targets: Vec<Value> = queries
            .into_iter()
            .zip('A'..)
            .map(|(query, id)| {
                json!({
                    "refId": id.to_string(), "datasource": datasource(), "editorMode": "code", "expr": query.expr.text(),
                    "legendFormat": query.legend, "instant": query.instant, "range": !query.instant,
                    "format": if is_table { "table" } else { "time_series" },
                })
            })
            .collect();
        let json = json!({
            "type": kind, "title": title, "description": description, "datasource": datasource(), "targets": targets,
            "transparent": false, "transformations": [], "links": [],
            "fieldConfig": { "defaults": { "custom": {} }, "overrides": [] },
            "options": {},
        });
        Self { width: None, json }
    }

    pub(super) fn width(mut self, columns: u32) -> Self {
        self.width = Some(columns);
        self
    }

    pub(super) fn unit(mut self, unit: &str) -> Self {
        self.json["fieldConfig"]["defaults"]["unit"] = json!(unit);
        self
    }

    pub(super) fn thresholds(mut self, thresholds: Value) -> Self {
        self.json["fieldConfig"]["defaults"]["color"] = json!({ "mode": "thresholds" });
        self.json["fieldConfig"]["defaults"]["thresholds"] = thresholds;
        self
    }

    pub(super) fn mappings(mut self, mappings: Value) -> Self {
        self.json["fieldConfig"]["defaults"]["mappings"] = mappings;
        self
    }

    /// Between 0 and 1, shown in percent.
    pub(super) fn ratio(mut self) -> Self {
        self.json["fieldConfig"]["defaults"]["min"] = json!(0);
        self.json["fieldConfig"]["defaults"]["max"] = json!(1);
        self.json["fieldConfig"]["defaults"]["decimals"] = json!(0);
        self.unit("percentunit").thresholds(look::rising(&[(0.8, "orange"), (0.95, "yellow"), (1.0, "green")]))
    }

    /// Series whose name ends with a state are drawn in its colour.
    pub(super) fn coloured_by_state(mut self) -> Self {
        self.json["fieldConfig"]["overrides"] = look::by_name_of_state();
        self
    }

    /// Of what is neither good nor bad.
    pub(super) fn plain(mut self) -> Self {
        self.json["options"]["colorMode"] = json!("none");
        self
    }

    /// Of a number that is always the same: its name.
    pub(super) fn show_names(&mut self) {
        self.json["options"]["textMode"] = json!("name");
    }

    pub(super) fn json(&self) -> Value {
        self.json.clone()
    }
}

/// The newest value.
fn reduced() -> Value {
    json!({ "calcs": ["lastNotNull"], "fields": "", "values": false })
}

/// Big numbers: one for each series.
pub(super) fn stat(title: &str, description: &str, queries: Vec<Query>) -> Panel {
    let mut panel = Panel::new("stat", title, description, queries);
    panel.json["options"] = json!({
        "colorMode": "background", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
        "textMode": "auto", "reduceOptions": reduced(),
    });
    panel
}

/// Horizontal bars, one for each series.
pub(super) fn bars(title: &str, description: &str, queries: Vec<Query>) -> Panel {
    let mut panel = Panel::new("bargauge", title, description, queries);
    panel.json["options"] = json!({
        "displayMode": "basic", "orientation": "horizontal", "showUnfilled": true, "valueMode": "color",
        "minVizHeight": 16, "minVizWidth": 8, "reduceOptions": reduced(),
    });
    panel
}

pub(super) fn lines(title: &str, description: &str, queries: Vec<Query>) -> Panel {
    let mut panel = Panel::new("timeseries", title, description, queries);
    panel.json["fieldConfig"]["defaults"]["custom"] =
        json!({ "drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": false });
    panel.json["options"] = json!({
        "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
        "tooltip": { "mode": "multi", "sort": "desc" },
    });
    panel
}

/// A bar through time for each series, in the colours of the states.
pub(super) fn timeline(title: &str, description: &str, query: Query) -> Panel {
    let mut panel = Panel::new("state-timeline", title, description, vec![query]).mappings(look::states_by_code());
    panel.json["fieldConfig"]["defaults"]["custom"] = json!({ "fillOpacity": 80, "lineWidth": 0 });
    panel.json["fieldConfig"]["defaults"]["color"] = json!({ "mode": "thresholds" });
    panel.json["options"] = json!({
        "alignValue": "left", "mergeValues": true, "rowHeight": 0.9, "showValue": "auto",
        "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
        "tooltip": { "mode": "single", "sort": "none" },
    });
    panel
}

/// The newest series as lines of a table: these columns of them, in this order.
pub(super) fn table(title: &str, description: &str, query: Query, columns: &[Column]) -> Panel {
    let mut panel = Panel::new("table", title, description, vec![query]);
    panel.json["fieldConfig"]["defaults"]["custom"] =
        json!({ "align": "auto", "cellOptions": { "type": "auto" }, "inspect": false, "filterable": true });
    panel.json["fieldConfig"]["overrides"] = columns.iter().map(Column::overridden).collect();
    panel.json["transformations"] = super::columns::transformations(columns);
    panel.json["options"] = json!({ "showHeader": true, "cellHeight": "sm", "frameIndex": 0 });
    panel
}
