//! The settings in force, each with where it came from.

use std::fmt::Write;

use serde_json::Value;

use super::load::Loaded;

/// One line a setting: `key: value  # origin`. What looks like a secret is hidden, although no
/// setting is meant to hold one.
pub fn dump(loaded: &Loaded) -> String {
    let tree = serde_json::to_value(&loaded.settings).unwrap_or_default();
    let mut out = String::new();
    for (key, origin) in &loaded.origins {
        let pointer = format!("/{}", key.replace('.', "/"));
        let value = tree.pointer(&pointer).cloned().unwrap_or_default();
        let shown = if is_secret(key) { "***".to_owned() } else { mask(value).to_string() };
        let _ = writeln!(out, "{key}: {shown}  # {origin}");
    }
    out
}

pub(super) fn is_secret(key: &str) -> bool {
    ["secret", "password", "token"].iter().any(|word| key.to_ascii_lowercase().contains(word))
}

fn mask(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_user_info(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(mask).collect()),
        other => other,
    }
}

/// `scheme://user:password@host/…` without what is before the `@`.
pub(super) fn without_user_info(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://***@{host}{path}"),
        None => text.to_owned(),
    }
}
