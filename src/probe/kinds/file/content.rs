//! From bytes to a value, by the format the leg names.

use std::path::Path;

use serde_json::{Map, Number, Value};
use serde_saphyr::NonFiniteFloatPolicy;

use super::{Parse, key, markdown};

/// A clause that says what is wrong, without the content. `path` is where the content was read: links
/// in it are relative to that.
pub(super) fn parse(how: Parse, bytes: &[u8], path: &Path) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the content is not UTF-8".to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match how {
        Parse::None => Ok(Value::Null),
        Parse::Text => Ok(Value::from(text)),
        Parse::Json => serde_json::from_str(text)
            .map_err(|error| format!("the content is no JSON, line {} column {}", error.line(), error.column())),
        Parse::Yaml => yaml(text),
        Parse::FrontMatter => yaml(front_matter(text)?),
        Parse::Number => {
            let number: f64 = text.trim().parse().map_err(|_| "the content is no number".to_owned())?;
            Number::from_f64(number).map(Value::Number).ok_or_else(|| "the content is no finite number".to_owned())
        }
        Parse::KeyValue => key_value(text),
        Parse::Markdown => markdown::parse(text, path),
        Parse::PrivateKey => key::parse(text),
    }
}

pub(super) fn yaml(text: &str) -> Result<Value, String> {
    bounded_yaml(text).map_err(|error| match error {
        NoYaml::Broken(why) => why,
        NoYaml::TooLarge => "the content is more YAML than is read".to_owned(),
    })
}

/// Why there is no value of a document.
pub(in crate::probe::kinds) enum NoYaml {
    /// A clause that says what is wrong, without the content.
    Broken(String),
    /// It may be as it should be; nobody read it to its end.
    TooLarge,
}

pub(in crate::probe::kinds) fn bounded_yaml(text: &str) -> Result<Value, NoYaml> {
    serde_saphyr::from_str(text).map_err(NoYaml::of)
}

/// All documents of a text, but those that are empty. What only some readers take for a truth value or a
/// number, such as `yes` and `007`, is a text.
pub(in crate::probe::kinds) fn yaml_documents(text: &str) -> Result<Vec<Value>, NoYaml> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(NoYaml::of)
}

impl NoYaml {
    fn of(error: serde_saphyr::Error) -> Self {
        if matches!(error.without_snippet(), serde_saphyr::Error::Budget { .. }) {
            return Self::TooLarge;
        }
        let at = error.location().map_or_else(String::new, |at| format!(", line {} column {}", at.line(), at.column()));
        Self::Broken(format!("the content is no YAML{at}"))
    }
}

pub(super) fn front_matter(text: &str) -> Result<&str, String> {
    let missing = || "there is no front matter between two `---` lines".to_owned();
    let after = text.strip_prefix("---").ok_or_else(missing)?;
    let after = after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n')).ok_or_else(missing)?;
    let mut end = 0;
    for line in after.split_inclusive('\n') {
        if line.trim_end() == "---" {
            return after.get(..end).ok_or_else(missing);
        }
        end += line.len();
    }
    Err(missing())
}

/// `KEY=VALUE`, an `export` before it and quotes around the value allowed; the last one wins.
pub(in crate::probe::kinds) fn lines_of_key_value(text: &str) -> impl Iterator<Item = Result<(&str, &str), usize>> {
    text.lines().enumerate().filter_map(|(number, line)| {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((key, value)) = line.split_once('=') else { return Some(Err(number + 1)) };
        let value = value.trim();
        let quoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        Some(Ok((key.trim(), quoted.unwrap_or(value))))
    })
}

fn key_value(text: &str) -> Result<Value, String> {
    let mut map = Map::new();
    for line in lines_of_key_value(text) {
        let (key, value) = line.map_err(|number| format!("line {number} is not KEY=VALUE"))?;
        map.insert(key.to_owned(), Value::from(value));
    }
    Ok(Value::Object(map))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_format_is_read() {
        let cases = [
            (Parse::Text, "a\n", json!("a\n")),
            (Parse::Json, "{\"a\": [1]}", json!({"a": [1]})),
            (Parse::Yaml, "a: [1, x]\nb: true\n", json!({"a": [1, "x"], "b": true})),
            (Parse::FrontMatter, "---\nrpo_seconds: 60\n---\n# Text: [", json!({"rpo_seconds": 60})),
            (Parse::FrontMatter, "---\r\na: 1\r\n---", json!({"a": 1})),
            (Parse::Number, " 12.5\n", json!(12.5)),
            (Parse::KeyValue, "# c\nA=1\nexport B = 'x y'\n\nA=2", json!({"A": "2", "B": "x y"})),
        ];
        for (how, text, value) in cases {
            assert_eq!(parse(how, text.as_bytes(), Path::new("/")), Ok(value), "{text:?}");
        }
    }

    #[test]
    fn what_is_malformed_is_named_without_the_content() {
        let cases = [
            (Parse::Json, "{\"hunter22\"", "no JSON, line 1"),
            (Parse::Yaml, "a: [hunter22", "no YAML"),
            (Parse::FrontMatter, "hunter22", "no front matter"),
            (Parse::FrontMatter, "---\nhunter22: 1\n", "no front matter"),
            (Parse::Number, "hunter22", "no number"),
            (Parse::Number, "inf", "no finite number"),
            (Parse::KeyValue, "A=1\nhunter22", "line 2"),
        ];
        for (how, text, part) in cases {
            let problem = parse(how, text.as_bytes(), Path::new("/")).unwrap_err();
            assert!(problem.contains(part) && !problem.contains("hunter22"), "{problem}");
        }
        assert!(parse(Parse::Text, b"\xff", Path::new("/")).is_err());
    }
}
