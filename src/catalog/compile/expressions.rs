//! Conditions and measurements, with their errors mapped into the file.

use std::sync::Arc;

use serde_json::Value;

use super::Shared;
use super::item::ItemCx;
use super::kinds::Kind;
use crate::catalog::sink::Sink;
use crate::catalog::syntax::{Data, Entry, Node, Place};
use crate::catalog::wire::{Fields, map, name, text};
use crate::diag::{Code, Diagnostic, SourceMap};
use crate::expect::{self, Conditions, ExpressionError, MeasureSource};

/// Whether a `when` holds. What cannot be evaluated is an error, and counts as holding.
pub(super) fn applies(node: &Node, cx: &ItemCx<'_, '_>) -> bool {
    let sink = cx.shared.sink;
    let condition = match &node.data {
        Data::Bool(value) => return *value,
        _ => text(node, sink),
    };
    let Some(condition) = condition else { return true };
    expect::applies(&condition.value, &cx.checklist.parameters.seen).unwrap_or_else(|error| {
        sink.push(problem(&error, &[node], node, cx.shared));
        true
    })
}

/// `expect` and `measure` of a leg; `None` if one of them is wrong.
pub(super) fn conditions(leg: &Node, kind: &Kind, cx: &ItemCx<'_, '_>) -> Option<Arc<Conditions>> {
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
    let measures: Vec<(MeasureSource, Vec<&Node>)> = entries.iter().filter_map(|entry| measure(entry, sink)).collect();
    if sink.errors() > before {
        return None;
    }
    let sources: Vec<MeasureSource> = measures.iter().map(|(source, _)| source.clone()).collect();
    let key = format!("{} {} {expect:?} {sources:?}", cx.checklist.def.id.value, kind.descriptor.name);
    if let Some(known) = shared.conditions.borrow().get(&key) {
        return Some(Arc::clone(known));
    }
    match Conditions::compile(&expect, &sources, &kind.facts, &cx.checklist.parameters.seen) {
        Ok(conditions) => {
            let conditions = Arc::new(conditions);
            shared.conditions.borrow_mut().insert(key, Arc::clone(&conditions));
            Some(conditions)
        }
        Err(errors) => {
            for error in errors {
                let measured = || error.index.checked_sub(expect_nodes.len()).and_then(|index| measures.get(index));
                let nodes = match expect_nodes.get(error.index) {
                    Some(node) => vec![*node],
                    None => measured().map(|(_, nodes)| nodes.clone()).unwrap_or_default(),
                };
                sink.push(problem(&error, &nodes, leg, shared));
            }
            None
        }
    }
}

fn measure<'n>(entry: &'n Entry, sink: &Sink) -> Option<(MeasureSource, Vec<&'n Node>)> {
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
    let nodes = std::iter::once(value).chain(threshold).collect();
    let threshold = match threshold {
        Some(node) => Some(text_of(node)?),
        None => None,
    };
    let source = MeasureSource { name: entry.key.to_string(), value: text_of(value)?, threshold };
    named.then_some((source, nodes))
}

/// `nodes` are the texts the error may be in, a value before its threshold; `whole` is what it is
/// part of.
fn problem(error: &ExpressionError, nodes: &[&Node], whole: &Node, shared: &Shared<'_>) -> Diagnostic {
    let exact = |node: &&Node| error.span.and_then(|(start, end)| inside(node, start, end, shared.sources));
    let at = nodes.iter().find_map(exact).or(nodes.first().map(|node| node.at)).unwrap_or(whole.at);
    let facts = "`explain KIND` lists the facts of a kind, with their types; `params` holds the checklist's parameters";
    Diagnostic::error(Code::EXPRESSION, at, error.message.clone())
        .help(error.hint.clone().unwrap_or_else(|| facts.to_owned()))
}

/// The place in the file of a byte range of a text. `None` where quoting or folding changed the
/// text so much that the place cannot be told.
fn inside(node: &Node, start: usize, end: usize, sources: &SourceMap) -> Option<Place> {
    let expression = node.text()?;
    let part = expression.get(start..end.max(start))?;
    let source = sources.slice(&node.at.into());
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
    let Value::Object(parameters) = cx.checklist.parameters.seen.value() else { return };
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
                    digest.text(&cx.checklist.parameters.seen.value().to_string());
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::syntax::read;

    /// What the place of `part` of the text under `e` covers in the file, and on which offset.
    fn mapped(source: &str, part: &str) -> Option<(String, u32)> {
        let mut sources = SourceMap::default();
        let file = sources.add("a.yaml", source);
        let root = read(file, source, &mut 100, &Sink::default()).unwrap();
        let node = &root.get("e").unwrap().value;
        let start = node.text().unwrap().rfind(part).unwrap();
        let place = inside(node, start, start + part.len(), &sources)?;
        Some((sources.slice(&place.into()).to_owned(), place.start))
    }

    #[test]
    fn errors_point_into_the_scalar_however_it_is_written() {
        assert_eq!(mapped("e: a == bc", "bc"), Some(("bc".to_owned(), 8)));
        assert_eq!(mapped("e: \"a == bc\"", "bc"), Some(("bc".to_owned(), 9)));
        assert_eq!(mapped("e: 'x == ''y'' && bc'", "bc"), Some(("bc".to_owned(), 18)));
        assert_eq!(mapped("e: >-\n  bc == a\n  && bc\n", "bc"), Some(("bc".to_owned(), 21)));
        assert_eq!(mapped("e: \"a == \\\"q\\\"\"", "\"q\""), None);
    }
}
