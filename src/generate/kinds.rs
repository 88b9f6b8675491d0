//! `docs/kinds.md`: parameters and facts of every kind, from their schemas.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::probe::{Descriptor, literals};

const HEAD: &str = "<!-- Written by `readiness-exporter generate`; do not edit. -->\n\n# Kinds of checks\n\n\
    What is written under a kind's key, and the facts that conditions (`expect`, `measure`) see. Durations are written \
    like `250ms`, `30s`, `1h 30m`.\n";

pub(super) fn docs(kinds: &[Descriptor]) -> String {
    let mut text = HEAD.to_owned();
    for kind in kinds {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n## {}\n\n{}\n", kind.name, kind.summary);
        let (parameters, facts) = ((kind.parameters)().to_value(), (kind.facts)().to_value());
        let about = describe(&parameters);
        if !about.is_empty() {
            let _ = write!(text, "\n{about}\n");
        }
        section(&mut text, "Parameters", &parameters, true);
        section(&mut text, "Facts", &facts, false);
    }
    text
}

fn section(text: &mut String, title: &str, schema: &Value, with_default: bool) {
    let Some(fields) = schema.get("properties").and_then(Value::as_object) else { return };
    let definitions = schema.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    let head = if with_default {
        "| name | type | default | meaning |\n|---|---|---|---|"
    } else {
        "| name | type | meaning |\n|---|---|---|"
    };
    let _ = write!(text, "\n### {title}\n\n{head}\n");
    for (name, field) in fields {
        let (kind, about) = (type_of(field, &definitions), describe(field));
        let _ = if with_default {
            let default = field.get("default").filter(|value| !value.is_null()).map(|value| format!("`{value}`"));
            writeln!(text, "| `{name}` | {kind} | {} | {about} |", default.unwrap_or_default())
        } else {
            writeln!(text, "| `{name}` | {kind} | {about} |")
        };
    }
    for (name, definition) in &definitions {
        if definition.get("properties").is_some() {
            let _ = write!(text, "\n`{name}`:\n\n");
            for (field, schema) in definition.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let about = describe(schema);
                let about = if about.is_empty() { about } else { format!(": {about}") };
                let _ = writeln!(text, "- `{field}` ({}){about}", type_of(schema, &definitions));
            }
        }
    }
}

fn describe(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn type_of(schema: &Value, definitions: &Map<String, Value>) -> String {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return match definitions.get(name).map(variants) {
            Some(variants) if !variants.is_empty() => variants.join(", "),
            _ => format!("`{name}`"),
        };
    }
    let own = variants(schema);
    if !own.is_empty() {
        return own.join(", ");
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(options) = schema.get(key).and_then(Value::as_array) {
            let known = options.iter().filter(|option| option.get("type") != Some(&Value::from("null")));
            return known.map(|option| type_of(option, definitions)).collect::<Vec<_>>().join(" or ");
        }
    }
    let name = match schema.get("type") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect::<Vec<_>>().join(" or ")
        }
        _ => return "any".to_owned(),
    };
    match schema.get("items") {
        Some(items) if name == "array" => format!("list of {}", type_of(items, definitions)),
        _ if name == "object" => "map".to_owned(),
        _ => name,
    }
}

/// The literal values a schema allows, as code.
fn variants(schema: &Value) -> Vec<String> {
    literals(schema).into_iter().map(|value| format!("`{value}`")).collect()
}
