//! Template variables of a dashboard, and their places in a query.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::probe::kinds::http::api::Inside;
use regex::{Captures, Regex};
use serde_json::Value;

/// What stands for every value of a variable in a matcher of PromQL.
const ALL: &str = ".*";

/// `$name`, `${name}`, `${name:format}`, `[[name]]`.
static PLACES: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\$(\w+)|\$\{(\w+)(?:\.[^:}]+)?(?::[^}]*)?\}|\[\[(\w+)(?::\w+)?\]\]").ok());

/// Values by name.
pub(super) struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Those of a dashboard, for a time range of so many seconds; `own` come first.
    pub(super) fn of(dashboard: &Value, range_s: u32, own: &BTreeMap<String, String>) -> Self {
        let mut values = built_in(range_s);
        for variable in dashboard.at("templating").at("list").as_array().into_iter().flatten() {
            if let (Some(name), Some(value)) = (variable.at("name").as_str(), value(variable)) {
                values.insert(name.to_owned(), value);
            }
        }
        values.extend(own.iter().map(|(name, value)| (name.clone(), value.clone())));
        Self(values)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Every text below this with its variables replaced. An unknown one stays as it is.
    pub(super) fn fill(&self, json: &Value) -> Value {
        match json {
            Value::String(text) => Value::String(self.fill_text(text)),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.fill(item)).collect()),
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(name, value)| (name.clone(), self.fill(value))).collect())
            }
            other => other.clone(),
        }
    }

    pub(super) fn fill_text(&self, text: &str) -> String {
        let Some(places) = PLACES.as_ref() else { return text.to_owned() };
        let replaced = places.replace_all(text, |found: &Captures<'_>| {
            let name = (1..=3).find_map(|group| found.get(group)).map_or("", |name| name.as_str());
            let whole = found.get(0).map_or("", |whole| whole.as_str());
            self.get(name).unwrap_or(whole).to_owned()
        });
        replaced.into_owned()
    }
}

/// What Grafana itself provides.
fn built_in(range_s: u32) -> BTreeMap<String, String> {
    let interval_s = interval_s(range_s);
    // Four scrapes a minute apart are the least that a rate needs.
    let rate_s = (4 * interval_s).max(240);
    [
        ("__interval", format!("{interval_s}s")),
        ("__interval_ms", (u64::from(interval_s) * 1000).to_string()),
        ("__rate_interval", format!("{rate_s}s")),
        ("__range", format!("{range_s}s")),
        ("__range_s", range_s.to_string()),
        ("__range_ms", (u64::from(range_s) * 1000).to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Seconds from one value to the next.
pub(super) fn interval_s(range_s: u32) -> u32 {
    (range_s / 200).max(15)
}

/// All values of one that may have several; the current one of any other.
fn value(variable: &Value) -> Option<String> {
    let flag = |name: &str| variable.at(name).as_bool() == Some(true);
    let all = || variable.at("allValue").as_str().filter(|text| !text.is_empty()).unwrap_or(ALL).to_owned();
    let current = match variable.at("current").at("value") {
        Value::Array(values) => values.first().and_then(Value::as_str),
        value => value.as_str(),
    };
    let current = current.filter(|text| !text.is_empty());
    match variable.at("type").as_str() {
        Some("adhoc") => None,
        Some("constant" | "textbox") => current.or(variable.at("query").as_str()).map(str::to_owned),
        Some("datasource") => current.map(str::to_owned).filter(|text| text != "$__all"),
        _ if flag("includeAll") || flag("multi") => Some(all()),
        // Of a list that is written down, the first.
        Some("custom" | "interval") if current.is_none() => {
            variable.at("query").as_str()?.split(',').next().map(|first| first.trim().to_owned())
        }
        _ => Some(current.filter(|text| *text != "$__all").map_or_else(all, str::to_owned)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_a_place_is_filled() {
        let dashboard = json!({"templating": {"list": [
            {"name": "job", "type": "query", "includeAll": true, "multi": true, "current": {"value": "$__all"}},
            {"name": "env", "type": "custom", "query": "prod, test", "current": {}},
            {"name": "host", "type": "query", "current": {"value": "a"}},
            {"name": "zone", "type": "query", "multi": true, "allValue": "z.+", "current": {"value": ["x"]}},
            {"name": "ds", "type": "datasource", "query": "prometheus", "current": {"value": "Prometheus"}},
            {"name": "free", "type": "textbox", "query": "t"},
            {"name": "hoc", "type": "adhoc"},
        ]}});
        let own = BTreeMap::from([("host".to_owned(), "b".to_owned())]);
        let variables = Variables::of(&dashboard, 3600, &own);
        for (text, filled) in [
            ("up{job=~\"$job\"}", "up{job=~\".*\"}"),
            ("${job:regex} ${env} [[host]] ${zone.text} $free", ".* prod b z.+ t"),
            ("rate(x[$__rate_interval]) [$__range] $hoc $1", "rate(x[240s]) [3600s] $hoc $1"),
            ("$jobs", "$jobs"),
        ] {
            assert_eq!(variables.fill_text(text), filled);
        }
        assert_eq!(variables.fill(&json!({"a": ["$env", 1]})), json!({"a": ["prod", 1]}));
        assert_eq!(variables.get("ds"), Some("Prometheus"));
    }
}
