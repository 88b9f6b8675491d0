//! A JSON Schema of catalogue files, for completion in editors. The loader does not use it.

use serde_json::{Map, Value, json};

use crate::model::{Priority, Reason};
use crate::probe::Descriptor;

/// The schema, draft 2020-12. Every kind is a key of a check, with the schema of its parameters.
pub fn json_schema(kinds: &[Descriptor]) -> Value {
    let mut definitions = Map::new();
    let mut check = leg_keys();
    for kind in kinds {
        let mut schema = (kind.parameters)().to_value();
        hoist(&mut schema, kind.name, &mut definitions);
        allow_parameters(&mut schema);
        definitions.insert(format!("kind-{}", kind.name), schema);
        check.insert(
            kind.name.to_owned(),
            json!({ "$ref": format!("#/$defs/kind-{}", kind.name), "description": kind.summary }),
        );
    }
    definitions.insert("check".to_owned(), closed(check, &[]));
    definitions.insert("item".to_owned(), item());
    definitions.insert("checklist".to_owned(), checklist());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Catalogue file",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "include": texts(),
            "targets": map_of(target()),
            "credentials": map_of(object(&["file", "env"], &[])),
            "parameters": map_of(json!({ "type": "object" })),
            "checklists": map_of(reference("checklist")),
            "waivers": { "type": "array", "items": waiver() },
            "attestations": { "type": "array", "items": attestation() },
        },
        "$defs": definitions,
    })
}

/// Definitions of a kind's schema move to the root, under names that no other kind has, because
/// references start there.
fn hoist(schema: &mut Value, kind: &str, definitions: &mut Map<String, Value>) {
    rename(schema, kind);
    let Some(own) = schema.as_object_mut() else { return };
    own.remove("$schema");
    if let Some(Value::Object(inner)) = own.remove("$defs") {
        definitions.extend(inner.into_iter().map(|(name, schema)| (format!("{kind}-{name}"), schema)));
    }
}

/// `${name}` may stand in place of a value of any type; what it stands for is checked at load.
fn allow_parameters(schema: &mut Value) {
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
    for field in fields.into_iter().flat_map(|fields| fields.values_mut()) {
        let description = field.get("description").cloned();
        *field = json!({ "anyOf": [field.take(), { "type": "string", "pattern": "^[$][{][^}]+[}]$" }] });
        if let (Some(description), Some(field)) = (description, field.as_object_mut()) {
            field.insert("description".to_owned(), description);
        }
    }
}

fn rename(schema: &mut Value, kind: &str) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value.as_str().and_then(|text| text.strip_prefix("#/$defs/")) {
                    Some(name) if key == "$ref" => *value = json!(format!("#/$defs/{kind}-{name}")),
                    _ => rename(value, kind),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| rename(value, kind)),
        _ => {}
    }
}

fn leg_keys() -> Map<String, Value> {
    let checks = json!({ "type": "array", "items": reference("check"), "minItems": 1 });
    let measure = json!({ "type": ["string", "number", "object"] });
    let keys = [
        ("all_of", checks.clone()),
        ("any_of", checks.clone()),
        ("none_of", checks.clone()),
        ("at_least", closed(fields([("n", json!({ "type": ["integer", "string"] })), ("of", checks)]), &["n", "of"])),
        ("item", text()),
        ("unmapped", text()),
        ("name", text()),
        ("timeout", text()),
        ("when", json!({ "type": ["string", "boolean"] })),
        ("expect", json!({ "type": ["string", "array"], "items": text() })),
        ("measure", map_of(measure)),
        ("enabled", json!({ "type": "boolean" })),
    ];
    fields(keys)
}

fn item() -> Value {
    let priorities: Vec<&str> = Priority::ALL.iter().map(|priority| priority.as_str()).collect();
    let count = json!({ "type": "integer", "minimum": 1, "maximum": 100 });
    let hysteresis =
        fields([("fail_after", count.clone()), ("recover_after", count.clone()), ("unknown_after", count)]);
    let mut properties = fields([
        ("priority", json!({ "enum": priorities })),
        ("mode", json!({ "enum": ["auto", "derived", "artifact", "attested"] })),
        ("claimed", json!({ "type": "boolean" })),
        ("line", json!({ "type": "integer", "minimum": 1 })),
        ("aliases", texts()),
        ("depends_on", texts()),
        ("when", json!({ "type": ["string", "boolean"] })),
        ("hysteresis", closed(hysteresis, &[])),
        ("check", reference("check")),
    ]);
    for key in ["title", "interval", "retry", "timeout", "team", "runbook_url", "fresh_for", "ready_hold"] {
        properties.insert(key.to_owned(), text());
    }
    closed(properties, &["title", "priority"])
}

fn checklist() -> Value {
    let gate = fields([("title", text()), ("priorities", texts()), ("items", texts()), ("sections", texts())]);
    let properties = fields([
        ("title", text()),
        ("source", closed(fields([("file", text()), ("url", text()), ("commit", json!({}))]), &[])),
        ("targets", map_of(text())),
        ("parameters", json!({ "type": "object" })),
        ("defaults", object(&["interval", "timeout", "team", "runbook_url"], &[])),
        ("sections", map_of(text())),
        ("gates", map_of(closed(gate, &["title"]))),
        ("items", map_of(reference("item"))),
    ]);
    closed(properties, &[])
}

fn target() -> Value {
    let keys = ["address", "credential", "ca", "client_cert", "client_key", "server_name"];
    let mut properties: Map<String, Value> =
        keys.into_iter().map(|key| (key.to_owned(), json!({ "type": ["string", "null"] }))).collect();
    properties.insert("address".to_owned(), text());
    closed(properties, &["address"])
}

fn waiver() -> Value {
    let reasons: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    let mut properties =
        fields([("items", texts()), ("reasons", json!({ "type": "array", "items": { "enum": reasons } }))]);
    for key in ["id", "justification", "approver", "starts", "expires"] {
        properties.insert(key.to_owned(), text());
    }
    properties.insert("ticket".to_owned(), json!({ "type": ["string", "number"] }));
    closed(properties, &["id", "items", "justification", "approver", "starts", "expires"])
}

fn attestation() -> Value {
    let required = ["id", "item", "statement", "attester", "role", "evidence", "attested_at", "expires"];
    let optional = ["evidence_sha256", "signature"];
    let mut properties: Map<String, Value> =
        [&required[..], &optional[..]].concat().into_iter().map(|key| (key.to_owned(), text())).collect();
    let value = json!({
        "type": ["string", "number", "boolean", "array"],
        "items": { "type": ["string", "number", "boolean"] },
    });
    properties.insert("fields".to_owned(), json!({ "type": "object", "additionalProperties": value }));
    closed(properties, &required)
}

fn object(texts: &[&str], required: &[&str]) -> Value {
    closed(texts.iter().map(|key| ((*key).to_owned(), text())).collect(), required)
}

fn closed(properties: Map<String, Value>, required: &[&str]) -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": required })
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(key, schema)| (key.to_owned(), schema)).collect()
}

fn map_of(schema: Value) -> Value {
    json!({ "type": ["object", "null"], "additionalProperties": schema })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn texts() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}
