//! Values as people read them.

use std::fmt::Write;

use cel::Value;

/// Characters of one value in a sentence.
const SHOWN: usize = 80;

/// At most `SHOWN` characters of a value.
pub(super) fn show(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    cut(&text, SHOWN)
}

/// The number a value is, if it is a finite one.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(i) => Some(*i as f64),
        Value::UInt(u) => Some(*u as f64),
        Value::Float(f) => f.is_finite().then_some(*f),
        _ => None,
    }
}

/// At most `limit` characters, with a mark where something is missing.
pub(super) fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

// Stops once enough is written: a value may be a megabyte.
fn write(value: &Value, out: &mut String) {
    if out.len() > SHOWN * 4 {
        return;
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(i) => {
            let _ = write!(out, "{i}");
        }
        Value::UInt(u) => {
            let _ = write!(out, "{u}");
        }
        Value::Float(f) => {
            let _ = write!(out, "{f}");
        }
        Value::String(text) => {
            let _ = write!(out, "{:?}", cut(text, SHOWN));
        }
        Value::List(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate().take(SHOWN) {
                if place > 0 {
                    out.push_str(", ");
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Map(map) => {
            // Sorted: a sentence must not change from run to run by itself.
            let mut keys: Vec<_> = map.map.iter().collect();
            keys.sort_by_key(|(key, _)| key.to_string());
            out.push('{');
            for (place, (key, item)) in keys.into_iter().enumerate().take(SHOWN) {
                if place > 0 {
                    out.push_str(", ");
                }
                let _ = write!(out, "{key}: ");
                write(item, out);
            }
            out.push('}');
        }
        _ => out.push('…'),
    }
}
