//! What a reload cannot change.

use serde_json::Value;

use super::Settings;
use super::layers::Known;

/// Settings that can change while the process runs.
const LIVE: [&str; 3] = ["log.level", "catalogue.watch", "catalogue.max_waiver"];

/// Dotted keys of settings that differ and take effect after a restart only.
pub fn changed_fixed(old: &Settings, new: &Settings) -> Vec<String> {
    let tree = |settings: &Settings| Known::of(&serde_json::to_value(settings).unwrap_or(Value::Null)).0;
    let new = tree(new);
    let changed = tree(old).into_iter().filter(|(key, value)| new.get(key) != Some(value));
    changed.map(|(key, _)| key).filter(|key| !LIVE.contains(&key.as_str())).collect()
}
