//! The commented default settings file.

use std::fmt::Write;

use serde_json::Value;

use super::Settings;
use super::layers::variable;

/// The text of `config/settings.yaml`: every setting with its meaning and default.
pub fn default_file() -> String {
    let schema = schemars::schema_for!(Settings).to_value();
    let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    let mut out = String::from(
        "# Settings of the process, with their defaults. The catalogue (checklists, targets, credentials) is\n\
         # a file of its own, see `catalogue.file`. An environment variable overrides a line of this file,\n",
    );
    let _ =
        writeln!(out, "# such as {} for web.listen_address; a flag overrides both.", variable("web.listen_address"));
    for (name, description) in properties(&schema) {
        let _ = writeln!(out, "\n# {}\n{name}:", description.lines().next().unwrap_or_default());
        let Some(definition) = definition(&schema, name) else { continue };
        for (field, meaning) in properties(definition) {
            for line in meaning.lines().filter(|line| !line.is_empty()) {
                let _ = writeln!(out, "  # {line}");
            }
            let value = defaults.pointer(&format!("/{name}/{field}")).unwrap_or(&Value::Null);
            let value = if value.is_null() { String::new() } else { format!(" {value}") };
            let _ = writeln!(out, "  {field}:{value}");
        }
    }
    out
}

/// Names and descriptions, in the order of the schema.
fn properties(schema: &Value) -> Vec<(&str, &str)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.as_str(), schema.get("description").and_then(Value::as_str).unwrap_or_default()))
        .collect()
}

/// The schema of a section, which is a reference in the whole.
fn definition<'a>(schema: &'a Value, section: &str) -> Option<&'a Value> {
    let section = schema.pointer(&format!("/properties/{section}"))?;
    let target = section.get("$ref").or_else(|| section.pointer("/allOf/0/$ref")).and_then(Value::as_str);
    match target {
        Some(target) => schema.pointer(target.strip_prefix('#')?),
        None => Some(section),
    }
}
