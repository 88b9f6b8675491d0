//! The literal values a schema allows, for documentation and `explain`.

use serde_json::Value;

/// In the order of the schema. Variants without a comment of their own stand together in one
/// `enum`, those with one in a `const` each; both may stand below `oneOf`.
pub fn literals(schema: &Value) -> Vec<&str> {
    let mut found: Vec<&str> = list(schema, "enum").filter_map(Value::as_str).collect();
    found.extend(schema.get("const").and_then(Value::as_str));
    for choice in list(schema, "oneOf") {
        found.extend(literals(choice));
    }
    found
}

fn list<'a>(schema: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    schema.get(key).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variants_with_and_without_a_comment_are_found() {
        let schema = json!({ "oneOf": [{ "enum": ["none", "json"], "type": "string" }, { "const": "text" }] });
        assert_eq!(literals(&schema), ["none", "json", "text"]);
        assert!(literals(&json!({ "type": "string" })).is_empty());
    }
}
