//! Which rows must be proved, and what the shipped checks of a row look at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::cases::{self, Proof};
use crate::servers::STAND_INS;

/// Kinds whose legs run; a row that lists another kind waits for it.
const BUILT: [&str; 26] = [
    "alertmanager",
    "attestation",
    "command",
    "composite",
    "dns",
    "docker",
    "env",
    "etcd",
    "file",
    "git",
    "grafana",
    "grpc",
    "http",
    "jaeger",
    "kubernetes",
    "load",
    "logs",
    "postgres",
    "process",
    "prometheus_api",
    "promql",
    "redis",
    "scenario",
    "tcp",
    "tls",
    "websocket",
];

/// One row of `config/rows.tsv`.
pub(crate) struct Row {
    pub(crate) checklist: &'static str,
    pub(crate) item: &'static str,
    kinds: Vec<&'static str>,
}

/// The shipped items of one checklist, as written.
pub(crate) struct Shipped {
    checklist: String,
    items: BTreeMap<String, Value>,
}

pub(crate) fn all() -> Vec<Row> {
    let row = |line: &'static str| {
        let mut columns = line.split('\t');
        let (checklist, item) = (columns.next()?, columns.next()?);
        // `http + kubernetes` in one document, `composite(http, kubernetes)` in the other.
        let written = columns.nth(2)?;
        let inner = written.strip_prefix("composite(").and_then(|rest| rest.strip_suffix(')'));
        let kinds = match inner {
            Some("items") => vec!["composite"],
            Some(inner) => inner.split(", ").filter(|kind| *kind != "items").collect(),
            None => written.split(" + ").collect(),
        };
        Some(Row { checklist, item, kinds })
    };
    include_str!("../../config/rows.tsv").lines().skip(1).filter_map(row).collect()
}

impl Row {
    /// Whether every kind of the row is built.
    pub(crate) fn is_built(&self) -> bool {
        self.kinds.iter().all(|kind| BUILT.contains(kind))
    }

    /// Whether it looks at nothing itself.
    pub(crate) fn is_composite(&self) -> bool {
        self.kinds == ["composite"]
    }

    /// Item without its last part.
    pub(crate) fn section(&self) -> &'static str {
        self.item.rsplit_once('.').map_or(self.item, |(section, _)| section)
    }
}

impl Shipped {
    pub(crate) fn load(checklist: &str) -> Result<Self, String> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/checklists").join(checklist);
        let mut items = BTreeMap::new();
        let entries = std::fs::read_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        for entry in entries.flatten() {
            let file: Value = cases::read(&entry.path())?;
            for (item, definition) in file["checklists"][checklist]["items"].as_object().into_iter().flatten() {
                items.insert(item.clone(), definition.clone());
            }
        }
        Ok(Self { checklist: checklist.to_owned(), items })
    }

    pub(crate) fn depends_on(&self, item: &str) -> impl Iterator<Item = &str> {
        self.items
            .get(item)
            .into_iter()
            .flat_map(|item| item["depends_on"].as_array())
            .flatten()
            .filter_map(Value::as_str)
    }

    pub(crate) fn has(&self, item: &str) -> bool {
        self.items.contains_key(item)
    }

    /// Whether anything is looked at for it.
    pub(crate) fn has_check(&self, item: &str) -> bool {
        self.items.get(item).is_some_and(|item| !item["check"].is_null())
    }

    /// What the verdict of an item stands on: the weakest of all its targets, and of the items it is made of.
    pub(crate) fn proof(&self, item: &str) -> Proof {
        let (mut open, mut seen) = (vec![item.to_owned()], BTreeSet::new());
        let mut proof = Proof::Real;
        while let Some(item) = open.pop() {
            if let Some(definition) = self.items.get(&item).filter(|_| seen.insert(item.clone())) {
                let (mut targets, mut members) = (Vec::new(), Vec::new());
                collect(&definition["check"], &mut targets, &mut members);
                let name = |target: &String| format!("{}.{target}", self.checklist);
                let stands = |target: &String| STAND_INS.iter().find(|(known, _)| *known == name(target));
                proof = targets.iter().filter_map(stands).map(|(_, proof)| *proof).fold(proof, Proof::max);
                open.extend(members);
            }
        }
        proof
    }
}

/// Every `target: …` and `item: …` below a check.
fn collect(check: &Value, targets: &mut Vec<String>, members: &mut Vec<String>) {
    match check {
        Value::Array(legs) => legs.iter().for_each(|leg| collect(leg, targets, members)),
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("target" | "workload", Value::String(name)) => targets.push(name.clone()),
                    ("item", Value::String(name)) => members.push(name.clone()),
                    _ => collect(value, targets, members),
                }
            }
        }
        _ => {}
    }
}
