//! Conditions and measurements, with their errors mapped into the file.

use serde_json::Value;

use super::Shared;
use super::item::ItemCx;
use super::params::hinted;
use crate::catalog::sink::Sink;
use crate::catalog::syntax::{Data, Entry, Node, Place};
use crate::catalog::wire::{Fields, map, name, text};
use crate::diag::{Code, Diagnostic};
use crate::expect::{self, Conditions, ExpressionError, MeasureSource};

/// Whether a `when` holds. What cannot be evaluated is an error, and counts as holding.
pub(super) fn applies(node: &Node, cx: &ItemCx<'_, '_>) -> bool {
    let sink = cx.shared.sink;
    let condition = match &node.data {
        Data::Bool(value) => return *value,
        _ => text(node, sink),
    };
    let Some(condition) = condition else { return true };
    expect::applies(&condition.value, &cx.checklist.parameters.json).unwrap_or_else(|error| {
        sink.push(problem(&error, node, cx.shared));
        true
    })
}

/// `expect` and `measure` of a leg; `None` if one of them is wrong.
pub(super) fn conditions(leg: &Node, facts: &Value, cx: &ItemCx<'_, '_>) -> Option<Conditions> {
    let (shared, sink) = (cx.shared, cx.shared.sink);
    let before = sink.errors();
    let expect_nodes: Vec<&Node> = match leg.get("expect").map(|entry| &entry.value) {
        None => Vec::new(),
        Some(node) => match &node.data {
            Data::List(nodes) => nodes.iter().collect(),
            _ => vec![node],
        },
    };
    let expect: Vec<String> = expect_nodes.iter().filter_map(|node| text(node, sink)).map(|text| text.value).collect();
    let entries = leg.get("measure").map_or(&[][..], |entry| map(&entry.value, sink));
    let measures: Vec<(MeasureSource, &Node)> = entries.iter().filter_map(|entry| measure(entry, sink)).collect();
    if sink.errors() > before {
        return None;
    }
    let sources: Vec<MeasureSource> = measures.iter().map(|(source, _)| source.clone()).collect();
    match Conditions::compile(&expect, &sources, facts, &cx.checklist.parameters.json) {
        Ok(conditions) => Some(conditions),
        Err(errors) => {
            for error in errors {
                let node = match expect_nodes.get(error.index) {
                    Some(node) => *node,
                    None => measures.get(error.index - expect_nodes.len()).map_or(leg, |(_, node)| *node),
                };
                sink.push(problem(&error, node, shared));
            }
            None
        }
    }
}

fn measure<'n>(entry: &'n Entry, sink: &Sink) -> Option<(MeasureSource, &'n Node)> {
    let named = name(&entry.key, false, entry.key_at, sink);
    let (value, threshold) = match &entry.value.data {
        Data::Map(_) => {
            let mut fields = Fields::of(&entry.value, "a measurement", entry.key_at, sink)?;
            let (value, threshold) = (fields.required("value"), fields.optional("threshold"));
            fields.finish();
            (&value?.value, threshold.map(|field| &field.value))
        }
        _ => (&entry.value, None),
    };
    let text_of = |node: &Node| match &node.data {
        Data::Int(_, raw) | Data::Float(_, raw) => Some(raw.to_string()),
        _ => text(node, sink).map(|text| text.value),
    };
    let threshold = match threshold {
        Some(node) => Some(text_of(node)?),
        None => None,
    };
    let source = MeasureSource { name: entry.key.to_string(), value: text_of(value)?, threshold };
    named.then_some((source, value))
}

fn problem(error: &ExpressionError, node: &Node, shared: &Shared<'_>) -> Diagnostic {
    let at = error.span.and_then(|(start, end)| inside(node, start, end, shared)).unwrap_or(node.at);
    hinted(Diagnostic::error(Code::EXPRESSION, at, error.message.clone()), error.hint.clone())
}

/// The place in the file of a byte range of a text. `None` where quoting or folding changed the
/// text so much that the place cannot be told.
fn inside(node: &Node, start: usize, end: usize, shared: &Shared<'_>) -> Option<Place> {
    let expression = node.text()?;
    let part = expression.get(start..end.max(start))?;
    let source = shared.sources.slice(&node.at.into());
    let place = |offset: usize| {
        let start = node.at.start.checked_add(u32::try_from(offset).ok()?)?;
        Some(Place { start, end: start.checked_add(u32::try_from(part.len()).ok()?)?, ..node.at })
    };
    for quote in [0, 1] {
        if source.get(start + quote..start + quote + part.len()) == Some(part) {
            return place(start + quote);
        }
    }
    if part.is_empty() {
        return None;
    }
    // Which of several equal parts it is: the same one as in the text.
    let before = expression.get(..start)?.matches(part).count();
    source.match_indices(part).nth(before).and_then(|(offset, _)| place(offset))
}

/// The values of the parameters that expressions under `node` use: a changed threshold is a
/// changed check.
pub(super) fn digest_parameters(node: &Node, cx: &mut ItemCx<'_, '_>) {
    let Value::Object(parameters) = &cx.checklist.parameters.json else { return };
    let digest = &mut cx.digest;
    node.walk(&mut |node| {
        let mut rest = node.text().unwrap_or("");
        while let Some(at) = rest.find("params") {
            rest = rest.get(at + "params".len()..).unwrap_or("");
            let name = rest
                .strip_prefix('.')
                .map(|after| after.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or(""));
            match name.and_then(|name| parameters.get_key_value(name)) {
                Some((name, value)) => {
                    digest.text(name).text(&value.to_string());
                }
                // Used in another way than by name: any of them may matter.
                None => {
                    digest.text(&cx.checklist.parameters.json.to_string());
                }
            }
        }
    });
}
