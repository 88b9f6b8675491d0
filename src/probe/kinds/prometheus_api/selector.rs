//! The selectors of an expression, such as `up{job="node"}`.
//!
//! Only of expressions that a Prometheus has loaded: their syntax is right, so that it is enough to
//! know what is not a selector. A grammar of our own would lag behind the one of the server.

use std::collections::BTreeMap;

use regex::Regex;

/// One selector.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Selector {
    /// Empty if it has none, or only one that is a pattern.
    pub(super) name: String,
    pub(super) matchers: Vec<Matcher>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Matcher {
    pub(super) label: String,
    /// `=`, `!=`, `=~` or `!~`.
    pub(super) operator: &'static str,
    pub(super) value: String,
}

/// Longer expressions are not read.
const MAX_BYTES: usize = 16 << 10;
const MAX_SELECTORS: usize = 64;
/// After these a list of labels in parentheses follows, not an expression.
const LABEL_LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const WORDS: [&str; 12] =
    ["and", "or", "unless", "bool", "offset", "atan2", "inf", "nan", "start", "end", "anchored", "smoothed"];

const ON_NOTHING: [&str; 4] = ["absent", "absent_over_time", "or", "unless"];

/// All selectors of an expression, each once. Empty if it is too long.
pub(super) fn selectors(expression: &str) -> Vec<Selector> {
    if expression.len() > MAX_BYTES {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut reader = Reader { rest: expression };
    while found.len() < MAX_SELECTORS {
        let Some(selector) = reader.next_selector() else { break };
        found.push(selector);
    }
    found.sort();
    found.dedup();
    found
}

/// Whether an expression may be true of what is not there: `absent(a)`, or `a or b` without a `b`.
pub(super) fn fires_on_nothing(expression: &str) -> bool {
    let mut reader = Reader { rest: expression };
    loop {
        reader.space();
        match reader.rest.chars().next() {
            None => return false,
            Some('"' | '\'' | '`') => drop(reader.text()),
            Some(c) if starts_name(c) => {
                if ON_NOTHING.contains(&reader.name().to_ascii_lowercase().as_str()) {
                    return true;
                }
            }
            Some(c) if continues_name(c) => reader.skip_while(continues_name),
            Some(other) => reader.skip(other.len_utf8()),
        }
    }
}

/// Whether it may stand for a metric or a label.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(starts_name) && text.chars().all(continues_name)
}

fn starts_name(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | ':')
}

fn continues_name(c: char) -> bool {
    starts_name(c) || c.is_ascii_digit()
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn next_selector(&mut self) -> Option<Selector> {
        loop {
            self.space();
            let first = self.rest.chars().next()?;
            match first {
                '"' | '\'' | '`' => drop(self.text()),
                '{' => return self.matchers(String::new()),
                '[' => self.skip_to(']'),
                // A number with its unit, as in `5m` or `1e3`: its letters are no names.
                '0'..='9' | '.' => self.skip_while(|c| c.is_ascii_alphanumeric() || c == '.'),
                c if starts_name(c) => {
                    let name = self.name();
                    self.space();
                    if let Some(selector) = self.after_name(name) {
                        return Some(selector);
                    }
                }
                other => self.skip(other.len_utf8()),
            }
        }
    }

    /// `None` if the name is none of a metric.
    fn after_name(&mut self, name: String) -> Option<Selector> {
        let lower = name.to_ascii_lowercase();
        if LABEL_LISTS.contains(&lower.as_str()) {
            if self.rest.starts_with('(') {
                self.skip_to(')');
            }
            return None;
        }
        match self.rest.chars().next() {
            Some('{') => self.matchers(name),
            // A function, or an aggregation with its labels in front.
            Some('(') => None,
            _ if WORDS.contains(&lower.as_str()) || self.is_before_labels() => None,
            _ => Some(Selector { name, matchers: Vec::new() }),
        }
    }

    fn is_before_labels(&self) -> bool {
        ["by", "without"].iter().any(|word| {
            let (Some(head), rest) = (self.rest.get(..word.len()), self.rest.get(word.len()..).unwrap_or_default())
            else {
                return false;
            };
            head.eq_ignore_ascii_case(word) && rest.trim_start().starts_with('(')
        })
    }

    fn matchers(&mut self, name: String) -> Option<Selector> {
        let mut selector = Selector { name, matchers: Vec::new() };
        self.skip(1);
        loop {
            self.space();
            let label = match self.rest.chars().next()? {
                '}' => {
                    self.skip(1);
                    return Some(selector);
                }
                ',' => {
                    self.skip(1);
                    continue;
                }
                '"' | '\'' | '`' => self.text()?,
                c if starts_name(c) => self.name(),
                _ => return None,
            };
            self.space();
            let operators = ["=~", "!~", "!=", "="];
            let Some(operator) = operators.into_iter().find(|operator| self.rest.starts_with(operator)) else {
                // A name that had to be quoted.
                selector.name = label;
                continue;
            };
            self.skip(operator.len());
            self.space();
            let value = self.text()?;
            if label == "__name__" && operator == "=" {
                selector.name = value;
            } else {
                selector.matchers.push(Matcher { label, operator, value });
            }
        }
    }

    /// A text in quotes, without them.
    fn text(&mut self) -> Option<String> {
        let quote = self.rest.chars().next()?;
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.skip(at.saturating_add(1));
                    return Some(text);
                }
                '\\' if quote != '`' => match chars.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    other => text.push(other),
                },
                c => text.push(c),
            }
        }
        self.rest = "";
        None
    }

    fn name(&mut self) -> String {
        let end = self.rest.find(|c| !continues_name(c)).unwrap_or(self.rest.len());
        let name = self.rest.get(..end).unwrap_or_default().to_owned();
        self.skip(end);
        name
    }

    /// White space and comments.
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
        while self.rest.starts_with('#') {
            self.skip_to('\n');
            self.rest = self.rest.trim_start();
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn skip_to(&mut self, end: char) {
        let at = self.rest.find(end).map_or(self.rest.len(), |at| at.saturating_add(end.len_utf8()));
        self.skip(at);
    }

    fn skip_while(&mut self, fits: impl Fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(fits);
    }
}

impl Matcher {
    /// Whether one of the values is what it asks for; `None` if its pattern cannot be read.
    pub(super) fn fits(&self, values: &[String]) -> Option<bool> {
        let fits: Box<dyn Fn(&String) -> bool> = match self.operator {
            "=" => Box::new(|value| *value == self.value),
            "!=" => Box::new(|value| *value != self.value),
            operator => {
                let pattern = Regex::new(&format!("^(?s:{})$", self.value)).ok()?;
                Box::new(move |value| pattern.is_match(value) == (operator == "=~"))
            }
        };
        Some(values.iter().any(fits))
    }
}

impl Selector {
    /// In the words of a query.
    pub(super) fn text(&self) -> String {
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let mut parts: Vec<String> = self
            .matchers
            .iter()
            .map(|matcher| format!("{}{}\"{}\"", matcher.label, matcher.operator, quoted(&matcher.value)))
            .collect();
        match (is_name(&self.name), parts.is_empty()) {
            (true, true) => self.name.clone(),
            (true, false) => format!("{}{{{}}}", self.name, parts.join(",")),
            (false, _) => {
                if !self.name.is_empty() {
                    parts.insert(0, format!("__name__=\"{}\"", quoted(&self.name)));
                }
                format!("{{{}}}", parts.join(","))
            }
        }
    }

    /// Whether it may select a series that has these labels, and others that are not known.
    pub(super) fn may_have(&self, labels: &BTreeMap<String, String>) -> bool {
        self.matchers.iter().all(|matcher| {
            let fits = labels.get(&matcher.label).map(|value| matcher.fits(std::slice::from_ref(value)));
            fits.flatten().unwrap_or(true)
        })
    }

    /// Whether it reads what `other` selects: the same metric with at least its matchers.
    pub(super) fn reads(&self, other: &Selector) -> bool {
        self.name == other.name && other.matchers.iter().all(|matcher| self.matchers.contains(matcher))
    }
}

#[cfg(test)]
mod tests {
    use super::selectors;

    #[test]
    fn selectors_are_told_from_all_else() {
        let cases: [(&str, &[&str]); 12] = [
            ("up == 0", &["up"]),
            (
                "sum by (job) (rate(a_total{job=\"x\"}[5m])) / sum(rate(b_total[5m] offset 1h)) > 0.1",
                &["a_total{job=\"x\"}", "b_total"],
            ),
            ("sum(a) by (instance) > bool 1e3", &["a"]),
            ("a * on (pod) group_left (node) b", &["a", "b"]),
            ("histogram_quantile(0.95, sum(rate(x_bucket[5m])) by (le)) > 5", &["x_bucket"]),
            ("{__name__=\"a\", b=~\"c}|d\"}", &["a{b=~\"c}|d\"}"]),
            ("{\"a.b\", c='d'}", &["{__name__=\"a.b\",c=\"d\"}"]),
            ("a{b=\"\\\"\\\\\"} unless absent(c)", &["a{b=\"\\\"\\\\\"}", "c"]),
            ("a @ start() or b @ 1.5 # and c\n and d", &["a", "b", "d"]),
            ("count_values(\"x\", up) > Inf", &["up"]),
            ("sum without (a) (b:c:d5m) > 14.4 * 0.001", &["b:c:d5m"]),
            ("{broken", &[]),
        ];
        for (text, expected) in cases {
            let found: Vec<String> = selectors(text).iter().map(super::Selector::text).collect();
            assert_eq!(found, expected, "{text}");
        }
        assert!(selectors(&"(".repeat(100_000)).is_empty());
    }

    #[test]
    fn a_selector_reads_another_if_it_is_no_wider() {
        let one = |text: &str| selectors(text).remove(0);
        assert!(one("up{job=\"a\",x=\"y\"}").reads(&one("up{job=\"a\"}")));
        assert!(!one("up").reads(&one("up{job=\"a\"}")) && !one("down").reads(&one("up")));
    }
}
