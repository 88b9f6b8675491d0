//! What a reader may choose at the top of a board.

use serde_json::{Value, json};

use crate::families::{Family, table};

/// Where Prometheus is.
fn datasource() -> Value {
    json!({ "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0, "refresh": 1,
            "regex": "", "skipUrlSync": false, "multi": false, "includeAll": false, "options": [] })
}

fn query(name: &str, label: &str, query: &str) -> Value {
    variable(name, label, query, json!({ "hide": 0, "multi": false, "includeAll": false }))
}

/// Several may be chosen, or all; what has no value counts as all.
fn several(name: &str, label: &str, query: &str) -> Value {
    let all = json!({ "selected": true, "text": ["All"], "value": ["$__all"] });
    variable(
        name,
        label,
        query,
        json!({ "hide": 0, "multi": true, "includeAll": true, "allValue": ".*", "current": all }),
    )
}

/// Not shown, only for links.
fn hidden(name: &str, label: &str, query: &str) -> Value {
    variable(name, label, query, json!({ "hide": 2, "multi": false, "includeAll": false }))
}

fn variable(name: &str, label: &str, query: &str, mut more: Value) -> Value {
    let common = json!({
        "name": name, "label": label, "type": "query", "refresh": 2, "sort": 1, "regex": "", "skipUrlSync": false,
        "datasource": super::panel::datasource(), "query": { "query": query, "refId": name }, "options": [],
    });
    if let (Some(more), Value::Object(common)) = (more.as_object_mut(), common) {
        more.extend(common);
    }
    more
}

fn values(family: Family, matchers: &str, label: &str) -> String {
    format!("label_values({}{{{matchers}}}, {label})", family.name)
}

/// Which exporter, and where its board is: links lead there.
pub(super) fn exporter() -> Vec<Value> {
    let board = hidden("board", "Board", &values(table::WEB_INFO, "job=~\"$job\"", "external_url"));
    vec![datasource(), several("job", "Job", &format!("label_values({}, job)", table::BUILD_INFO.name)), board]
}

pub(super) fn checklists() -> Vec<Value> {
    let mut all = exporter();
    all.push(several("checklist", "Checklist", &values(table::INFO, "job=~\"$job\"", "checklist")));
    all
}

pub(super) fn items() -> Vec<Value> {
    let of = "job=~\"$job\", checklist=~\"$checklist\"";
    let mut all = checklists();
    for (name, label) in [("section", "Section"), ("priority", "Priority"), ("team", "Team")] {
        all.push(several(name, label, &values(table::INFO, of, name)));
    }
    all
}

/// One item, chosen by its checklist and its name.
pub(super) fn one_item() -> Vec<Value> {
    let mut all = exporter();
    all.push(query("checklist", "Checklist", &values(table::INFO, "job=~\"$job\"", "checklist")));
    all.push(query("item", "Item", &values(table::INFO, "job=~\"$job\", checklist=\"$checklist\"", "item")));
    all
}
