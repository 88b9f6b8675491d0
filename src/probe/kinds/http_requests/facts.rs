//! What the answers showed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::probe::personal::Found;

/// The answers in the order of the requests.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    pub(super) responses: Vec<Response>,
    /// Why some requests could not be sent at all; null if all were.
    pub(super) unsent: Option<String>,
}

/// One answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Response {
    /// The name of the request.
    pub(super) request: String,
    /// Its place in the list.
    pub(super) place: usize,
    /// What stood for `{value}`; of a forged token, which secret it was made with.
    pub(super) value: Option<String>,
    pub(super) url: String,
    pub(super) status: u16,
    /// Names in lower case; several values are joined by a comma. Values that may be secret are
    /// `***`: a condition can ask whether they are there, comparing them is an error.
    pub(super) headers: BTreeMap<String, String>,
    /// Without parameters, in lower case; empty if the answer has none.
    pub(super) content_type: String,
    /// The body, if it is JSON.
    pub(super) json: Option<Value>,
    /// The text, if it is not.
    pub(super) body: Option<String>,
    pub(super) body_bytes: u64,
    /// Length of the list in a JSON body: the body itself, or the longest of its fields. Null if
    /// there is none.
    pub(super) items: Option<u64>,
    /// URLs of the scripts and style sheets of an HTML page that come from the same place.
    pub(super) assets: Vec<String>,
    /// From the request to the end of the body.
    pub(super) seconds: f64,
    pub(super) baseline: Option<Baseline>,
    /// The first match of `forbid_body`.
    pub(super) forbidden: Option<String>,
    /// Labels of a page of metrics that carry what looks like data of people, without the values.
    pub(super) personal: Vec<Found>,
    /// Samples that were looked at; null without `personal`.
    pub(super) samples_looked_at: Option<u64>,
    /// Why the page could not be looked at.
    pub(super) personal_problem: Option<String>,
    /// What `same` yields; a list is sorted.
    pub(super) same: Option<Value>,
    /// Why it yields nothing.
    pub(super) same_problem: Option<String>,
}

/// What the innocuous request showed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Baseline {
    pub(super) status: u16,
    pub(super) items: Option<u64>,
    /// The median.
    pub(super) seconds: f64,
}

/// Length of the list in a JSON body.
pub(super) fn items(json: &Value) -> Option<u64> {
    let length = |value: &Value| value.as_array().map(|list| list.len() as u64);
    match json {
        Value::Array(list) => Some(list.len() as u64),
        Value::Object(fields) => fields.values().filter_map(length).max(),
        _ => None,
    }
}
