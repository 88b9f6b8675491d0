//! A deployment under watch: a daemon with the shipped checklist, made faster, or with one of the test's
//! own, pointed at servers.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::support::daemon::Launch;
use crate::support::faster::faster;

/// Of every item; retries come in a fifth of it.
const INTERVAL: &str = "3s";
const TIMEOUT: &str = "2s";

pub(super) struct Deployment {
    directory: tempfile::TempDir,
    include: Vec<PathBuf>,
    targets: Map<String, Value>,
    credentials: Map<String, Value>,
    parameters: Map<String, Value>,
    checklists: Map<String, Value>,
}

impl Deployment {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().expect("directory");
        let (targets, credentials) = (Map::new(), Map::new());
        let (parameters, checklists) = (Map::new(), Map::new());
        Self { directory, include: Vec::new(), targets, credentials, parameters, checklists }
    }

    /// With the checklist Parallax as it is shipped.
    pub(super) fn parallax() -> Self {
        let mut here = Self::new();
        here.include.push(faster("parallax", &here.path("shipped"), INTERVAL));
        here
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        std::fs::write(&path, text).expect("file");
        path
    }

    /// A target of Parallax.
    pub(super) fn target(&mut self, name: &str, target: Value) {
        self.targets.insert(format!("parallax.{name}"), target);
    }

    pub(super) fn parameter(&mut self, name: &str, value: impl Into<Value>) {
        self.parameters.insert(name.to_owned(), value.into());
    }

    /// A credential in a file of its own.
    pub(super) fn credential(&mut self, name: &str, secret: &str) {
        let file = self.write(name, secret);
        self.credentials.insert(name.to_owned(), json!({ "file": file }));
    }

    /// A checklist of the test: items that are all critical, with what they depend on and their check, and
    /// one that is made of them.
    pub(super) fn checklist(&mut self, name: &str, items: &[(&str, &[&str], Value)]) {
        self.checklist_with(name, &[], items);
    }

    /// The same, with targets.
    pub(super) fn checklist_with(&mut self, name: &str, targets: &[(&str, Value)], items: &[(&str, &[&str], Value)]) {
        let mut declared = Map::new();
        for (target, at) in targets {
            declared.insert((*target).to_owned(), json!(target));
            self.targets.insert(format!("{name}.{target}"), at.clone());
        }
        let made_of: Vec<Value> = items.iter().map(|(id, ..)| json!({ "item": format!("all.{id}") })).collect();
        let mut items: Map<String, Value> = items
            .iter()
            .map(|(id, depends_on, check)| {
                let title = format!("{id} is in order");
                let item = json!({ "title": title, "priority": "critical", "depends_on": depends_on, "check": check });
                (format!("all.{id}"), item)
            })
            .collect();
        let whole = json!({
            "title": "All of it is in order", "priority": "critical", "mode": "derived", "check": { "all_of": made_of },
        });
        items.insert("all.together".to_owned(), whole);
        let defaults = json!({ "interval": INTERVAL, "timeout": TIMEOUT });
        let checklist = json!({ "title": name, "targets": declared, "defaults": defaults, "sections": { "all": "All" }, "items": items });
        self.checklists.insert(name.to_owned(), checklist);
    }

    /// Writes the root file.
    pub(super) fn root(&self) -> PathBuf {
        let parameters = if self.include.is_empty() { json!({}) } else { json!({ "parallax": self.parameters }) };
        let root = json!({
            "include": self.include, "targets": self.targets, "credentials": self.credentials,
            "parameters": parameters, "checklists": self.checklists,
        });
        self.write("readiness.yaml", &root.to_string())
    }

    pub(super) fn launch(&self) -> Launch {
        Launch::new(self.directory.path(), Path::new(&self.root()))
    }
}
