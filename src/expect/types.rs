//! What is known of a value before it exists: read off a JSON Schema.

use serde_json::{Map, Value, json};

/// A type, with the schema of its parts where one is known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Type<'a> {
    /// Nothing is known: checks stop here.
    Any,
    Null,
    Bool,
    Number,
    /// With the schema of its values, if only some are possible.
    Text(Option<&'a Map<String, Value>>),
    List(Option<&'a Value>),
    Object(&'a Map<String, Value>),
}

impl Type<'_> {
    pub(super) fn name(self) -> &'static str {
        match self {
            Type::Any => "any value",
            Type::Null => "null",
            Type::Bool => "a boolean",
            Type::Number => "a number",
            Type::Text(_) => "a text",
            Type::List(_) => "a list",
            Type::Object(_) => "an object",
        }
    }

    /// Whether values of the two types can be equal at all. Null goes with everything: most
    /// fields may be absent.
    pub(super) fn comparable(self, other: Type<'_>) -> bool {
        use Type::{Any, Null};
        matches!(self, Any | Null)
            || matches!(other, Any | Null)
            || std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }

    /// Small whatever the facts: may be used over and over inside a loop.
    pub(super) fn is_scalar(self) -> bool {
        matches!(self, Type::Null | Type::Bool | Type::Number | Type::Text(_))
    }
}

/// A schema with the definitions its references point into.
#[derive(Clone, Copy)]
pub(super) struct Schema<'a> {
    root: &'a Value,
}

impl<'a> Schema<'a> {
    pub(super) fn new(root: &'a Value) -> Self {
        Self { root }
    }

    /// The type of the whole.
    pub(super) fn whole(self) -> Type<'a> {
        self.of(self.root)
    }

    /// The type a (sub)schema describes. What it does not understand is `Any`.
    pub(super) fn of(self, schema: &'a Value) -> Type<'a> {
        self.of_bounded(schema, 8)
    }

    fn of_bounded(self, schema: &'a Value, hops: u8) -> Type<'a> {
        let (Some(object), Some(hops)) = (schema.as_object(), hops.checked_sub(1)) else { return Type::Any };
        if let Some(target) = object.get("$ref").and_then(Value::as_str) {
            let target = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return target.map_or(Type::Any, |target| self.of_bounded(target, hops));
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            let Some(choices) = object.get(key).and_then(Value::as_array) else { continue };
            let mut kinds = choices.iter().map(|c| self.of_bounded(c, hops)).filter(|t| !matches!(t, Type::Null));
            let Some(first) = kinds.next() else { return Type::Any };
            // Several alternatives of the same scalar type are that type (enums with docs).
            let same = kinds.all(|t| first.is_scalar() && std::mem::discriminant(&t) == std::mem::discriminant(&first));
            return match first {
                Type::Text(_) if same && choices.len() > 1 && !nullable(choices) => Type::Text(Some(object)),
                first if same => first,
                _ => Type::Any,
            };
        }
        let name = match object.get("type") {
            Some(Value::String(name)) => Some(name.as_str()),
            Some(Value::Array(names)) => {
                let mut names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
                names.next().filter(|_| names.next().is_none())
            }
            _ => object.get("const").map(|value| if value.is_string() { "string" } else { "" }),
        };
        match name {
            Some("null") => Type::Null,
            Some("boolean") => Type::Bool,
            Some("integer" | "number") => Type::Number,
            Some("string") => Type::Text(object.contains_key("enum").then_some(object)),
            Some("array") => Type::List(object.get("items")),
            Some("object") => Type::Object(object),
            _ => Type::Any,
        }
    }

    /// The texts a field can hold, if they are listed; empty if any is possible.
    pub(super) fn choices(object: &'a Map<String, Value>) -> Vec<&'a str> {
        let listed = object.get("enum").or_else(|| object.get("oneOf")).and_then(Value::as_array);
        let mut all = Vec::new();
        for choice in listed.into_iter().flatten().filter(|choice| !choice.is_null()) {
            match (choice.as_str().or_else(|| choice.get("const").and_then(Value::as_str)), choice.get("enum")) {
                (Some(text), _) => all.push(text),
                (None, Some(Value::Array(texts))) => all.extend(texts.iter().filter_map(Value::as_str)),
                // One alternative that is not understood makes the list incomplete, and so useless.
                (None, _) => return Vec::new(),
            }
        }
        all
    }

    /// The type of a field; `Err` with the names there are, if it cannot exist.
    pub(super) fn field(self, object: &'a Map<String, Value>, name: &str) -> Result<Type<'a>, Vec<&'a str>> {
        let properties = object.get("properties").and_then(Value::as_object);
        if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
            return Ok(self.of(schema));
        }
        match (object.get("additionalProperties"), properties) {
            (Some(Value::Bool(false)), properties) => Err(names(properties)),
            (Some(schema), _) => Ok(self.of(schema)),
            // A struct: serde writes no other fields, so schemars need not forbid them.
            (None, Some(properties)) => Err(names(Some(properties))),
            (None, None) => Ok(Type::Any),
        }
    }
}

fn nullable(choices: &[Value]) -> bool {
    choices.iter().any(|choice| choice.get("type").and_then(Value::as_str) == Some("null"))
}

fn names(properties: Option<&Map<String, Value>>) -> Vec<&str> {
    properties.map(|p| p.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// The schema of a value that is there already. Null says nothing: it means "to be configured".
pub(super) fn schema_of(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(_) => json!({"type": "boolean"}),
        Value::Number(_) => json!({"type": "number"}),
        Value::String(_) => json!({"type": "string"}),
        Value::Array(items) => match items.first().filter(|first| items.iter().all(|i| same_scalar(first, i))) {
            Some(first) => json!({"type": "array", "items": schema_of(first)}),
            None => json!({"type": "array"}),
        },
        Value::Object(fields) => {
            let properties: Map<String, Value> = fields.iter().map(|(k, v)| (k.clone(), schema_of(v))).collect();
            json!({"type": "object", "properties": properties, "additionalProperties": false})
        }
    }
}

fn same_scalar(a: &Value, b: &Value) -> bool {
    matches!(
        (a, b),
        (Value::String(_), Value::String(_)) | (Value::Number(_), Value::Number(_)) | (Value::Bool(_), Value::Bool(_))
    )
}
