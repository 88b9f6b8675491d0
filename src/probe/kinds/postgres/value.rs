//! From PostgreSQL's binary format to JSON, without trust in lengths.
//!
//! Times become seconds since the epoch and intervals seconds, so that conditions can compare
//! them with `now`. What is no number to JSON (`NaN`, `infinity`) becomes text, so that a
//! comparison fails loudly instead of passing.

use serde_json::{Number, Value};
use sqlx::TypeInfo;
use sqlx::postgres::{PgTypeInfo, PgTypeKind};

/// 2000-01-01 in seconds since 1970-01-01.
const PG_EPOCH: f64 = 946_684_800.0;
const DAY: f64 = 86_400.0;
/// Nested arrays and domains of domains end here.
const DEPTH: usize = 4;

/// One value that is not null. The error is a clause without the value itself.
pub(super) fn decode(of: &PgTypeInfo, raw: &[u8]) -> Result<Value, String> {
    typed(of, raw, DEPTH)
}

fn typed(of: &PgTypeInfo, raw: &[u8], depth: usize) -> Result<Value, String> {
    if depth == 0 {
        return Err(unsupported(of));
    }
    match of.kind() {
        PgTypeKind::Domain(inner) => typed(inner, raw, depth - 1),
        PgTypeKind::Array(element) => array(element, raw, depth - 1),
        PgTypeKind::Enum(_) => text(raw),
        _ => simple(of, raw).unwrap_or_else(|| Err(malformed(of))),
    }
}

fn unsupported(of: &PgTypeInfo) -> String {
    format!("type {} is not supported, cast it to text", of.name())
}

fn malformed(of: &PgTypeInfo) -> String {
    format!("the value is no {}", of.name())
}

/// `None` if the bytes are not what the type says.
fn simple(of: &PgTypeInfo, raw: &[u8]) -> Option<Result<Value, String>> {
    let value = match of.name().to_ascii_lowercase().as_str() {
        "bool" => Value::Bool(*raw.first()? != 0),
        "int2" => i16::from_be_bytes(raw.try_into().ok()?).into(),
        "int4" => i32::from_be_bytes(raw.try_into().ok()?).into(),
        "int8" => i64::from_be_bytes(raw.try_into().ok()?).into(),
        "oid" | "xid" | "cid" | "regclass" | "regproc" | "regtype" | "regrole" | "regnamespace" => {
            u32::from_be_bytes(raw.try_into().ok()?).into()
        }
        "xid8" => u64::from_be_bytes(raw.try_into().ok()?).into(),
        "float4" => number(f64::from(f32::from_be_bytes(raw.try_into().ok()?))),
        "float8" => number(f64::from_be_bytes(raw.try_into().ok()?)),
        "numeric" => numeric(raw)?,
        "text" | "varchar" | "bpchar" | "char" | "\"char\"" | "name" | "unknown" | "citext" | "xml" => {
            return Some(text(raw));
        }
        "json" => serde_json::from_slice(raw).ok()?,
        "jsonb" => serde_json::from_slice(raw.strip_prefix(&[1])?).ok()?,
        "timestamp" | "timestamptz" => instant(i64::from_be_bytes(raw.try_into().ok()?)),
        "date" => match i32::from_be_bytes(raw.try_into().ok()?) {
            i32::MAX => Value::from("infinity"),
            i32::MIN => Value::from("-infinity"),
            days => number(f64::from(days) * DAY + PG_EPOCH),
        },
        "time" => number(i64::from_be_bytes(raw.try_into().ok()?) as f64 / 1e6),
        "interval" => interval(raw)?,
        "uuid" => uuid(raw)?,
        "inet" | "cidr" => network(raw)?,
        "pg_lsn" => {
            let lsn = u64::from_be_bytes(raw.try_into().ok()?);
            Value::from(format!("{:X}/{:X}", lsn >> 32, lsn & 0xffff_ffff))
        }
        "void" => Value::Null,
        _ => return Some(Err(unsupported(of))),
    };
    Some(Ok(value))
}

fn text(raw: &[u8]) -> Result<Value, String> {
    std::str::from_utf8(raw).map(Value::from).map_err(|_| "the text is not UTF-8".to_owned())
}

fn number(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => Value::from("NaN"),
        None if value > 0.0 => Value::from("infinity"),
        None => Value::from("-infinity"),
    }
}

fn instant(micros: i64) -> Value {
    match micros {
        i64::MAX => Value::from("infinity"),
        i64::MIN => Value::from("-infinity"),
        micros => number(micros as f64 / 1e6 + PG_EPOCH),
    }
}

/// As `extract(epoch from …)`: a year is 365.25 days, a month 30.
fn interval(raw: &[u8]) -> Option<Value> {
    let mut raw = raw;
    let micros = i64::from_be_bytes(take(&mut raw)?) as f64;
    let days = f64::from(i32::from_be_bytes(take(&mut raw)?));
    let months = i32::from_be_bytes(take(&mut raw)?);
    let (years, months) = (f64::from(months / 12), f64::from(months % 12));
    raw.is_empty().then(|| number(micros / 1e6 + (years * 365.25 + months * 30.0 + days) * DAY))
}

/// Digits of base 10,000. Read as text, so that the nearest float is found.
fn numeric(raw: &[u8]) -> Option<Value> {
    let mut raw = raw;
    let count = i16::from_be_bytes(take(&mut raw)?);
    let weight = i32::from(i16::from_be_bytes(take(&mut raw)?));
    let sign = u16::from_be_bytes(take(&mut raw)?);
    take::<2>(&mut raw)?;
    let sign = match sign {
        0x0000 => "",
        0x4000 => "-",
        0xD000 => return Some(Value::from("infinity")),
        0xF000 => return Some(Value::from("-infinity")),
        _ => return Some(Value::from("NaN")),
    };
    let mut digits = String::from(sign);
    digits.push('0');
    for _ in 0..count {
        let digit = i16::from_be_bytes(take(&mut raw)?);
        if !(0..10_000).contains(&digit) {
            return None;
        }
        digits.push_str(&format!("{digit:04}"));
    }
    digits.push_str(&format!("e{}", 4 * (weight + 1 - i32::from(count.max(0)))));
    digits.parse().ok().map(number)
}

fn uuid(raw: &[u8]) -> Option<Value> {
    let id = u128::from_be_bytes(raw.try_into().ok()?);
    Some(Value::from(format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        id >> 96,
        id >> 80 & 0xffff,
        id >> 64 & 0xffff,
        id >> 48 & 0xffff,
        id & 0xffff_ffff_ffff
    )))
}

/// `10.0.0.1` for a host, `10.0.0.0/8` for a network.
fn network(raw: &[u8]) -> Option<Value> {
    let mut raw = raw;
    let [_family, bits, _cidr, length] = take(&mut raw)?;
    let address: std::net::IpAddr = match length {
        4 => take::<4>(&mut raw)?.into(),
        16 => take::<16>(&mut raw)?.into(),
        _ => return None,
    };
    let text = if bits == length * 8 { address.to_string() } else { format!("{address}/{bits}") };
    raw.is_empty().then(|| Value::from(text))
}

fn array(of: &PgTypeInfo, raw: &[u8], depth: usize) -> Result<Value, String> {
    let parsed = || -> Option<Result<Vec<Value>, String>> {
        let mut raw = raw;
        let dimensions = i32::from_be_bytes(take(&mut raw)?);
        take::<8>(&mut raw)?;
        if dimensions == 0 {
            return Some(Ok(Vec::new()));
        }
        if dimensions != 1 {
            return Some(Err("the array has more than one dimension, cast it to text".to_owned()));
        }
        let count = i32::from_be_bytes(take(&mut raw)?);
        take::<4>(&mut raw)?;
        // The count is the server's word; memory grows with the bytes that are there.
        let mut items = Vec::new();
        for _ in 0..count {
            let Ok(length) = usize::try_from(i32::from_be_bytes(take(&mut raw)?)) else {
                items.push(Value::Null);
                continue;
            };
            let item = raw.split_off(..length)?;
            match typed(of, item, depth) {
                Ok(value) => items.push(value),
                Err(problem) => return Some(Err(problem)),
            }
        }
        Some(Ok(items))
    };
    parsed().unwrap_or_else(|| Err("the array is malformed".to_owned())).map(Value::Array)
}

fn take<const N: usize>(raw: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = raw.split_first_chunk::<N>()?;
    *raw = rest;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digits(count: i16, weight: i16, sign: u16, digits: &[i16]) -> Vec<u8> {
        let mut raw = Vec::new();
        raw.extend(count.to_be_bytes());
        raw.extend(weight.to_be_bytes());
        raw.extend(sign.to_be_bytes());
        raw.extend(0_i16.to_be_bytes());
        digits.iter().for_each(|digit| raw.extend(digit.to_be_bytes()));
        raw
    }

    #[test]
    fn numeric_is_the_nearest_float() {
        assert_eq!(numeric(&digits(0, 0, 0, &[])), Some(Value::from(0.0)));
        assert_eq!(numeric(&digits(2, 0, 0, &[1, 5000])), Some(Value::from(1.5)));
        assert_eq!(numeric(&digits(1, 1, 0x4000, &[12])), Some(Value::from(-120_000.0)));
        assert_eq!(numeric(&digits(1, -2, 0, &[1])), Some(Value::from(1e-8)));
        assert_eq!(numeric(&digits(0, 0, 0xC000, &[])), Some(Value::from("NaN")));
        assert_eq!(numeric(&digits(2, 0, 0, &[1])), None);
        assert_eq!(numeric(&digits(1, 0, 0, &[-1])), None);
    }

    #[test]
    fn times_are_seconds() {
        assert_eq!(instant(1_500_000), Value::from(946_684_801.5));
        assert_eq!(instant(i64::MAX), Value::from("infinity"));
        let mut raw = 2_000_000_i64.to_be_bytes().to_vec();
        raw.extend(3_i32.to_be_bytes());
        raw.extend(13_i32.to_be_bytes());
        assert_eq!(interval(&raw), Some(Value::from(2.0 + 3.0 * DAY + 365.25 * DAY + 30.0 * DAY)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = numeric(&raw);
            let _ = interval(&raw);
            let _ = network(&raw);
            let _ = uuid(&raw);
            if let Ok(Value::Array(items)) = array(&PgTypeInfo::with_name("int4"), &raw, 2) {
                prop_assert!(items.len() <= raw.len());
            }
        }
    }
}
