//! The schema for editors.

use serde_json::Value;

use super::kinds::KINDS;
use crate::catalog::json_schema;

fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_kind_is_a_key() {
    let schema = json_schema(KINDS);
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(found.contains(&"#/$defs/http-Tls"), "{found:?}");
    for reference in found {
        assert!(schema.pointer(&reference[1..]).is_some(), "{reference}");
    }
    let check = &schema["$defs"]["check"]["properties"];
    for key in ["http", "postgres", "attestation", "all_of", "item", "expect"] {
        assert!(check.get(key).is_some(), "{key}");
    }
}

#[test]
fn the_schema_knows_every_key_the_loader_knows() {
    let schema = json_schema(KINDS);
    let text = include_str!("../../../tests/ui/valid-everything/root.yaml");
    let items = &schema["$defs"]["item"]["properties"];
    let keys = text.lines().filter_map(|line| line.strip_prefix("        ")?.split_once(':')).map(|(key, _)| key);
    for key in keys.filter(|key| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')) {
        assert!(items.get(key).is_some(), "{key}");
    }
}
