//! The Prometheus exposition format, read strictly and only as far as its families: which there
//! are, of what type, and how many samples each has.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One metric family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Family {
    pub(in crate::probe::kinds) name: String,
    /// As declared; `untyped` if it is not.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// 0 if it is only declared.
    pub(in crate::probe::kinds) samples: u64,
}

/// Families of one body; more make it unusable.
const MAX_FAMILIES: usize = 5000;

/// By name. The error names the line that is not in the format.
pub(in crate::probe::kinds) fn read(text: &str) -> Result<Vec<Family>, String> {
    let mut families: BTreeMap<&str, Family> = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = || format!("line {} is not in the exposition format", number.saturating_add(1));
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let sample = match line.strip_prefix('#') {
            Some(comment) => {
                let mut words = comment.split_ascii_whitespace();
                if let (Some("TYPE"), Some(name), Some(kind)) = (words.next(), words.next(), words.next()) {
                    if !is_name(name) {
                        return Err(wrong());
                    }
                    family(&mut families, name).kind = kind.to_owned();
                }
                continue;
            }
            None => sample(line).ok_or_else(wrong)?,
        };
        let declared = [sample, base(sample)].into_iter().find(|name| families.contains_key(name));
        let found = family(&mut families, declared.unwrap_or(sample));
        found.samples = found.samples.saturating_add(1);
        if families.len() > MAX_FAMILIES {
            return Err(format!("it has more than {MAX_FAMILIES} families"));
        }
    }
    Ok(families.into_values().collect())
}

fn family<'m, 't>(families: &'m mut BTreeMap<&'t str, Family>, name: &'t str) -> &'m mut Family {
    families.entry(name).or_insert_with(|| Family { name: name.to_owned(), kind: "untyped".to_owned(), samples: 0 })
}

/// The family of a sample of a histogram, a summary or an OpenMetrics counter.
fn base(sample: &str) -> &str {
    let suffixes = ["_bucket", "_sum", "_count", "_total", "_created", "_info"];
    suffixes.iter().find_map(|suffix| sample.strip_suffix(suffix)).unwrap_or(sample)
}

/// The name of `name{label="value",…} value [timestamp]`.
fn sample(line: &str) -> Option<&str> {
    let end = line.find(['{', ' ', '\t'])?;
    let (name, rest) = line.split_at(end);
    let rest = match rest.strip_prefix('{') {
        Some(labels) => after_labels(labels)?,
        None => rest,
    };
    // An exemplar of OpenMetrics follows a `#`.
    let mut words = rest.split(" # ").next()?.split_ascii_whitespace();
    let value = words.next()?;
    let number = value.parse::<f64>().is_ok();
    let stamp = words.next().is_none_or(|stamp| stamp.parse::<f64>().is_ok());
    (is_name(name) && number && stamp && words.next().is_none()).then_some(name)
}

/// Every label of every sample, one after the other; names that stand in quotes are left out. Yields how
/// many samples there are; the error names the line that is not in the format.
pub(in crate::probe::kinds) fn labels(text: &str, each: &mut impl FnMut(&str, &str)) -> Result<u64, String> {
    let mut samples: u64 = 0;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = || format!("line {} is not in the exposition format", number.saturating_add(1));
        sample(line).ok_or_else(wrong)?;
        samples = samples.saturating_add(1);
        let Some((_, mut rest)) = line.split_once('{').filter(|(name, _)| is_name(name)) else { continue };
        while !rest.starts_with('}') {
            let (name, after) = rest.split_once("=\"").ok_or_else(wrong)?;
            let (value, after) = quoted(after).ok_or_else(wrong)?;
            each(name.trim_matches([' ', ',']), &value);
            rest = after.trim_start_matches([' ', ',']);
        }
    }
    Ok(samples)
}

/// The text up to the quote that ends it, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in text.char_indices() {
        match (escaped, c) {
            (true, 'n') => value.push('\n'),
            (true, other) => value.push(other),
            (false, '\\') => {}
            (false, '"') => return Some((value, text.get(at.checked_add(1)?..)?)),
            (false, other) => value.push(other),
        }
        escaped = !escaped && c == '\\';
    }
    None
}

/// What follows the closing brace, which may also stand in a quoted value.
fn after_labels(labels: &str) -> Option<&str> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in labels.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return labels.get(at.checked_add(1)?..),
            _ => {}
        }
    }
    None
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':'))
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_counted() {
        let text = "# HELP a_total All.\n# TYPE a_total counter\na_total{x=\"}\\\"\"} 1\na_total 2 1700000000000\n\
                    # TYPE idle gauge\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 3 # {id=\"x\"} 1\nh_sum 0.5\nh_count 3\nplain NaN\n# EOF\n";
        let found = read(text).unwrap();
        let seen: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.kind.as_str(), f.samples)).collect();
        assert_eq!(
            seen,
            [("a_total", "counter", 2), ("h", "histogram", 3), ("idle", "gauge", 0), ("plain", "untyped", 1)]
        );
    }

    #[test]
    fn labels_are_read_with_their_escapes() {
        let text = "# TYPE a gauge\na{x=\"1\",y=\"} \\\"q\\\" \\\\ \\n\",} 1\nb 2\nc{} 3\nd{ z=\"\" , w=\"v\" } 4 # {id=\"e\"} 1\n";
        let mut seen = Vec::new();
        assert_eq!(labels(text, &mut |name, value| seen.push(format!("{name}={value}"))), Ok(4));
        assert_eq!(seen, ["x=1", "y=} \"q\" \\ \n", "z=", "w=v"]);
        assert!(labels("<html>", &mut |_, _| ()).unwrap_err().contains("line 1"));
    }

    #[test]
    fn what_is_not_in_the_format_is_refused_with_its_line() {
        for (text, line) in [
            ("<html>", "line 1"),
            ("a 1\nb", "line 2"),
            ("a{x=\"1\" 1", "line 1"),
            ("a one", "line 1"),
            ("1a 1", "line 1"),
            ("a 1 2 3", "line 1"),
        ] {
            assert!(read(text).unwrap_err().contains(line), "{text}");
        }
        assert_eq!(read("").unwrap(), []);
    }
}
