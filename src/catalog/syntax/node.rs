//! The tree.

use serde_json::{Map, Number, Value};

use crate::diag::{FileId, Span};

/// A byte range in a file, small enough to be copied about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: FileId,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: Place,
    pub(crate) data: Data,
}

#[derive(Clone, Debug)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    /// With its spelling: a version or a commit may look like a number.
    Int(i64, Box<str>),
    Float(f64, Box<str>),
    Text(Box<str>),
    List(Vec<Node>),
    /// In the order of the file; keys are unique.
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Box<str>,
    pub(crate) key_at: Place,
    pub(crate) value: Node,
}

impl From<Place> for Span {
    fn from(place: Place) -> Span {
        Span { file: place.file, range: place.start as usize..place.end as usize }
    }
}

impl Node {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.data, Data::Null)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.data {
            Data::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| &*entry.key == key)
    }

    /// What it is, with an article, for "expected a text, found a list".
    pub(crate) fn describe(&self) -> String {
        match &self.data {
            Data::Null => "nothing".to_owned(),
            Data::Bool(value) => format!("the boolean {value}"),
            Data::Int(_, raw) | Data::Float(_, raw) => format!("the number {raw}"),
            Data::Text(_) => "a text".to_owned(),
            Data::List(_) => "a list".to_owned(),
            Data::Map(_) => "a mapping".to_owned(),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(value) => Value::Bool(*value),
            Data::Int(value, _) => Value::from(*value),
            Data::Float(value, _) => Number::from_f64(*value).map_or(Value::Null, Value::Number),
            Data::Text(text) => Value::from(&**text),
            Data::List(nodes) => nodes.iter().map(Node::to_json).collect(),
            Data::Map(entries) => {
                Value::Object(entries.iter().map(|e| (e.key.to_string(), e.value.to_json())).collect::<Map<_, _>>())
            }
        }
    }

    /// The same value as if it stood at `at`, as a parameter does where it is used.
    pub(crate) fn moved_to(&self, at: Place) -> Node {
        let data = match &self.data {
            Data::List(nodes) => Data::List(nodes.iter().map(|node| node.moved_to(at)).collect()),
            Data::Map(entries) => Data::Map(
                entries.iter().map(|e| Entry { key: e.key.clone(), key_at: at, value: e.value.moved_to(at) }).collect(),
            ),
            other => other.clone(),
        };
        Node { at, data }
    }

    /// Calls `visit` for every node, parents first. Depth is bounded by the reader.
    pub(crate) fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Node)) {
        visit(self);
        match &self.data {
            Data::List(nodes) => nodes.iter().for_each(|node| node.walk(visit)),
            Data::Map(entries) => entries.iter().for_each(|entry| entry.value.walk(visit)),
            _ => {}
        }
    }
}
