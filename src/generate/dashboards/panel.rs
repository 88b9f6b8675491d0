//! Panels, by what they are for. Every query of a board is in one of them.

use serde_json::{Map, Value, json};

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
    kind: &'static str,
    title: String,
    description: String,
    queries: Vec<Query>,
    /// Of every field: unit, colours, words.
    defaults: Map<String, Value>,
    custom: Value,
    overrides: Vec<Value>,
    transformations: Value,
    options: Map<String, Value>,
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
    fn new(kind: &'static str, title: &str, description: &str, queries: Vec<Query>, options: Value) -> Self {
        let options = if let Value::Object(options) = options { options } else { Map::new() };
        Self {
            width: None,
            kind,
            title: title.to_owned(),
            description: description.to_owned(),
            queries,
            defaults: Map::new(),
            custom: json!({}),
            overrides: Vec::new(),
            transformations: json!([]),
            options,
        }
    }

    fn by_default(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.defaults.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn width(mut self, columns: u32) -> Self {
        self.width = Some(columns);
        self
    }

    pub(super) fn unit(self, unit: &str) -> Self {
        self.by_default("unit", unit)
    }

    pub(super) fn thresholds(self, thresholds: Value) -> Self {
        self.by_default("color", json!({ "mode": "thresholds" })).by_default("thresholds", thresholds)
    }

    pub(super) fn mappings(self, mappings: Value) -> Self {
        self.by_default("mappings", mappings)
    }

    /// Between 0 and 1, shown in percent.
    pub(super) fn ratio(self) -> Self {
        let percent = self.by_default("min", 0).by_default("max", 1).by_default("decimals", 0).unit("percentunit");
        percent.thresholds(look::rising(&[(0.8, "orange"), (0.95, "yellow"), (1.0, "green")]))
    }

    /// Series whose name ends with a state are drawn in its colour.
    pub(super) fn coloured_by_state(mut self) -> Self {
        self.overrides = look::by_name_of_state();
        self
    }

    /// Of what is neither good nor bad.
    pub(super) fn plain(mut self) -> Self {
        self.options.insert("colorMode".to_owned(), json!("none"));
        self
    }

    /// Of a number that is always the same: its name.
    pub(super) fn named(mut self) -> Self {
        self.options.insert("textMode".to_owned(), json!("name"));
        self
    }

    /// `place` is where it stands, as Grafana says it.
    pub(super) fn json(&self, id: u32, place: &Value) -> Value {
        let mut defaults = self.defaults.clone();
        defaults.insert("custom".to_owned(), self.custom.clone());
        let targets: Vec<Value> = self.queries.iter().zip('A'..).map(|(query, id)| self.target(query, id)).collect();
        json!({
            "id": id, "gridPos": place, "type": self.kind, "title": self.title, "description": self.description,
            "datasource": datasource(), "targets": targets, "transparent": false,
            "transformations": self.transformations, "links": [],
            "fieldConfig": { "defaults": defaults, "overrides": self.overrides },
            "options": self.options,
        })
    }

    fn target(&self, query: &Query, id: char) -> Value {
        json!({
            "refId": id.to_string(), "datasource": datasource(), "editorMode": "code", "expr": query.expr.text(),
            "legendFormat": query.legend, "instant": query.instant, "range": !query.instant,
            "format": if self.kind == "table" { "table" } else { "time_series" },
        })
    }
}

/// The newest value.
fn reduced() -> Value {
    json!({ "calcs": ["lastNotNull"], "fields": "", "values": false })
}

/// Big numbers: one for each series.
pub(super) fn stat(title: &str, description: &str, queries: Vec<Query>) -> Panel {
    let options = json!({
        "colorMode": "background", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
        "textMode": "auto", "reduceOptions": reduced(),
    });
    Panel::new("stat", title, description, queries, options)
}

/// Horizontal bars, one for each series.
pub(super) fn bars(title: &str, description: &str, queries: Vec<Query>) -> Panel {
    let options = json!({
        "displayMode": "basic", "orientation": "horizontal", "showUnfilled": true, "valueMode": "color",
        "minVizHeight": 16, "minVizWidth": 8, "reduceOptions": reduced(),
    });
    Panel::new("bargauge", title, description, queries, options)
}

pub(super) fn lines(title: &str, description: &str, queries: Vec<Query>) -> Panel {
    let options = json!({ "legend": legend(), "tooltip": { "mode": "multi", "sort": "desc" } });
    let custom =
        json!({ "drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": false });
    Panel { custom, ..Panel::new("timeseries", title, description, queries, options) }
}

/// A bar through time for each series, in the colours of the states.
pub(super) fn timeline(title: &str, description: &str, query: Query) -> Panel {
    let options = json!({
        "alignValue": "left", "mergeValues": true, "rowHeight": 0.9, "showValue": "auto",
        "legend": legend(), "tooltip": { "mode": "single", "sort": "none" },
    });
    let custom = json!({ "fillOpacity": 80, "lineWidth": 0 });
    let panel = Panel { custom, ..Panel::new("state-timeline", title, description, vec![query], options) };
    panel.mappings(look::states_by_code()).by_default("color", json!({ "mode": "thresholds" }))
}

/// The newest series as lines of a table: these columns of them, in this order.
pub(super) fn table(title: &str, description: &str, query: Query, columns: &[Column]) -> Panel {
    let options = json!({ "showHeader": true, "cellHeight": "sm", "frameIndex": 0 });
    Panel {
        custom: json!({ "align": "auto", "cellOptions": { "type": "auto" }, "inspect": false, "filterable": true }),
        overrides: columns.iter().map(Column::overridden).collect(),
        transformations: super::columns::transformations(columns),
        ..Panel::new("table", title, description, vec![query], options)
    }
}

fn legend() -> Value {
    json!({ "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] })
}
