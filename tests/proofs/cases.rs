//! What stands in the case files: arrangements, and what the rows must say then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

/// What a verdict was seen against; what says least comes last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Proof {
    /// The product itself, or the host.
    #[default]
    Real,
    /// Answers that the product itself once gave, replayed.
    Recorded,
    /// Our own server, or program, that behaves as a product does.
    Double,
    /// Answers written from the documentation of the product, which nobody compared with it.
    Written,
}

/// One file: the cases of one section of one checklist.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// Servers the cases need, besides those that steps name.
    #[serde(default)]
    pub(crate) servers: Vec<String>,
    /// Holds for every case of the file.
    #[serde(default)]
    pub(crate) with: With,
    pub(crate) cases: Vec<Case>,
    /// What the cases stand on where the targets do not tell.
    #[serde(default)]
    pub(crate) proof: Proof,
    #[serde(skip)]
    pub(crate) checklist: String,
    #[serde(skip)]
    pub(crate) section: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// What was arranged, in a few words.
    pub(crate) case: String,
    #[serde(default)]
    pub(crate) with: With,
    /// What was done before: a daemon looks at that world and is stopped, everything is put back, and the verdicts
    /// are those of another daemon, which finds what the first has stored. `expect` names all items that must run,
    /// in an order in which each comes after what it depends on.
    #[serde(default)]
    pub(crate) earlier: Vec<Step>,
    #[serde(default, rename = "do")]
    pub(crate) steps: Vec<Step>,
    #[serde(default)]
    pub(crate) undo: Vec<Step>,
    /// The exporter runs without rights of its own: as `nobody`, where the proofs run as root.
    #[serde(default)]
    pub(crate) unprivileged: bool,
    /// Flags of the exporter, such as `--engine.environment=staging`.
    #[serde(default)]
    pub(crate) flags: Vec<String>,
    /// By item: `pass`, `fail assertion`, or `fail assertion: a part of the sentence`.
    pub(crate) expect: BTreeMap<String, Expected>,
}

/// What a deployment says, on top of the good world. `null` takes something away.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct With {
    pub(crate) parameters: Map<String, Value>,
    /// By target, without the checklist.
    pub(crate) targets: Map<String, Value>,
    pub(crate) credentials: BTreeMap<String, String>,
    /// By target: the environment of a real process, made for the case.
    pub(crate) env: BTreeMap<String, Option<BTreeMap<String, Option<String>>>>,
    /// By path under the private directory: text, `{ text, mode, age }`, `{ directory: true }`, or null.
    pub(crate) files: BTreeMap<String, Option<Content>>,
    pub(crate) attestations: Vec<Value>,
    pub(crate) waivers: Vec<Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Content {
    Text(String),
    Detailed(Detailed),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Detailed {
    pub(crate) text: String,
    /// A folder, not a file.
    pub(crate) directory: bool,
    /// Octal, such as "0600".
    pub(crate) mode: Option<String>,
    /// How long ago it was changed, such as `2d`.
    pub(crate) age: Option<String>,
}

/// One step on one server: `redis: stop`, or `redis: { set: … }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Step(BTreeMap<String, Value>);

/// State, reason if any, and a part of the sentence.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Expected {
    pub(crate) state: String,
    pub(crate) reason: String,
    pub(crate) says: String,
}

impl Proof {
    pub(crate) const ALL: [Self; 4] = [Self::Real, Self::Recorded, Self::Double, Self::Written];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Recorded => "recorded",
            Self::Double => "double",
            Self::Written => "written",
        }
    }
}

impl Step {
    /// (server, verb, argument).
    pub(crate) fn parts(&self) -> Result<(&str, &str, &Value), String> {
        const NOTHING: &Value = &Value::Null;
        let mut all = self.0.iter();
        let (Some((server, what)), None) = (all.next(), all.next()) else {
            return Err(format!("a step names one server: {:?}", self.0));
        };
        match what {
            Value::String(verb) => Ok((server, verb, NOTHING)),
            Value::Object(verbs) if verbs.len() == 1 => {
                let (verb, argument) = verbs.iter().next().ok_or("no verb")?;
                Ok((server, verb, argument))
            }
            other => Err(format!("a step has one verb: {server}: {other}")),
        }
    }
}

impl TryFrom<String> for Expected {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (head, says) = text.split_once(": ").unwrap_or((&text, ""));
        let (state, reason) = head.split_once(' ').unwrap_or((head, ""));
        if !["pass", "fail", "unknown", "stale", "blocked", "waived", "not_applicable"].contains(&state) {
            return Err(format!("`{state}` is no state"));
        }
        Ok(Self { state: state.to_owned(), reason: reason.trim().to_owned(), says: says.to_owned() })
    }
}

impl File {
    /// The servers that must run.
    pub(crate) fn needed(&self) -> Result<Vec<String>, String> {
        let mut needed = self.servers.clone();
        for step in self.cases.iter().flat_map(|case| case.earlier.iter().chain(&case.steps).chain(&case.undo)) {
            needed.push(step.parts()?.0.to_owned());
        }
        needed.sort_unstable();
        needed.dedup();
        Ok(needed)
    }
}

/// All case files below `directory`, which has one folder for each checklist.
pub(crate) fn load(directory: &Path) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    for folder in entries(directory)?.into_iter().filter(|path| path.is_dir()) {
        let checklist = name(&folder);
        for path in entries(&folder)? {
            if path.extension().is_some_and(|extension| extension == "yaml") {
                let mut file: File = read(&path)?;
                file.checklist.clone_from(&checklist);
                file.section = name(&path);
                files.push(file);
            }
        }
    }
    Ok(files)
}

pub(crate) fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_saphyr::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

pub(crate) fn entries(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

pub(crate) fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
