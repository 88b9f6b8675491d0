//! Matchers of labels, as routes and silences have them. A label that is absent is an empty one.

use std::collections::BTreeMap;

use crate::probe::kinds::http::api::Inside;
use regex::{Regex, RegexBuilder};
use serde_json::Value;

pub(super) type Labels = BTreeMap<String, String>;

/// Compiled expressions of a hostile configuration take no more memory than this.
const PATTERN_BYTES: usize = 256 << 10;

#[derive(Clone, Debug)]
pub(super) struct Matcher {
    pub(super) name: String,
    value: String,
    /// Anchored at both ends.
    pattern: Option<Regex>,
    equal: bool,
}

impl Matcher {
    pub(super) fn new(name: &str, value: &str, is_regex: bool, equal: bool) -> Result<Self, String> {
        let pattern = is_regex.then(|| {
            let anchored = RegexBuilder::new(&format!("^(?:{value})$")).size_limit(PATTERN_BYTES).build();
            anchored.map_err(|_| format!("the expression `{value}` cannot be read"))
        });
        Ok(Self { name: name.to_owned(), value: value.to_owned(), pattern: pattern.transpose()?, equal })
    }

    pub(super) fn value(&self) -> &str {
        &self.value
    }

    /// Whether it is `name="value"`.
    pub(super) fn is_one_value(&self) -> bool {
        self.equal && self.pattern.is_none()
    }

    pub(super) fn fits(&self, value: &str) -> bool {
        let same = self.pattern.as_ref().map_or(self.value == value, |pattern| pattern.is_match(value));
        same == self.equal
    }

    pub(super) fn fits_in(&self, labels: &Labels) -> bool {
        self.fits(labels.get(&self.name).map_or("", String::as_str))
    }

    /// One of a silence, as the API gives it.
    pub(super) fn of_silence(json: &Value) -> Result<Self, String> {
        let (Some(name), Some(value)) = (json.at("name").as_str(), json.at("value").as_str()) else {
            return Err("a matcher without a name or a value".to_owned());
        };
        let flag = |name: &str, absent: bool| json.at(name).as_bool().unwrap_or(absent);
        Self::new(name, value, flag("isRegex", false), flag("isEqual", true))
    }
}

impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let operator = match (self.equal, self.pattern.is_some()) {
            (true, false) => "=",
            (true, true) => "=~",
            (false, false) => "!=",
            (false, true) => "!~",
        };
        write!(f, "{}{operator}{:?}", self.name, self.value)
    }
}

/// Those of one line of a configuration, such as `severity="critical", team=~a|b`, braces or not.
pub(super) fn parse(line: &str) -> Result<Vec<Matcher>, String> {
    let inner = line.trim();
    let inner = inner.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(inner);
    let mut all = Vec::new();
    for part in split(inner) {
        let part = part.trim();
        if !part.is_empty() {
            all.push(one(part)?);
        }
    }
    Ok(all)
}

/// At commas outside of quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.extend(text.get(from..at));
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(from..));
    parts
}

fn one(text: &str) -> Result<Matcher, String> {
    let wrong = || format!("`{text}` is no matcher");
    // A quoted name may hold anything.
    let name_end = match text.strip_prefix('"') {
        Some(rest) => rest.find('"').ok_or_else(wrong)? + 2,
        None => text.find(['=', '!']).ok_or_else(wrong)?,
    };
    let (name, rest) = text.split_at_checked(name_end).ok_or_else(wrong)?;
    let rest = rest.trim_start();
    let operators = [("=~", true, true), ("!~", true, false), ("!=", false, false), ("=", false, true)];
    let found = operators.iter().find_map(|(sign, regex, equal)| Some((rest.strip_prefix(sign)?, *regex, *equal)));
    let (value, is_regex, equal) = found.ok_or_else(wrong)?;
    Matcher::new(&unquoted(name.trim()), &unquoted(value.trim()), is_regex, equal)
}

fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return text.to_owned() };
    let (mut out, mut escaped) = (String::new(), false);
    for c in inner.chars() {
        match (escaped, c) {
            (false, '\\') => escaped = true,
            (true, 'n') => {
                out.push('\n');
                escaped = false;
            }
            (true, '"' | '\\') | (false, _) => {
                out.push(c);
                escaped = false;
            }
            // Of an expression, such as `\d`.
            (true, _) => {
                out.extend(['\\', c]);
                escaped = false;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn lines_of_a_configuration_are_read() {
        let critical = labels(&[("severity", "critical"), ("team", "a,b")]);
        for (line, fits) in [
            (r#"severity="critical""#, true),
            ("severity = critical", true),
            ("severity=~critical|page", true),
            (r#"severity=~"crit""#, false),
            (r#"{severity!="warning",team="a,b"}"#, true),
            (r#"severity!~"c.*""#, false),
            (r#"absent="""#, true),
            ("absent=~.+", false),
            (r#""severity"="critical""#, true),
            ("", true),
        ] {
            let all = parse(line).unwrap();
            assert_eq!(all.iter().all(|matcher| matcher.fits_in(&critical)), fits, "{line}");
        }
        for line in ["severity", "a=~(", r#""a"#] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert_eq!(parse(r#"a="x\"y\\z""#).unwrap()[0].value, r#"x"y\z"#);
        assert_eq!(parse(r#"a=~"\d+""#).unwrap()[0].to_string(), r#"a=~"\\d+""#);
    }

    #[test]
    fn those_of_silences_are_equal_unless_they_say_otherwise() {
        let of = |json| Matcher::of_silence(&json).unwrap();
        assert!(of(json!({"name": "a", "value": "x", "isRegex": false})).fits("x"));
        assert!(of(json!({"name": "a", "value": "x.*", "isRegex": true, "isEqual": false})).fits("y"));
        assert!(Matcher::of_silence(&json!({"name": "a"})).is_err());
    }
}
