//! YAML as a format of the `config` crate, whose own one is not maintained.

use std::error::Error;

use config::{Format, Map, Value, ValueKind};
use serde_json::Value as Json;

#[derive(Clone, Copy, Debug)]
pub(super) struct Yaml;

impl Format for Yaml {
    fn parse(&self, uri: Option<&String>, text: &str) -> Result<Map<String, Value>, Box<dyn Error + Send + Sync>> {
        match serde_saphyr::from_str(text)? {
            Json::Object(fields) => Ok(fields.into_iter().map(|(k, v)| (k, value(uri, v))).collect()),
            Json::Null => Ok(Map::new()),
            _ => Err("the file must hold sections such as `web:`".into()),
        }
    }
}

/// A value with its origin. Depth is bounded by the YAML reader.
pub(super) fn value(uri: Option<&String>, json: Json) -> Value {
    let kind = match json {
        Json::Null => ValueKind::Nil,
        Json::Bool(b) => ValueKind::Boolean(b),
        Json::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(whole), _) => ValueKind::I64(whole),
            (None, fraction) => ValueKind::Float(fraction.unwrap_or(f64::NAN)),
        },
        Json::String(text) => ValueKind::String(text),
        Json::Array(items) => ValueKind::Array(items.into_iter().map(|item| value(uri, item)).collect()),
        Json::Object(fields) => ValueKind::Table(fields.into_iter().map(|(k, v)| (k, value(uri, v))).collect()),
    };
    Value::new(uri, kind)
}
