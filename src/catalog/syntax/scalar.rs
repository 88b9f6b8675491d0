//! What a plain scalar means: YAML 1.2 core, minus its surprises.
//!
//! `no`, `on` and `yes` are texts. So are `0755`, `0o14`, `0x1f` and `1_000`, because nobody agrees
//! on their value, and `.inf` and `.nan`, because no parameter can use them.

use super::Data;

pub(super) fn plain(text: &str) -> Data {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Data::Null,
        "true" | "True" | "TRUE" => return Data::Bool(true),
        "false" | "False" | "FALSE" => return Data::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let starts_like_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let allowed = digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if !starts_like_number || !allowed || leading_zero {
        return Data::Text(text.into());
    }
    if digits.bytes().all(|b| b.is_ascii_digit())
        && let Ok(value) = text.parse()
    {
        return Data::Int(value, text.into());
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Data::Float(value, text.into()),
        _ => Data::Text(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_hold_no_surprise() {
        let show = |text| match plain(text) {
            Data::Null => "null".to_owned(),
            Data::Bool(value) => format!("bool {value}"),
            Data::Int(value, _) => format!("int {value}"),
            Data::Float(value, _) => format!("float {value}"),
            Data::Text(text) => format!("text {text}"),
            _ => unreachable!(),
        };
        let cases = [
            ("no", "text no"),
            ("on", "text on"),
            ("Yes", "text Yes"),
            ("true", "bool true"),
            ("~", "null"),
            ("", "null"),
            ("0", "int 0"),
            ("-12", "int -12"),
            ("+3", "int 3"),
            ("0755", "text 0755"),
            ("0o14", "text 0o14"),
            ("0x1f", "text 0x1f"),
            ("1_000", "text 1_000"),
            ("1.5", "float 1.5"),
            ("0.5", "float 0.5"),
            ("1e3", "float 1000"),
            ("1e999", "text 1e999"),
            (".inf", "text .inf"),
            (".nan", "text .nan"),
            ("1.2.3", "text 1.2.3"),
            ("1-2", "text 1-2"),
            ("12:30", "text 12:30"),
            ("10m", "text 10m"),
            ("99999999999999999999", "float 100000000000000000000"),
            ("+", "text +"),
            (".", "text ."),
            ("2026-11-01", "text 2026-11-01"),
        ];
        for (text, expected) in cases {
            assert_eq!(show(text), expected, "{text}");
        }
    }
}
