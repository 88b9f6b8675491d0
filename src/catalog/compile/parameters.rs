//! What stands under the key of a kind: unknown and missing keys, types, and the kind's own checks.

use serde_json::Value;

use super::Shared;
use super::kinds::{Kind, RECORDS};
use super::params::hinted;
use crate::catalog::syntax::{Data, Entry, Node, Place};
use crate::diag::{Code, Diagnostic};
use crate::probe::{ParseError, Parsed};

/// Parses the parameters. `None` if something is wrong (and said), or if parameters of the
/// checklist that are used here have no value, so that types cannot be judged.
pub(super) fn parse(
    kind: &Kind,
    entry: &Entry,
    unset: &[String],
    records: Option<Value>,
    shared: &Shared<'_>,
) -> Option<Parsed> {
    let sink = shared.sink;
    let name = kind.descriptor.name;
    let entries: &[Entry] = match &entry.value.data {
        Data::Map(entries) => entries,
        Data::Null => &[],
        _ => {
            let message = format!("`{name}` takes a mapping of parameters, found {}", entry.value.describe());
            let help = format!("write `{name}: {{ key: value }}`; `explain {name}` lists the keys");
            sink.push(Diagnostic::error(Code::TYPE, entry.value.at, message).help(help));
            return None;
        }
    };
    let known = |key: &str| kind.properties.iter().any(|property| property == key);
    for unknown in entries.iter().filter(|entry| !known(&entry.key)) {
        let message = format!("`{name}` has no parameter `{}`", unknown.key);
        let found = Diagnostic::error(Code::UNKNOWN_KEY, unknown.key_at, message);
        sink.push(hinted(found, sink.hint(&unknown.key, kind.properties.iter().map(String::as_str))));
    }
    let mut complete = true;
    for missing in kind.required.iter().filter(|key| entries.iter().all(|entry| *entry.key != **key)) {
        complete = false;
        let message = format!("`{name}` needs the parameter `{missing}`");
        let help = format!("add `{missing}: …`; `explain {name}` says what it means");
        sink.push(Diagnostic::error(Code::MISSING_KEY, entry.key_at, message).help(help));
    }
    if !complete || !unset.is_empty() {
        return None;
    }
    let mut object: serde_json::Map<String, Value> = entries
        .iter()
        .filter(|entry| known(&entry.key) && !entry.value.is_null())
        .map(|entry| (entry.key.to_string(), entry.value.to_json()))
        .collect();
    if let Some(records) = records {
        object.insert(RECORDS.to_owned(), records);
    }
    match kind.descriptor.parse(Value::Object(object)) {
        Err(error) => {
            sink.push(type_error(name, entry, &error, shared));
            None
        }
        Ok(parsed) => {
            for finding in &parsed.findings.0 {
                let found = Diagnostic::error(Code::FINDING, locate(entry, &finding.field).0, finding.message.clone());
                sink.push(hinted(found, finding.hint.clone()));
            }
            parsed.findings.0.is_empty().then_some(parsed)
        }
    }
}

fn type_error(kind: &str, entry: &Entry, error: &ParseError, shared: &Shared<'_>) -> Diagnostic {
    let (place, _) = locate(entry, if error.path == "." { "" } else { &error.path });
    if let Some(key) = quoted(&error.message, "unknown field `") {
        let expected: Vec<&str> = error.message.split('`').skip(3).step_by(2).collect();
        let path = error.path.strip_suffix(key).unwrap_or(&error.path).trim_end_matches('.');
        let at = locate(entry, path).1.and_then(|node| node.get(key)).map_or(place, |field| field.key_at);
        let message = format!("`{kind}` has no parameter `{key}` in `{path}`");
        let found = Diagnostic::error(Code::UNKNOWN_KEY, at, message);
        return hinted(found, shared.sink.hint(key, expected.iter().copied()));
    }
    let name = if error.path == "." { format!("`{kind}`") } else { format!("`{}` of `{kind}`", error.path) };
    if let Some(key) = quoted(&error.message, "missing field `") {
        return Diagnostic::error(Code::MISSING_KEY, place, format!("{name} needs `{key}`"));
    }
    Diagnostic::error(Code::PARAMETERS, place, format!("{name}: {}", error.message))
        .help(format!("`explain {kind}` lists the parameters and their types"))
}

fn quoted<'a>(message: &'a str, before: &str) -> Option<&'a str> {
    message.strip_prefix(before)?.split('`').next()
}

/// The place of a path such as `headers.accept[0]` under a kind, as deep as it can be followed.
/// Keys may hold dots, so the longest key that fits wins.
pub(super) fn locate<'n>(entry: &'n Entry, path: &str) -> (Place, Option<&'n Node>) {
    let (mut at, mut node, mut rest) = (entry.key_at, &entry.value, path);
    while !rest.is_empty() {
        if let Some((index, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let child = match (&node.data, index.parse::<usize>()) {
                (Data::List(nodes), Ok(index)) => nodes.get(index),
                _ => None,
            };
            let Some(child) = child else { break };
            (at, node, rest) = (child.at, child, after);
            continue;
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
        let fits =
            |key: &str| rest.strip_prefix(key).is_some_and(|after| after.is_empty() || after.starts_with(['.', '[']));
        let child = node.entries().unwrap_or_default().iter().filter(|e| fits(&e.key)).max_by_key(|e| e.key.len());
        let Some(child) = child else { break };
        (at, node) = (child.value.at, &child.value);
        rest = rest.get(child.key.len()..).unwrap_or("");
    }
    (at, Some(node))
}
