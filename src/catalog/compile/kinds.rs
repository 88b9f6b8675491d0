//! The kinds of a load, with what their schemas say about names.

use std::collections::HashMap;

use serde_json::Value;

use crate::probe::Descriptor;

pub(crate) struct Kind {
    pub(super) descriptor: Descriptor,
    pub(super) properties: Vec<String>,
    pub(super) required: Vec<String>,
    pub(super) facts: Value,
}

/// Schemas are made once a load, not once a leg.
pub(crate) struct Kinds(HashMap<&'static str, Kind>);

impl Kinds {
    pub(crate) fn new(descriptors: &[Descriptor]) -> Self {
        Self(descriptors.iter().map(|descriptor| (descriptor.name, Kind::new(*descriptor))).collect())
    }

    pub(super) fn find(&self, name: &str) -> Option<&Kind> {
        self.0.get(name)
    }

    pub(super) fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.0.keys().copied().collect();
        names.sort_unstable();
        names
    }
}

/// Filled in by the catalogue itself; nobody writes it.
pub(super) const RECORDS: &str = "records";

impl Kind {
    fn new(descriptor: Descriptor) -> Self {
        let schema = (descriptor.parameters)().to_value();
        let properties = schema.get("properties").and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array);
        let written = |name: &str| name != RECORDS;
        Self {
            descriptor,
            properties: properties
                .map(|map| map.keys().filter(|name| written(name)).cloned().collect())
                .unwrap_or_default(),
            required: required
                .map(|list| list.iter().filter_map(Value::as_str).filter(|n| written(n)).map(str::to_owned).collect())
                .unwrap_or_default(),
            facts: (descriptor.facts)().to_value(),
        }
    }
}
