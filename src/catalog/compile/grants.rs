//! The rights that a leg needs, also where it is not configured.

use serde_json::{Map, Value};

use super::kinds::Kind;
use crate::catalog::syntax::Entry;
use crate::probe::{Grant, Parsed};

pub(super) fn of(parsed: &Parsed) -> Vec<Grant> {
    parsed.probe.grants()
}

/// Of a leg with parameters that have no value. Names stand for themselves, and what is no text is left out.
pub(super) fn of_unset(kind: &Kind, entry: &Entry) -> Vec<Grant> {
    let whole = entry.value.to_json();
    let without = || {
        let mut value = whole.clone();
        leave_out(&mut value);
        value
    };
    let parsed = kind.descriptor.parse(whole.clone()).or_else(|_| kind.descriptor.parse(without()));
    let mut grants = parsed.map(|parsed| of(&parsed)).unwrap_or_default();
    for grant in &mut grants {
        grant.namespace = grant.namespace.take().filter(|name| !name.contains("${"));
    }
    grants
}

fn leave_out(value: &mut Value) {
    let is_unset = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("${"));
    match value {
        Value::Object(fields) => {
            let kept = std::mem::take(fields).into_iter().filter(|(_, value)| !is_unset(value));
            *fields = kept.collect::<Map<String, Value>>();
            fields.values_mut().for_each(leave_out);
        }
        Value::Array(items) => {
            items.retain(|item| !is_unset(item));
            items.iter_mut().for_each(leave_out);
        }
        _ => {}
    }
}
