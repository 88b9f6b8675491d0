//! The parameters of a checklist: its defaults and the overrides of the deployment.

use std::collections::{BTreeMap, HashMap};
use std::mem::discriminant;

use serde_json::Value;

use crate::catalog::sink::Sink;
use crate::catalog::syntax::{Data, Entry, Node};
use crate::catalog::wire::{ChecklistDef, map};
use crate::diag::{Code, Diagnostic};
use crate::expect::Params;

/// Effective parameters of one checklist.
#[derive(Default)]
pub(crate) struct Parameters {
    pub(super) nodes: BTreeMap<String, Node>,
    /// What conditions see as `params`.
    pub(super) seen: Params,
}

/// By the place of the checklist in `checklists`.
pub(super) fn effective(checklists: &[ChecklistDef<'_>], overrides: &[&Entry], sink: &Sink) -> Vec<Parameters> {
    let mut by_id: HashMap<&str, usize> = HashMap::new();
    let mut all: Vec<Parameters> = Vec::new();
    for (index, checklist) in checklists.iter().enumerate() {
        by_id.insert(&checklist.id.value, index);
        let nodes = checklist.parameters.iter().map(|entry| (entry.key.to_string(), entry.value.clone())).collect();
        all.push(Parameters { nodes, seen: Params::default() });
    }
    let mut replaced: HashMap<(usize, &str), &Entry> = HashMap::new();
    for group in overrides {
        let Some(index) = by_id.get(&*group.key).copied() else {
            let message = format!("there is no checklist `{}`", group.key);
            let found = Diagnostic::error(Code::UNKNOWN_CHECKLIST, group.key_at, message);
            sink.push(hinted(found, sink.hint(&group.key, by_id.keys().copied())));
            continue;
        };
        for entry in map(&group.value, sink) {
            if let Some(first) = replaced.insert((index, &entry.key), entry) {
                let message = format!("the parameter `{}` is set twice", entry.key);
                let found = Diagnostic::error(Code::DUPLICATE, entry.key_at, message);
                sink.push(found.here("again here").also(first.key_at, "first here").help("remove one of them"));
            }
            let Some(parameters) = all.get_mut(index) else { continue };
            replace(parameters, &group.key, entry, sink);
        }
    }
    for parameters in &mut all {
        let values = parameters.nodes.iter().map(|(name, node)| (name.clone(), node.to_json())).collect();
        parameters.seen = Params::new(Value::Object(values));
    }
    all
}

fn replace(parameters: &mut Parameters, checklist: &str, entry: &Entry, sink: &Sink) {
    let Some(default) = parameters.nodes.get(&*entry.key) else {
        let message = format!("the checklist `{checklist}` has no parameter `{}`", entry.key);
        let found = Diagnostic::error(Code::UNKNOWN_PARAMETER, entry.key_at, message);
        sink.push(hinted(found, sink.hint(&entry.key, parameters.nodes.keys().map(String::as_str))));
        return;
    };
    if !default.is_null() && kind(default) != kind(&entry.value) {
        let message =
            format!("the parameter `{}` is {}, the override is {}", entry.key, name(default), name(&entry.value));
        sink.push(
            Diagnostic::error(Code::PARAMETER_TYPE, entry.value.at, message)
                .here("override")
                .also(default.at, "default")
                .help("give a value of the type of the default"),
        );
        return;
    }
    parameters.nodes.insert(entry.key.to_string(), entry.value.clone());
}

/// Whole and other numbers are one type: `5` may replace `0.5`.
fn kind(node: &Node) -> std::mem::Discriminant<Data> {
    match &node.data {
        Data::Int(..) => discriminant(&Data::Float(0.0, "".into())),
        other => discriminant(other),
    }
}

fn name(node: &Node) -> &'static str {
    match &node.data {
        Data::Null => "empty",
        Data::Bool(_) => "true or false",
        Data::Int(..) | Data::Float(..) => "a number",
        Data::Text(_) => "a text",
        Data::List(_) => "a list",
        Data::Map(_) => "a mapping",
    }
}

pub(crate) fn hinted(found: Diagnostic, hint: Option<String>) -> Diagnostic {
    match hint {
        Some(hint) => found.help(hint),
        None => found,
    }
}
