//! Single values.

use crate::catalog::sink::Sink;
use crate::catalog::syntax::{Data, Entry, Node, Place};
use crate::diag::{Code, Diagnostic};
use crate::model::{Span, Timestamp};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) at: Place,
}

/// The longest time anything here may take: far beyond any use, far below overflow.
const MAX_SPAN: Span = Span::from_secs(10 * 366 * 86_400);

const MAX_NAME: usize = 200;

fn wrong(node: &Node, expected: &str) -> Diagnostic {
    Diagnostic::error(Code::TYPE, node.at, format!("expected {expected}, found {}", node.describe()))
}

pub(crate) fn text(node: &Node, sink: &Sink) -> Option<Located<String>> {
    match &node.data {
        Data::Text(text) => Some(Located { value: text.to_string(), at: node.at }),
        Data::Int(..) | Data::Float(..) | Data::Bool(_) => {
            sink.push(wrong(node, "a text").help("put it in quotes to make it a text"));
            None
        }
        _ => {
            sink.push(wrong(node, "a text"));
            None
        }
    }
}

/// A text that may look like a number, such as a commit.
pub(crate) fn word(node: &Node, sink: &Sink) -> Option<String> {
    match &node.data {
        Data::Int(_, raw) | Data::Float(_, raw) => Some(raw.to_string()),
        _ => text(node, sink).map(|text| text.value),
    }
}

pub(crate) fn boolean(node: &Node, sink: &Sink) -> Option<bool> {
    if let Data::Bool(value) = node.data {
        return Some(value);
    }
    let found = wrong(node, "true or false");
    sink.push(match node.text() {
        Some("yes" | "on" | "no" | "off") => found.help("in YAML 1.2 this is a text; write true or false"),
        _ => found,
    });
    None
}

/// A whole number in `range`.
pub(crate) fn number(node: &Node, range: std::ops::RangeInclusive<u32>, sink: &Sink) -> Option<u32> {
    let Data::Int(value, _) = node.data else {
        sink.push(wrong(node, "a whole number"));
        return None;
    };
    let fits = u32::try_from(value).ok().filter(|value| range.contains(value));
    if fits.is_none() {
        let message = format!("{value} is not between {} and {}", range.start(), range.end());
        sink.push(Diagnostic::error(Code::VALUE, node.at, message));
    }
    fits
}

/// A length of time such as `90s` or `1h 30m`, at least `least`.
pub(crate) fn duration(node: &Node, least: Span, sink: &Sink) -> Option<Span> {
    let example = "write a length of time with a unit, such as `30s`, `5m` or `1h 30m`";
    let Some(text) = node.text() else {
        let message = format!("expected a length of time, found {}", node.describe());
        sink.push(Diagnostic::error(Code::DURATION, node.at, message).help(example));
        return None;
    };
    match humantime::parse_duration(text) {
        Ok(duration) => {
            let span = Span::from(duration);
            if span < least || span > MAX_SPAN {
                let message = format!("{span} is not between {least} and {MAX_SPAN}");
                sink.push(Diagnostic::error(Code::DURATION, node.at, message));
                return None;
            }
            Some(span)
        }
        Err(error) => {
            let message = format!("`{}` is not a length of time: {error}", clip(text));
            sink.push(Diagnostic::error(Code::DURATION, node.at, message).help(example));
            None
        }
    }
}

/// An absolute instant: a date and a time with a zone.
pub(crate) fn time(node: &Node, sink: &Sink) -> Option<Located<Timestamp>> {
    let parsed = text(node, sink)?;
    match parsed.value.parse::<jiff::Timestamp>() {
        Ok(at) => Some(Located { value: Timestamp(at.as_millisecond()), at: node.at }),
        Err(_) => {
            let message = format!("`{}` is not an instant", clip(&parsed.value));
            sink.push(Diagnostic::error(Code::TIME, node.at, message).help(
                "write date, time and zone, such as `2026-12-01T00:00:00Z` or `2026-12-01T00:00:00+01:00`; a date alone means another instant in every zone",
            ));
            None
        }
    }
}

pub(crate) fn list<'n>(node: &'n Node, sink: &Sink) -> &'n [Node] {
    match &node.data {
        Data::List(nodes) => nodes,
        _ => {
            sink.push(wrong(node, "a list").help("write `[a, b]`, or one `- …` a line"));
            &[]
        }
    }
}

/// A list of texts.
pub(crate) fn texts(node: &Node, sink: &Sink) -> Vec<Located<String>> {
    list(node, sink).iter().filter_map(|node| text(node, sink)).collect()
}

/// A mapping from names to something; empty, and an error, if it is none.
pub(crate) fn map<'n>(node: &'n Node, sink: &Sink) -> &'n [Entry] {
    match &node.data {
        Data::Map(entries) => entries,
        Data::Null => &[],
        _ => {
            sink.push(wrong(node, "a mapping").help("write `name: value` lines, indented below it"));
            &[]
        }
    }
}

/// Whether a name may become a label value: letters, digits, `-` and `_`, in dotted parts.
pub(crate) fn name(text: &str, dots: bool, at: Place, sink: &Sink) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let valid = text.len() <= MAX_NAME && if dots { text.split('.').all(part) } else { part(text) };
    if !valid {
        let allowed =
            if dots { "letters, digits, `-` and `_`, in parts joined by `.`" } else { "letters, digits, `-` and `_`" };
        let message = format!("`{}` is not a name", clip(text));
        sink.push(
            Diagnostic::error(Code::NAME, at, message).help(format!("use {allowed}; at most {MAX_NAME} characters")),
        );
    }
    valid
}

/// For quoting text from a file in a message.
fn clip(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { text.chars().take(60).chain(['…']).collect() }
}
