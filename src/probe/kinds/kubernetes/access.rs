//! What an identity may do, as the server itself decides it. A review is a POST that stores nothing
//! and changes nothing.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::facts::Reviewed;
use crate::model::{Proof, Reason, Verdict};
use crate::probe::kinds::http::api::Inside;
use crate::probe::line::line;
use crate::probe::{Findings, ProbeError};

/// One right that is asked about.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Right {
    /// Who, such as `system:serviceaccount:namespace:name`; the exporter itself if absent. Groups of a
    /// service account are known.
    user: Option<String>,
    groups: Vec<String>,
    /// Such as `list`.
    verb: String,
    /// Such as `pods`, with its part after a `/`, such as `pods/log`.
    resource: Option<String>,
    /// API group of the resource; absent for the core.
    group: Option<String>,
    /// In all namespaces, or in none, if absent.
    namespace: Option<String>,
    name: Option<String>,
    /// A path such as `/metrics` instead of a resource.
    path: Option<String>,
    /// It must not be allowed.
    denied: bool,
}

pub(super) const GROUP: &str = "authorization.k8s.io";
const CEILING: usize = 64;
const TEXT_LIMIT: usize = 200;

pub(super) fn check(rights: &[Right], findings: &mut Findings) {
    if rights.len() > CEILING {
        findings.error("access", format!("at most {CEILING} rights can be asked about"));
    }
    for (index, right) in rights.iter().enumerate() {
        if right.verb.is_empty() || right.resource.is_some() == right.path.is_some() {
            findings.error(&format!("access[{index}]"), "expected a `verb`, and either a `resource` or a `path`");
        }
    }
}

pub(super) async fn review(rights: &[Right], client: &Client<'_>) -> Result<Vec<Reviewed>, ProbeError> {
    let mut all = Vec::new();
    for right in rights {
        let (kind, plural) = right.review();
        let path = format!("/apis/{GROUP}/v1/{plural}");
        let body = json!({ "apiVersion": format!("{GROUP}/v1"), "kind": kind, "spec": right.spec() });
        let answer = client.post(&path, &body).await?.into_json()?;
        let status = answer.at("status");
        let Some(allowed) = status.at("allowed").as_bool() else {
            return Err(ProbeError::target(
                Reason::Protocol,
                "expected a decision about a right, saw JSON without one",
            ));
        };
        let error = line(status.at("evaluationError").as_str().unwrap_or_default(), TEXT_LIMIT);
        all.push(Reviewed { what: right.shown(), expected: !right.denied, allowed, error });
    }
    Ok(all)
}

/// The reviews that these rights are asked about with, in the plural.
pub(super) fn reviews(rights: &[Right]) -> impl Iterator<Item = &'static str> {
    rights.iter().map(|right| right.review().1)
}

impl Right {
    fn review(&self) -> (&'static str, &'static str) {
        match self.user {
            Some(_) => ("SubjectAccessReview", "subjectaccessreviews"),
            None => ("SelfSubjectAccessReview", "selfsubjectaccessreviews"),
        }
    }

    fn spec(&self) -> Value {
        let mut spec = Map::new();
        if let Some(path) = &self.path {
            spec.insert("nonResourceAttributes".to_owned(), json!({ "path": path, "verb": self.verb }));
        } else {
            let whole = self.resource.as_deref().unwrap_or_default();
            let (resource, part) =
                whole.split_once('/').map_or((whole, None), |(resource, part)| (resource, Some(part)));
            let all = [
                ("verb", Some(self.verb.as_str())),
                ("resource", Some(resource)),
                ("subresource", part),
                ("group", self.group.as_deref()),
                ("namespace", self.namespace.as_deref()),
                ("name", self.name.as_deref()),
            ];
            let said = all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value?))));
            spec.insert("resourceAttributes".to_owned(), Value::Object(said.collect()));
        }
        if let Some(user) = &self.user {
            spec.insert("user".to_owned(), json!(user));
            let groups = if self.groups.is_empty() { groups_of(user) } else { self.groups.clone() };
            if !groups.is_empty() {
                spec.insert("groups".to_owned(), json!(groups));
            }
        }
        Value::Object(spec)
    }

    fn shown(&self) -> String {
        let who = self.user.as_deref().unwrap_or("the exporter");
        let what = self.resource.as_deref().or(self.path.as_deref()).unwrap_or_default();
        let group = self.group.as_ref().map(|group| format!(".{group}")).unwrap_or_default();
        let place = self.namespace.as_ref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
        format!("{who} may {} {what}{group}{place}", self.verb)
    }
}

/// The groups that every service account is in.
fn groups_of(user: &str) -> Vec<String> {
    let Some((namespace, _)) = user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) else {
        return Vec::new();
    };
    let of_namespace = format!("system:serviceaccounts:{namespace}");
    vec!["system:serviceaccounts".to_owned(), of_namespace, "system:authenticated".to_owned()]
}

pub(super) fn judge(reviewed: &[Reviewed]) -> Result<Proof, Verdict> {
    let as_word = |allowed: bool| if allowed { "allowed" } else { "denied" };
    let wrong: Vec<&Reviewed> = reviewed.iter().filter(|one| one.allowed != one.expected).collect();
    if let Some(first) = wrong.iter().find(|one| one.error.is_empty()) {
        let more =
            if wrong.len() > 1 { format!(" and {} more that are wrong", wrong.len() - 1) } else { String::new() };
        let (expected, saw) = (as_word(first.expected), as_word(first.allowed));
        let sentence = format!("expected that {} is {expected}, saw it {saw}{more}", first.what);
        return Err(Verdict::fail(Reason::Assertion, sentence));
    }
    // What could not be evaluated may have allowed it.
    if let Some(first) = reviewed.iter().find(|one| !one.error.is_empty()) {
        let sentence = format!("whether {} could not be told: {}", first.what, first.error);
        return Err(Verdict::indeterminate(Reason::Query, sentence));
    }
    let told = |one: &Reviewed| (one.what.clone(), as_word(one.expected), as_word(one.allowed));
    let mut all = reviewed.iter().map(told);
    let Some((what, expected, saw)) = all.next() else {
        return Err(Verdict::indeterminate(Reason::NoData, "expected decisions about rights, saw none"));
    };
    Ok(all.fold(Proof::of(&what, expected, saw), |proof, (what, expected, saw)| proof.and(&what, expected, saw)))
}
