//! Layering: every value that was set is tried on its own first, so that all errors come at once
//! and each names where its value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::Path;

use config::builder::DefaultState;
use config::{Config, ConfigBuilder};

use super::Settings;
use super::layers::{Given, Known, MAX_FILE};
use super::validate;

/// Settings, and where each value came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    pub settings: Settings,
    /// By dotted key, every key there is.
    pub origins: BTreeMap<String, Origin>,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    /// Path of the file.
    File(String),
    /// Name of the variable.
    Environment(String),
    /// Dotted key of the flag.
    Flag(String),
}

/// What is wrong with one setting. It shows no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    pub origin: Origin,
    /// Dotted key; empty: the file as a whole.
    pub key: String,
    pub message: String,
    pub hint: Option<String>,
}

impl std::error::Error for SettingsError {}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        self.hint.iter().try_for_each(|hint| write!(f, " ({hint})"))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path) => f.write_str(path),
            Origin::Environment(name) => f.write_str(name),
            Origin::Flag(key) => write!(f, "flag --{}", key.replace('_', "-")),
        }
    }
}

impl Settings {
    /// Reads `file` if given, then lets `environment` (variables that start with `READINESS__`;
    /// others are ignored) and `flags` (dotted key, value) override it. All errors at once.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(String, String)],
    ) -> Result<Loaded, Vec<SettingsError>> {
        let whole = |origin, message: String| SettingsError { origin, key: String::new(), message, hint: None };
        let internal = |error: String| vec![whole(Origin::Default, error)];
        let defaults = Settings::default();
        let known = Known::of(&serde_json::to_value(&defaults).map_err(|error| internal(error.to_string()))?);
        let base = Config::try_from(&defaults).map_err(|error| internal(error.to_string()))?;

        let mut layers = Vec::new();
        if let Some(path) = file {
            let name = path.display().to_string();
            layers.push(match read_bounded(path) {
                Ok(text) => known.file(&name, &text),
                Err(error) => (Vec::new(), vec![whole(Origin::File(name), format!("cannot be read: {error}"))]),
            });
        }
        layers.push(known.environment(environment));
        layers.push(known.flags(flags));

        let mut errors = Vec::new();
        let mut origins: BTreeMap<String, Origin> = known.0.keys().map(|key| (key.clone(), Origin::Default)).collect();
        let mut builder = Config::builder().add_source(base.clone());
        for (given, problems) in layers {
            errors.extend(problems);
            for one in given {
                let alone = with(Config::builder().add_source(base.clone()), &one).and_then(read);
                let checked = alone.and_then(|_| with(builder.clone(), &one));
                match checked {
                    Ok(next) => {
                        builder = next;
                        origins.insert(one.key, one.origin);
                    }
                    Err(error) => {
                        let text = one.value.clone().into_string().unwrap_or_default();
                        let message = choices(&one.key, &text).unwrap_or_else(|| explain(&error));
                        errors.push(SettingsError { origin: one.origin, key: one.key, message, hint: None });
                    }
                }
            }
        }
        match read(builder) {
            Ok(settings) => {
                errors.extend(validate::problems(&settings, &origins));
                if errors.is_empty() { Ok(Loaded { settings, origins }) } else { Err(errors) }
            }
            Err(error) => {
                errors.push(whole(Origin::Default, explain(&error)));
                Err(errors)
            }
        }
    }
}

/// One byte more than a settings file may have is enough to refuse it.
fn read_bounded(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_FILE as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

fn with(builder: ConfigBuilder<DefaultState>, one: &Given) -> Result<ConfigBuilder<DefaultState>, config::ConfigError> {
    builder.set_override(&one.key, one.value.clone())
}

fn read(builder: ConfigBuilder<DefaultState>) -> Result<Settings, config::ConfigError> {
    builder.build()?.try_deserialize()
}

/// The first line, without the key and the file, which are said elsewhere, and without the value:
/// what stands in the wrong place may be a secret.
fn explain(error: &config::ConfigError) -> String {
    use config::ConfigError as E;
    match error {
        E::Type { unexpected, expected, .. } => {
            let found = unexpected.to_string();
            // Such as: string "the value".
            let sort = found.split(['"', '`']).next().unwrap_or_default().trim_end();
            format!("expected {expected}, not {sort}")
        }
        E::At { error, .. } => explain(error),
        other => other.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}

/// The values a setting may have, if it is a choice and `text` is none of them. The error of the
/// `config` crate names the type in the code instead, and the value.
fn choices(key: &str, text: &str) -> Option<String> {
    let (section, field) = key.split_once('.')?;
    let alone = serde_json::json!({ section: { field: text } });
    let error = serde_json::from_value::<Settings>(alone).err()?.to_string();
    let (_, known) = error.strip_prefix("unknown variant ")?.rsplit_once("`, expected ")?;
    Some(format!("expected {known}"))
}
