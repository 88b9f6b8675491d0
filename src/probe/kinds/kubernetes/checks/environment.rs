//! What containers of a workload find in their environment, as far as it may be compared.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::kubernetes::facts::Listing;
use crate::probe::kinds::kubernetes::object::{at, each, name, namespace, text};

/// By container and variable: what tells one value from another, which is never the value.
pub(super) fn of(workload: &Value, maps: Listing<'_>) -> BTreeMap<(String, String), String> {
    let mut all = BTreeMap::new();
    for container in each(workload, &["spec", "template", "spec", "containers"]) {
        let own = text(container, &["name"]);
        let mut put = |name: String, value: String| drop(all.insert((own.to_owned(), name), value));
        for source in each(container, &["envFrom"]) {
            let prefix = text(source, &["prefix"]);
            let map = text(source, &["configMapRef", "name"]);
            for (key, value) in data(map, workload, maps) {
                put(format!("{prefix}{key}"), value.as_str().unwrap_or_default().to_owned());
            }
            let secret = text(source, &["secretRef", "name"]);
            if !secret.is_empty() {
                put(format!("all of the secret {secret}"), "secret".to_owned());
            }
        }
        // One that is written comes after those that are taken over, and wins.
        for variable in each(container, &["env"]) {
            put(text(variable, &["name"]).to_owned(), value(variable, workload, maps));
        }
    }
    all
}

fn value(variable: &Value, workload: &Value, maps: Listing<'_>) -> String {
    let from = variable.at("valueFrom");
    if let Some(literal) = variable.at("literal").as_str() {
        return literal.to_owned();
    }
    if let (Some(map), Some(key)) =
        (at(from, &["configMapKeyRef", "name"]).as_str(), at(from, &["configMapKeyRef", "key"]).as_str())
    {
        let found = data(map, workload, maps).find(|(name, _)| *name == key);
        let absent = || format!("nothing: no {key} in the ConfigMap {map}");
        return found.and_then(|(_, value)| value.as_str().map(str::to_owned)).unwrap_or_else(absent);
    }
    from.to_string()
}

fn data<'a>(map: &str, workload: &Value, maps: Listing<'a>) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    let found = maps.iter().find(|one| !map.is_empty() && name(one) == map && namespace(one) == namespace(workload));
    found.and_then(|one| one.at("data").as_object()).into_iter().flatten()
}
