//! Whether a dashboard that is served means what was committed: Grafana adds to what it was given.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Map, Number, Value};

use crate::probe::line::line;

/// Fields that are of one server or of one export, not of the dashboard.
const NOT_MEANT: [&str; 6] = ["id", "version", "iteration", "__inputs", "__requires", "__elements"];
/// Bytes of a place.
const PLACE: usize = 200;

/// Where they differ first, and how, without the values; `None` if all that was committed is served.
pub(super) fn difference(committed: &Value, served: &Value) -> Option<String> {
    let inputs = committed.get("__inputs").and_then(Value::as_array).into_iter().flatten();
    let name = |input: &Value| input.get("name").and_then(Value::as_str).map(|name| format!("${{{name}}}"));
    let inputs: BTreeSet<String> = inputs.filter_map(name).collect();
    let fields = committed.as_object()?.iter().filter(|(field, _)| !NOT_MEANT.contains(&field.as_str()));
    for (field, value) in fields {
        let seen = served.get(field).unwrap_or(&Value::Null);
        if let Some((inside, how)) = between(value, seen, &inputs) {
            return Some(format!("`{}` {how}", line(&format!("{field}{inside}"), PLACE)));
        }
    }
    None
}

/// The place below, and how it differs. A text that is an input of the export stands for whatever was
/// given for it.
fn between(committed: &Value, served: &Value, inputs: &BTreeSet<String>) -> Option<(String, String)> {
    let here = |how: String| Some((String::new(), how));
    match (committed, served) {
        (Value::Object(fields), Value::Object(seen)) => {
            let committed = fields.iter().find_map(|(field, value)| {
                let (inside, how) = between(value, seen.get(field).unwrap_or(&Value::Null), inputs)?;
                Some((format!(".{field}{inside}"), how))
            });
            committed.or_else(|| {
                let field = added(fields, seen)?;
                Some((format!(".{field}"), "is there, and nobody has committed it".to_owned()))
            })
        }
        (Value::Array(items), Value::Array(seen)) if items.len() == seen.len() => {
            items.iter().zip(seen).enumerate().find_map(|(place, (item, seen))| {
                let (inside, how) = between(item, seen, inputs)?;
                Some((format!("[{place}]{inside}"), how))
            })
        }
        (Value::Array(items), Value::Array(seen)) => {
            here(format!("has {} elements, committed are {}", seen.len(), items.len()))
        }
        (Value::Number(one), Value::Number(other)) if same(one, other) => None,
        (Value::String(text), Value::String(_)) if inputs.contains(text) => None,
        (one, other) if one == other => None,
        (_, Value::Null) => here("is not there".to_owned()),
        _ => here("has another value".to_owned()),
    }
}

/// A field that changes what is shown, that was not committed, and that Grafana never adds by itself, as it
/// does with the source of data of a query: so somebody has.
fn added(committed: &Map<String, Value>, served: &Map<String, Value>) -> Option<&'static str> {
    let is_new = |field: &str| !committed.contains_key(field);
    // What else can be hidden are variables, and annotations, of which Grafana adds a hidden one.
    let is_query = served.contains_key("refId");
    if is_query && is_new("hide") && served.get("hide") == Some(&Value::Bool(true)) {
        return Some("hide");
    }
    let changes = served.get("transformations").and_then(Value::as_array);
    (is_new("transformations") && changes.is_some_and(|changes| !changes.is_empty())).then_some("transformations")
}

/// By value: 1 is 1.0.
fn same(one: &Number, other: &Number) -> bool {
    one == other
        || match (one.as_i64(), other.as_i64()) {
            (Some(one), Some(other)) => one == other,
            _ => {
                one.as_f64().zip(other.as_f64()).and_then(|(one, other)| one.partial_cmp(&other))
                    == Some(Ordering::Equal)
            }
        }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Change = fn(&mut Value);

    fn committed() -> Value {
        json!({
            "uid": "a", "id": null, "version": 3, "title": "A",
            "__inputs": [{ "name": "DS_PROM", "type": "datasource" }],
            "panels": [{ "datasource": "${DS_PROM}", "targets": [{ "expr": "up", "refId": "A" }], "w": 12, "max": null }],
        })
    }

    #[test]
    fn what_grafana_adds_does_not_differ() {
        let served = json!({
            "uid": "a", "id": 4, "version": 9, "title": "A", "iteration": 1, "timezone": "utc",
            "panels": [{ "datasource": "Prometheus", "targets": [{
                "expr": "up", "refId": "A", "interval": "", "hide": false, "datasource": { "uid": "p" } }],
                "transformations": [], "w": 12.0, "x": 0 }],
            "annotations": { "list": [{ "builtIn": 1, "hide": true }] },
        });
        assert_eq!(difference(&committed(), &served), None);
    }

    #[test]
    fn what_was_changed_there_does() {
        let served = || {
            let mut served = committed();
            served["panels"][0]["datasource"] = json!("Prometheus");
            served
        };
        assert_eq!(difference(&committed(), &served()), None);
        let cases: [(Change, &str); 9] = [
            (
                |all| all["panels"][0]["targets"][0]["expr"] = json!("up > 0"),
                "`panels[0].targets[0].expr` has another value",
            ),
            (|all| all["panels"] = json!([]), "`panels` has 0 elements, committed are 1"),
            (|all| all["panels"][0] = json!({}), "`panels[0].datasource` is not there"),
            (|all| all["title"] = json!("B"), "`title` has another value"),
            (|all| all["panels"][0]["w"] = json!("12"), "`panels[0].w` has another value"),
            (|all| all["panels"][0]["w"] = json!(12.5), "`panels[0].w` has another value"),
            // It was committed that there is none.
            (|all| all["panels"][0]["max"] = json!(1), "`panels[0].max` has another value"),
            // Somebody added what Grafana does not add.
            (
                |all| all["panels"][0]["targets"][0]["hide"] = json!(true),
                "`panels[0].targets[0].hide` is there, and nobody has committed it",
            ),
            (
                |all| all["panels"][0]["transformations"] = json!([{ "id": "reduce" }]),
                "`panels[0].transformations` is there, and nobody has committed it",
            ),
        ];
        for (change, expected) in cases {
            let mut served = served();
            change(&mut served);
            assert_eq!(difference(&committed(), &served).as_deref(), Some(expected));
        }
    }

    #[test]
    fn large_numbers_are_not_rounded() {
        let of = |number: i64| json!({ "from": number });
        assert!(difference(&of(9_007_199_254_740_993), &of(9_007_199_254_740_992)).is_some());
    }
}
