//! Each layer as a list of (dotted key, value, origin), with names that do not exist found.

use std::collections::BTreeMap;

use config::{Format, Value, ValueKind};
use serde_json::Value as Json;

use super::load::{Origin, SettingsError};
use super::yaml::Yaml;
use crate::expect::nearest;

/// Prefix of all environment variables that are settings.
const PREFIX: &str = "READINESS__";
/// A settings file is a page long; nobody means a larger one.
pub(super) const MAX_FILE: usize = 256 * 1024;

/// One value that somebody set.
pub(super) struct Given {
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// All settings by dotted key, with their defaults, which also tell lists from scalars.
pub(super) struct Known(pub(super) BTreeMap<String, Json>);

impl Known {
    /// `tree` is the defaults in JSON: sections of values.
    pub(super) fn of(tree: &Json) -> Self {
        let mut keys = BTreeMap::new();
        for (section, fields) in tree.as_object().into_iter().flatten() {
            for (field, value) in fields.as_object().into_iter().flatten() {
                keys.insert(format!("{section}.{field}"), value.clone());
            }
        }
        Self(keys)
    }

    fn hint(&self, key: &str) -> Option<String> {
        nearest::nearest(key, self.0.keys().map(String::as_str)).map(|near| format!("did you mean `{near}`?"))
    }

    fn is_list(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(Json::is_array)
    }

    /// A text from a flag or variable in the form the setting has; lists are split at commas.
    fn text(&self, key: &str, text: &str) -> Value {
        if !self.is_list(key) {
            return Value::new(None, ValueKind::String(text.to_owned()));
        }
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        Value::new(None, ValueKind::Array(parts.map(|part| Value::new(None, part)).collect()))
    }

    /// The values of a file. Sections that hold only comments count as empty.
    pub(super) fn file(&self, path: &str, text: &str) -> (Vec<Given>, Vec<SettingsError>) {
        let origin = Origin::File(path.to_owned());
        let problem = |key: String, message: String, hint| SettingsError { origin: origin.clone(), key, message, hint };
        let (mut given, mut errors) = (Vec::new(), Vec::new());
        if text.len() > MAX_FILE {
            errors.push(problem(String::new(), format!("the file is larger than {MAX_FILE} bytes"), None));
            return (given, errors);
        }
        let sections = match Yaml.parse(Some(&path.to_owned()), text) {
            Ok(sections) => sections,
            Err(error) => {
                errors.push(problem(String::new(), error.to_string(), None));
                return (given, errors);
            }
        };
        for (section, value) in sections {
            let start = format!("{section}.");
            let names: Vec<&str> = self.0.keys().filter_map(|key| key.split('.').next()).collect();
            if !self.0.keys().any(|key| key.starts_with(&start)) {
                let hint = nearest::nearest(&section, names).map(|near| format!("did you mean `{near}`?"));
                errors.push(problem(section, "there is no such section".to_owned(), hint));
                continue;
            }
            let fields = match value.kind {
                ValueKind::Table(fields) => fields,
                ValueKind::Nil => continue,
                _ => {
                    errors.push(problem(section, "a section holds settings, one a line".to_owned(), None));
                    continue;
                }
            };
            for (field, value) in fields {
                let key = format!("{section}.{field}");
                if self.0.contains_key(&key) {
                    given.push(Given { key, value, origin: origin.clone() });
                } else {
                    let hint = self.hint(&key);
                    errors.push(problem(key, "there is no such setting".to_owned(), hint));
                }
            }
        }
        errors.sort_by(|a, b| a.key.cmp(&b.key));
        (given, errors)
    }

    /// The values of variables named `READINESS__SECTION__NAME`; all others are not ours.
    pub(super) fn environment(
        &self,
        variables: impl Iterator<Item = (String, String)>,
    ) -> (Vec<Given>, Vec<SettingsError>) {
        let (mut given, mut errors) = (Vec::new(), Vec::new());
        for (name, text) in variables {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            let key = rest.to_ascii_lowercase().replace("__", ".");
            let origin = Origin::Environment(name.clone());
            if self.0.contains_key(&key) {
                let value = self.text(&key, &text);
                given.push(Given { key, value, origin });
                continue;
            }
            let near = nearest::nearest(&key, self.0.keys().map(String::as_str));
            let hint = near.map(|near| format!("did you mean `{}`?", variable(near)));
            errors.push(SettingsError { origin, key, message: "there is no such setting".to_owned(), hint });
        }
        (given, errors)
    }

    /// The values of flags. A list given several times is one list.
    pub(super) fn flags(&self, flags: &[(String, String)]) -> (Vec<Given>, Vec<SettingsError>) {
        let (mut given, mut errors): (Vec<Given>, _) = (Vec::new(), Vec::new());
        for (key, text) in flags {
            let origin = Origin::Flag(key.clone());
            if !self.0.contains_key(key) {
                let message = "there is no such setting".to_owned();
                errors.push(SettingsError { origin, key: key.clone(), message, hint: self.hint(key) });
                continue;
            }
            let value = self.text(key, text);
            match given.iter_mut().find(|earlier| earlier.key == *key) {
                Some(earlier) => match (&mut earlier.value.kind, value.kind) {
                    (ValueKind::Array(items), ValueKind::Array(more)) => items.extend(more),
                    (slot, kind) => *slot = kind,
                },
                None => given.push(Given { key: key.clone(), value, origin }),
            }
        }
        (given, errors)
    }
}

/// The environment variable of a setting.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "__"))
}
