//! `${name}` in texts, and `${name|regex}` in regular expressions.

use std::borrow::Cow;

use super::params::{Parameters, hinted};
use crate::catalog::sink::Sink;
use crate::catalog::syntax::{Data, Entry, Node};
use crate::diag::{Code, Diagnostic};

/// After the name of a parameter whose value is to be matched as it is.
const REGEX: &str = "regex";

/// The node with every `${name}` replaced, but for the values of the keys `skip` of the node
/// itself. Names of parameters that have no value are added to `unset`; what uses them is not
/// fit for use.
pub(super) fn substitute<'n>(
    node: &'n Node,
    parameters: &Parameters,
    skip: &[&str],
    unset: &mut Vec<String>,
    sink: &Sink,
) -> Cow<'n, Node> {
    let mut found = false;
    node.walk(&mut |node| found |= node.text().is_some_and(|text| text.contains("${")));
    if !found {
        return Cow::Borrowed(node);
    }
    let data = match &node.data {
        Data::Text(text) => return Cow::Owned(scalar(node, text, parameters, unset, sink)),
        Data::List(nodes) => {
            Data::List(nodes.iter().map(|n| substitute(n, parameters, &[], unset, sink).into_owned()).collect())
        }
        Data::Map(entries) => {
            let mut value = |entry: &Entry| {
                if skip.contains(&&*entry.key) {
                    return entry.value.clone();
                }
                substitute(&entry.value, parameters, &[], unset, sink).into_owned()
            };
            Data::Map(entries.iter().map(|e| Entry { key: e.key.clone(), key_at: e.key_at, value: value(e) }).collect())
        }
        other => other.clone(),
    };
    Cow::Owned(Node { at: node.at, data })
}

fn scalar(node: &Node, text: &str, parameters: &Parameters, unset: &mut Vec<String>, sink: &Sink) -> Node {
    let mut lookup = |name: &str| -> Option<Node> {
        let Some(value) = parameters.nodes.get(name) else {
            let message = format!("the checklist declares no parameter `{name}`");
            let found = Diagnostic::error(Code::UNKNOWN_PARAMETER, node.at, message);
            let hint = sink.hint(name, parameters.nodes.keys().map(String::as_str));
            let hint = hint.unwrap_or_else(|| "declare it under `parameters`; `$${` is a literal `${`".to_owned());
            sink.push(hinted(found, Some(hint)));
            return None;
        };
        if value.is_null() {
            unset.push(name.to_owned());
            return None;
        }
        Some(value.moved_to(node.at))
    };
    if let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'))
        && !name.contains(['$', '{', '}', '|'])
        && !name.is_empty()
    {
        return lookup(name).unwrap_or_else(|| node.clone());
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = (rest.get(..at).unwrap_or(""), rest.get(at + 2..).unwrap_or(""));
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let Some((name, after)) = after.split_once('}').filter(|(name, _)| !name.is_empty()) else {
            let message = "a `${` is not closed, or names no parameter";
            sink.push(
                Diagnostic::error(Code::PLACEHOLDER, node.at, message).help("write `${name}`; `$${` is a literal `${`"),
            );
            return node.clone();
        };
        let (name, filter) = name.split_once('|').map_or((name, None), |(name, filter)| (name, Some(filter)));
        let put = |out: &mut String, value: &str| match filter {
            // For what it is, whatever its signs mean in an expression.
            Some(_) => out.push_str(&regex::escape(value)),
            None => out.push_str(value),
        };
        if filter.is_some_and(|filter| filter != REGEX) {
            let message = format!("a parameter cannot be written as `{}`", filter.unwrap_or_default());
            sink.push(
                Diagnostic::error(Code::PLACEHOLDER, node.at, message).help("write `${name}` or `${name|regex}`"),
            );
            return node.clone();
        }
        match lookup(name).map(|value| value.data) {
            Some(Data::Text(value)) => put(&mut out, &value),
            Some(Data::Int(_, raw) | Data::Float(_, raw)) => put(&mut out, &raw),
            Some(Data::Bool(value)) => put(&mut out, &value.to_string()),
            Some(_) => {
                let message = format!("the parameter `{name}` is not a single value and cannot be part of a text");
                let help = format!("write `${{{name}}}` alone to use it as a whole");
                sink.push(Diagnostic::error(Code::PLACEHOLDER, node.at, message).help(help));
            }
            None => {}
        }
        rest = after;
    }
    out.push_str(rest);
    Node { at: node.at, data: Data::Text(out.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::syntax::Place;
    use crate::diag::FileId;

    fn run(text: &str) -> (Data, Vec<String>, usize) {
        let at = Place { file: FileId(0), start: 0, end: 1 };
        let node = |data| Node { at, data };
        let mut parameters = Parameters::default();
        parameters.nodes.insert("n".into(), node(Data::Int(5, "5".into())));
        parameters.nodes.insert("host".into(), node(Data::Text("db".into())));
        parameters.nodes.insert("odd".into(), node(Data::Text("a.b+(c".into())));
        parameters.nodes.insert("none".into(), node(Data::Null));
        let (sink, mut unset) = (Sink::default(), Vec::new());
        let text = node(Data::Text(text.into()));
        let data = substitute(&text, &parameters, &[], &mut unset, &sink).into_owned().data;
        (data, unset, sink.errors())
    }

    #[test]
    fn values_keep_their_type_and_texts_are_spliced() {
        assert!(matches!(run("${n}"), (Data::Int(5, _), _, 0)));
        let spliced = |text| match run(text) {
            (Data::Text(text), _, 0) => text.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(spliced("http://${host}:${n}/"), "http://db:5/");
        assert_eq!(spliced("$${host} costs $5"), "${host} costs $5");
        assert_eq!(spliced("${host}${host}"), "dbdb");
        assert_eq!(spliced("^${odd|regex}(.+)$"), r"^a\.b\+\(c(.+)$");
        assert_eq!(spliced("${odd|regex}"), r"a\.b\+\(c");
        assert_eq!(spliced("${n|regex}|${odd}"), "5|a.b+(c");
    }

    #[test]
    fn what_cannot_be_replaced_is_said() {
        assert_eq!(run("x ${none}").1, ["none"]);
        assert_eq!(run("x ${none|regex}").1, ["none"]);
        assert_eq!(run("${host|html}").2, 1);
        assert_eq!(run("${hots}").2, 1);
        assert_eq!(run("a ${").2, 1);
        assert_eq!(run("a ${}").2, 1);
    }
}
