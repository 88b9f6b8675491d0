//! A reader of both formats that is strict where scrapers are.

use std::collections::{BTreeMap, HashSet};

pub(crate) type Labels = BTreeMap<String, String>;

#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// Name, labels, value as written.
    pub samples: Vec<(String, Labels, String)>,
    /// Family to type.
    pub types: BTreeMap<String, String>,
}

impl Parsed {
    /// The value of the only sample with this name and, among others, these labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<&str> {
        let found = self.all(name, labels);
        assert!(found.len() < 2, "{name} {labels:?} is there twice");
        found.first().map(|(_, value)| *value)
    }

    pub(crate) fn all(&self, name: &str, labels: &[(&str, &str)]) -> Vec<(&Labels, &str)> {
        let has = |l: &Labels| labels.iter().all(|(key, value)| l.get(*key).map(String::as_str) == Some(*value));
        let found = self.samples.iter().filter(|(n, l, _)| n == name && has(l));
        found.map(|(_, labels, value)| (labels, value.as_str())).collect()
    }
}

/// Panics at whatever a scraper would refuse.
pub(crate) fn parse(text: &str, open_metrics: bool) -> Parsed {
    assert!(text.ends_with('\n'), "the last line has no end");
    let mut parsed = Parsed::default();
    let mut seen = HashSet::new();
    let mut headers = HashSet::new();
    let mut family = String::new();
    let mut lines = text.split_terminator('\n').peekable();
    while let Some(line) = lines.next() {
        if line == "# EOF" {
            assert!(open_metrics && lines.peek().is_none(), "# EOF out of place");
            return parsed;
        }
        if let Some(header) = line.strip_prefix("# ") {
            let (what, rest) = header.split_once(' ').unwrap();
            let (name, content) = rest.split_once(' ').unwrap();
            assert!(headers.insert((what.to_owned(), name.to_owned())), "second header: {line}");
            match what {
                "TYPE" => drop(parsed.types.insert(name.to_owned(), content.to_owned())),
                "HELP" => {}
                "UNIT" => assert!(open_metrics && name.ends_with(&format!("_{content}")), "{line}"),
                _ => panic!("unknown header: {line}"),
            }
            family = name.to_owned();
            continue;
        }
        let sample = sample(line);
        let suffixes: &[&str] = match (parsed.types.get(&family).map(String::as_str), open_metrics) {
            (Some("counter"), true) => &["_total"],
            (Some("histogram"), _) => &["_bucket", "_sum", "_count"],
            (Some(_), _) => &[""],
            (None, _) => panic!("no TYPE before {line}"),
        };
        let suffix = sample.0.strip_prefix(&family).unwrap_or_else(|| panic!("{line} is not of family {family}"));
        assert!(suffixes.contains(&suffix), "{line} is not of family {family}");
        assert!(seen.insert((sample.0.clone(), sample.1.clone())), "twice: {line}");
        parsed.samples.push(sample);
    }
    assert!(!open_metrics, "no # EOF");
    parsed
}

fn sample(line: &str) -> (String, Labels, String) {
    let at = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value: {line}"));
    let (name, mut rest) = line.split_at(at);
    assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{line}");
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (key, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
            let mut value = String::new();
            let mut chars = after.char_indices();
            let end = loop {
                match chars.next().unwrap_or_else(|| panic!("open label: {line}")) {
                    (at, '"') => break at,
                    (_, '\\') => value.push(match chars.next().unwrap().1 {
                        'n' => '\n',
                        c @ ('\\' | '"') => c,
                        c => panic!("escaped {c}: {line}"),
                    }),
                    (_, c) => value.push(c),
                }
            };
            assert!(labels.insert(key.to_owned(), value).is_none(), "label {key} twice: {line}");
            rest = &after[end + 1..];
            if let Some(more) = rest.strip_prefix(',') {
                rest = more;
            } else {
                rest = rest.strip_prefix('}').unwrap_or_else(|| panic!("no brace: {line}"));
                break;
            }
        }
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no space: {line}"));
    value.parse::<f64>().unwrap_or_else(|_| panic!("no number: {line}"));
    (name.to_owned(), labels, value.to_owned())
}
