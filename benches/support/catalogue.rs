//! Catalogues of any size. JSON is YAML, and quickly written.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Map, Value, json};

/// A file has at most so many, since the size of a file is limited.
const ITEMS_IN_A_FILE: usize = 10_000;
/// Items of one section.
const ITEMS_IN_A_SECTION: usize = 100;

/// Writes a catalogue of `items` under `directory`; `check` gives the check of each. Gives the root file.
pub(crate) fn write(
    directory: &Path,
    items: usize,
    interval: &str,
    attestations: Vec<Value>,
    check: impl Fn(usize) -> Value,
) -> Result<PathBuf> {
    let numbers: Vec<usize> = (0..items).collect();
    let mut include = Vec::new();
    for (place, part) in numbers.chunks(ITEMS_IN_A_FILE).enumerate() {
        let mut list: Map<String, Value> = Map::new();
        let mut sections: Map<String, Value> = Map::new();
        for n in part {
            let section = format!("area-{:02}.part-{:03}", n / ITEMS_IN_A_FILE, n / ITEMS_IN_A_SECTION);
            sections.insert(section.clone(), json!(format!("Part {}", n / ITEMS_IN_A_SECTION)));
            let priority = ["critical", "high", "medium", "low"].get(n % 4).copied().unwrap_or("low");
            let item = json!({
                "title": format!("What is checked as number {n} is as it should be"),
                "priority": priority,
                "check": check(*n),
            });
            list.insert(format!("{section}.item-{n:06}"), item);
        }
        let mut checklist = json!({ "sections": sections, "items": list, "defaults": { "interval": interval } });
        if place == 0
            && let Some(first) = checklist.as_object_mut()
        {
            first.insert("title".to_owned(), json!("Generated"));
        }
        let file = format!("part-{place}.yaml");
        std::fs::write(directory.join(&file), json!({ "checklists": { "bench": checklist } }).to_string())?;
        include.push(file);
    }
    let root = directory.join("readiness.yaml");
    std::fs::write(&root, json!({ "include": include, "attestations": attestations }).to_string())?;
    Ok(root)
}

/// The id of an item of a generated catalogue, with its checklist.
pub(crate) fn id(n: usize) -> String {
    format!("bench/area-{:02}.part-{:03}.item-{n:06}", n / ITEMS_IN_A_FILE, n / ITEMS_IN_A_SECTION)
}
