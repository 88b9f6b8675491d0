//! From PostgreSQL's text format to JSON: what the simple query protocol yields, which is all that
//! the admin console of PgBouncer speaks. Only the types are read that the console has.

use serde_json::{Number, Value};
use sqlx::TypeInfo;
use sqlx::postgres::PgTypeInfo;

/// One value that is not null, typed as `value::decode` would. The error is a clause without the
/// value itself.
pub(super) fn decode(of: &PgTypeInfo, raw: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(raw).map_err(|_| "the text is not UTF-8".to_owned())?;
    let value = match of.name().to_ascii_lowercase().as_str() {
        "bool" => match text {
            "t" => Some(Value::Bool(true)),
            "f" => Some(Value::Bool(false)),
            _ => None,
        },
        "int2" | "int4" | "int8" | "oid" => text.parse::<i64>().ok().map(Value::from),
        "float4" | "float8" | "numeric" => match text {
            "NaN" => Some(Value::from("NaN")),
            "Infinity" => Some(Value::from("infinity")),
            "-Infinity" => Some(Value::from("-infinity")),
            text => text.parse().ok().and_then(Number::from_f64).map(Value::Number),
        },
        "text" | "varchar" | "bpchar" | "name" | "unknown" => Some(Value::from(text)),
        other => return Err(format!("type {} is not supported in the console", other.to_ascii_uppercase())),
    };
    value.ok_or_else(|| format!("the value is no {}", of.name()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_have_the_type_of_their_column() {
        let cases = [
            ("int4", "-3", json!(-3)),
            ("int8", "9007199254740993", json!(9_007_199_254_740_993_i64)),
            ("bool", "t", json!(true)),
            ("float8", "1.5", json!(1.5)),
            ("numeric", "NaN", json!("NaN")),
            ("text", "20", json!("20")),
        ];
        for (name, text, expected) in cases {
            assert_eq!(decode(&PgTypeInfo::with_name(name), text.as_bytes()), Ok(expected), "{name}");
        }
        for (name, text) in [("int4", "x"), ("bool", "true?"), ("float8", ""), ("bytea", "x")] {
            let problem = decode(&PgTypeInfo::with_name(name), text.as_bytes()).unwrap_err();
            assert!(!text.is_empty() || problem.contains("no FLOAT8") || problem.contains("float8"), "{problem}");
        }
        assert!(decode(&PgTypeInfo::with_name("text"), b"\xff").is_err());
    }
}
