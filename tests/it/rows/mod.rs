//! The shipped checklist pointed at real components, for tests of the daemon. What each row says of
//! a component in order and of a broken one is proved in `tests/proofs`.

pub(crate) mod database;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// Where the shipped checklist is pointed to.
pub(crate) struct Deployment {
    directory: tempfile::TempDir,
    targets: Map<String, Value>,
    credentials: Map<String, Value>,
    parameters: Map<String, Value>,
}

impl Deployment {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory, targets: Map::new(), credentials: Map::new(), parameters: Map::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn target(&mut self, name: &str, target: Value) {
        self.targets.insert(format!("parallax.{name}"), target);
    }

    pub(crate) fn parameter(&mut self, name: &str, value: impl Into<Value>) {
        self.parameters.insert(name.to_owned(), value.into());
    }

    /// A credential in a file of its own.
    fn credential(&mut self, name: &str, value: &str) {
        let file = self.write(name, value);
        self.credentials.insert(name.to_owned(), json!({ "file": file }));
    }

    /// The environment of a workload, as a file.
    fn environment(&mut self, target: &str, variables: &[(&str, &str)]) {
        let lines: String = variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        let file = self.write(&format!("{target}.env"), &lines);
        self.target(target, json!({ "address": format!("file:{file}") }));
    }

    /// Writes the root file that points `checklist` to what was arranged.
    pub(crate) fn configuration(&self, checklist: &Path) -> String {
        let config = json!({
            "include": [checklist], "targets": self.targets, "credentials": self.credentials,
            "parameters": { "parallax": self.parameters },
        });
        self.write("readiness.yaml", &config.to_string())
    }
}
