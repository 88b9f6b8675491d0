//! Reading objects: names, conditions, times, selectors.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};
use serde_json::Value;

use super::facts::Listing;
use crate::model::{Span, Timestamp};
use crate::probe::kinds::http::api::Inside;

pub(super) type Labels = BTreeMap<String, String>;

pub(super) fn name(object: &Value) -> &str {
    object.at("metadata").at("name").as_str().unwrap_or_default()
}

pub(super) fn namespace(object: &Value) -> &str {
    object.at("metadata").at("namespace").as_str().unwrap_or_default()
}

/// `namespace/name`, or the name of what is in no namespace.
pub(super) fn full(object: &Value) -> String {
    match namespace(object) {
        "" => name(object).to_owned(),
        namespace => format!("{namespace}/{}", name(object)),
    }
}

/// What is below these names; null if nothing is.
pub(super) fn at<'a>(object: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(object, |value, name| value.at(name))
}

pub(super) fn text<'a>(object: &'a Value, path: &[&str]) -> &'a str {
    at(object, path).as_str().unwrap_or_default()
}

pub(super) fn number(object: &Value, path: &[&str]) -> Option<i64> {
    at(object, path).as_i64()
}

pub(super) fn each<'a>(object: &'a Value, path: &[&str]) -> impl Iterator<Item = &'a Value> + use<'a> {
    at(object, path).as_array().map_or(&[][..], Vec::as_slice).iter()
}

pub(super) fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    at(object, &["metadata", "annotations", name]).as_str()
}

/// The instant in a field as RFC 3339 writes it.
pub(super) fn time(value: &Value) -> Option<Timestamp> {
    let at: jiff::Timestamp = value.as_str()?.parse().ok()?;
    Some(Timestamp(at.as_millisecond()))
}

/// How long before `now` it was.
pub(super) fn age(now: Timestamp, value: &Value) -> Option<Span> {
    time(value).map(|at| now.since(at))
}

/// `True`, `False` or `Unknown`; empty if the object has no such condition.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> &'a str {
    condition_of(object, kind).map_or("", |condition| condition.at("status").as_str().unwrap_or_default())
}

pub(super) fn condition_of<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    each(object, &["status", "conditions"]).find(|condition| condition.at("type") == kind)
}

pub(super) fn labels(value: &Value) -> Labels {
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    value.as_object().into_iter().flatten().filter_map(text).collect()
}

pub(super) fn labels_of(object: &Value) -> Labels {
    labels(at(object, &["metadata", "labels"]))
}

/// A selector of labels. `None` if it is none, as where it is absent, which selects nothing.
pub(super) fn selector(value: &Value) -> Option<Selector> {
    let parsed: LabelSelector = serde_json::from_value(value.clone()).ok().filter(|_| value.is_object())?;
    parsed.try_into().ok()
}

pub(super) fn selects(selector: &Option<Selector>, labels: &Labels) -> bool {
    selector.as_ref().is_some_and(|selector| selector.matches(labels))
}

/// Whether a selector has no condition: it selects all.
pub(super) fn is_empty(value: &Value) -> bool {
    let none = |name: &str| match value.at(name) {
        Value::Object(labels) => labels.is_empty(),
        Value::Array(expressions) => expressions.is_empty(),
        other => other.is_null(),
    };
    value.is_object() && none("matchLabels") && none("matchExpressions")
}

/// Whether a pod runs and is not on its way out.
pub(super) fn is_running(pod: &Value) -> bool {
    text(pod, &["status", "phase"]) == "Running" && at(pod, &["metadata", "deletionTimestamp"]).is_null()
}

/// The workload that a pod belongs to, without the hash of a template: `Deployment/name`, `StatefulSet/name`.
pub(super) fn owner(pod: &Value) -> Option<(&str, &str)> {
    let reference = each(pod, &["metadata", "ownerReferences"]).find(|owner| owner.at("controller") == true)?;
    let (kind, name) = (reference.at("kind").as_str()?, reference.at("name").as_str()?);
    if kind != "ReplicaSet" {
        return Some((kind, name));
    }
    let hash = at(pod, &["metadata", "labels", "pod-template-hash"]).as_str()?;
    Some(("Deployment", name.strip_suffix(hash)?.strip_suffix('-')?))
}

/// The running pods of a Deployment: those that it made, not all that its selector fits.
pub(super) fn pods_of<'a>(deployment: &Value, pods: Listing<'a>) -> Vec<&'a Value> {
    let (namespace_of, named) = (namespace(deployment), name(deployment));
    let belongs = |pod: &&Value| namespace(pod) == namespace_of && owner(pod) == Some(("Deployment", named));
    pods.iter().filter(|pod| is_running(pod)).filter(belongs).collect()
}

/// A count or a share of `of`, rounded up, as disruption budgets write it.
pub(super) fn count_or_share(value: &Value, of: i64) -> Option<i64> {
    match value.as_str() {
        None => value.as_i64(),
        Some(text) => {
            let percent: i64 = text.strip_suffix('%')?.parse().ok()?;
            Some(percent.checked_mul(of)?.checked_add(99)? / 100)
        }
    }
}

/// A length of time as Go writes it, such as `1h30m`.
pub(super) fn duration(text: &str) -> Option<Span> {
    humantime::parse_duration(text).ok().map(Span::from)
}
