//! Rows of the shipped checklist against real components: each passes while the component is in
//! order, and fails for the expected reason once it was broken. Every case is printed as one line
//! of a table: row, what was arranged, state and reason.

pub(crate) mod database;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

/// Item, state, reason (empty for a pass), and a part of the sentence.
type Expected<'a> = (&'a str, &'a str, &'a str, &'a str);

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

    /// Evaluates once, as `check` does it, and compares.
    fn expect(&self, arranged: &str, expected: &[Expected<'_>]) {
        let seen = self.in_time(expected);
        let mut wrong = Vec::new();
        let mut table = String::new();
        for (item, state, reason, part) in expected {
            let found = seen.get(*item).unwrap_or_else(|| panic!("{item} was not evaluated"));
            let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
            let (is, why, sentence) = (text("state"), text("reason"), text("sentence"));
            table += &format!("| {item} | {arranged} | {is} | {why} | {sentence}\n");
            if (is.as_str(), why.as_str()) != (*state, *reason) || !sentence.contains(part) {
                let cause = found["root_cause"].as_str().and_then(|id| seen.get(id.trim_start_matches("parallax/")));
                let cause = cause.map(|row| row["sentence"].to_string()).unwrap_or_default();
                wrong.push(format!(
                    "{item} ({arranged}): expected {state} {reason} `{part}`, saw {is} {why}: {sentence} {cause}"
                ));
            }
        }
        // Past the capture of the test harness: the table is for people, and worth keeping.
        let _ = std::io::stderr().write_all(table.as_bytes());
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// A run in which nothing came too late: the daemon too waits for a second and a third one.
    fn in_time(&self, expected: &[Expected<'_>]) -> BTreeMap<String, Value> {
        let mut seen = self.check(expected);
        for _ in 0..2 {
            let late = |row: &Value| matches!(row["reason"].as_str(), Some("timeout" | "observer_timeout"));
            if !seen.values().any(late) {
                break;
            }
            seen = self.check(expected);
        }
        seen
    }

    /// Writes the root file that points `checklist` to what was arranged.
    pub(crate) fn configuration(&self, checklist: &Path) -> String {
        let config = json!({
            "include": [checklist], "targets": self.targets, "credentials": self.credentials,
            "parameters": { "parallax": self.parameters },
        });
        self.write("readiness.yaml", &config.to_string())
    }

    fn check(&self, expected: &[Expected<'_>]) -> BTreeMap<String, Value> {
        let file = self.configuration(&Path::new(env!("CARGO_MANIFEST_DIR")).join("config/checklists/parallax.yaml"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_readiness-exporter"));
        command.args(["check", "--output", "json", "--config.file", &file]);
        // Most rows depend on these two: what they say explains a row that is blocked.
        let roots = ["core.database.postgres-reachable", "api.endpoints.health-live"];
        for item in expected.iter().map(|(item, ..)| *item).chain(roots) {
            command.args(["--item", &format!("parallax/{item}")]);
        }
        let done = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        let result: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
        let items = result["items"].as_array().unwrap();
        items.iter().map(|row| (row["id"].as_str().unwrap().replacen("parallax/", "", 1), row.clone())).collect()
    }
}
