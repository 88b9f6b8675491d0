//! A check: legs, references to items, and their combination.

use super::item::ItemCx;
use super::leg::given_name;
use super::{expressions, leg, substitute::substitute};
use crate::catalog::syntax::{Data, Entry, Node};
use crate::catalog::wire::{list, number, text};
use crate::diag::{Code, Diagnostic};
use crate::model::{Check, Reason};

/// Keys beside the kind of a leg.
pub(super) const COMMON: [&str; 6] = ["name", "timeout", "when", "expect", "measure", "enabled"];
pub(super) const OPERATORS: [&str; 6] = ["all_of", "any_of", "none_of", "at_least", "item", "unmapped"];

/// Compiles a check. Whatever is wrong is reported, and becomes an undecided input.
pub(super) fn compile(node: &Node, cx: &mut ItemCx<'_, '_>) -> Check {
    let sink = cx.shared.sink;
    let Some(entries) = node.entries() else {
        let message = format!("a check is a mapping, found {}", node.describe());
        let found = Diagnostic::error(Code::TYPE, node.at, message);
        sink.push(match &node.data {
            Data::List(_) => found.help("combine several checks: `all_of: [ … ]` or `any_of: [ … ]`"),
            _ => found.help("write the kind as a key: `http: { target: … }`"),
        });
        return wrong();
    };
    let main: Vec<&Entry> = entries.iter().filter(|entry| !COMMON.contains(&&*entry.key)).collect();
    let known: Vec<&Entry> = main.iter().copied().filter(|entry| is_known(&entry.key, cx)).collect();
    let chosen = match (known.as_slice(), main.as_slice()) {
        ([only], _) => *only,
        ([first, rest @ ..], _) if !rest.is_empty() => {
            let names: Vec<String> = known.iter().map(|entry| format!("`{}`", entry.key)).collect();
            let message = format!("a check has one kind, this one has {}", names.join(", "));
            let mut found = Diagnostic::error(Code::SEVERAL_KINDS, first.key_at, message);
            for other in rest {
                found = found.also(other.key_at, "another kind");
            }
            sink.push(found.help("make each an entry of its own: `all_of: [ { … }, { … } ]`"));
            return wrong();
        }
        (_, []) => {
            let message = "the check names no kind";
            let help = format!("add one of: {}", choices(cx).join(", "));
            sink.push(Diagnostic::error(Code::NO_KIND, node.at, message).help(help));
            return wrong();
        }
        (_, [first, ..]) => {
            let message = format!("there is no kind of check `{}`", first.key);
            let found = Diagnostic::error(Code::UNKNOWN_KIND, first.key_at, message);
            let hint = sink.nearest(&first.key, choices(cx).iter().copied()).map(|n| format!("did you mean `{n}`?"));
            let all = || {
                format!("kinds: {}; or write `unmapped: \"what it would check\"`", cx.shared.kinds.names().join(", "))
            };
            sink.push(found.help(hint.unwrap_or_else(all)));
            return wrong();
        }
    };
    let is_leg = !OPERATORS.contains(&&*chosen.key);
    let beside = beside(&chosen.key);
    for extra in entries.iter().filter(|entry| entry.key != chosen.key && !beside.contains(&&*entry.key)) {
        let message = if is_leg {
            format!("a check has no key `{}` beside its kind", extra.key)
        } else {
            format!("`{}` takes no key `{}` beside it", chosen.key, extra.key)
        };
        let found = Diagnostic::error(Code::UNKNOWN_KEY, extra.key_at, message);
        let inside = is_leg.then(|| format!("parameters of the kind stand inside `{}: {{ … }}`", chosen.key));
        let near = is_leg.then(|| sink.nearest(&extra.key, COMMON)).flatten().map(|n| format!("did you mean `{n}`?"));
        let above = || match beside {
            [] => "it belongs to the checks inside, beside their kind".to_owned(),
            keys => format!("the keys it takes are `{}`", keys.join("`, `")),
        };
        sink.push(found.help(near.or(inside).unwrap_or_else(above)));
    }
    if is_leg {
        return leg::compile(node, chosen, cx);
    }
    let applies = applies(node, cx);
    operator(chosen, given_name(node, cx), applies, cx)
}

/// The keys that may stand beside a key.
fn beside(key: &str) -> &'static [&'static str] {
    match key {
        "item" | "unmapped" => &["name", "when"],
        key if OPERATORS.contains(&key) => &[],
        _ => &COMMON,
    }
}

/// Whether the `when` of a reference or of an unmapped check holds.
fn applies(node: &Node, cx: &mut ItemCx<'_, '_>) -> bool {
    let Some(when) = node.get("when") else { return true };
    let applies = expressions::applies(&when.value, cx);
    cx.digest.text("when").node(&when.value);
    expressions::digest_parameters(&when.value, cx);
    applies
}

/// Stands in for what could not be compiled; the load fails anyway.
fn wrong() -> Check {
    Check::Undecided { reason: Reason::Internal, sentence: "the check does not compile".into() }
}

fn is_known(key: &str, cx: &ItemCx<'_, '_>) -> bool {
    OPERATORS.contains(&key) || cx.shared.kinds.find(key).is_some()
}

fn choices(cx: &ItemCx<'_, '_>) -> Vec<&'static str> {
    cx.shared.kinds.names().into_iter().chain(OPERATORS).collect()
}

/// `name` and `applies` are of a reference or an unmapped check; nothing else has them.
fn operator(entry: &Entry, name: Option<String>, applies: bool, cx: &mut ItemCx<'_, '_>) -> Check {
    cx.digest.text(&entry.key);
    match &*entry.key {
        "all_of" => Check::AllOf(inputs(&entry.value, cx)),
        "any_of" => Check::AnyOf(inputs(&entry.value, cx)),
        "none_of" => Check::NoneOf(inputs(&entry.value, cx)),
        "at_least" => at_least(entry, cx),
        "item" => item(&entry.value, applies, cx),
        _ => unmapped(&entry.value, name, applies, cx),
    }
}

fn unmapped(node: &Node, name: Option<String>, applies: bool, cx: &mut ItemCx<'_, '_>) -> Check {
    let sentence = text(node, cx.shared.sink).map(|text| text.value).unwrap_or_default();
    cx.digest.text(&sentence);
    if !applies {
        return Check::NotApplicable;
    }
    cx.unmapped = true;
    let name = name.map(|name| format!("{name}: ")).unwrap_or_default();
    Check::Undecided { reason: Reason::Unmapped, sentence: format!("not built yet: {name}{sentence}").into() }
}

fn inputs(node: &Node, cx: &mut ItemCx<'_, '_>) -> Vec<Check> {
    let nodes = list(node, cx.shared.sink);
    cx.digest.number(nodes.len() as u64);
    if nodes.is_empty() && matches!(node.data, Data::List(_)) {
        let message = "the combination is empty";
        let help = "nothing to check proves nothing; leave `check` out if there is no check yet";
        cx.shared.sink.push(Diagnostic::error(Code::COMBINATION, node.at, message).help(help));
    }
    nodes.iter().map(|node| compile(node, cx)).collect()
}

fn at_least(entry: &Entry, cx: &mut ItemCx<'_, '_>) -> Check {
    let sink = cx.shared.sink;
    let Some(mut fields) = crate::catalog::wire::Fields::of(&entry.value, "`at_least`", entry.key_at, sink) else {
        return wrong();
    };
    let (n, of) = (fields.required("n"), fields.required("of"));
    fields.finish();
    let (Some(n), Some(of)) = (n, of) else { return wrong() };
    let mut unset = Vec::new();
    let node = substitute(&n.value, cx.checklist.parameters, &[], &mut unset, sink);
    cx.needs(&unset, n.value.at);
    let checks = inputs(&of.value, cx);
    let Some(count) = unset.is_empty().then(|| number(&node, 1..=10_000, sink)).flatten() else { return wrong() };
    cx.digest.number(u64::from(count));
    if count as usize > checks.len() && !checks.is_empty() {
        let message = format!("{count} inputs are asked for, but there are only {}", checks.len());
        let help = "lower `n`, or add inputs to `of`";
        sink.push(Diagnostic::error(Code::COMBINATION, n.value.at, message).help(help));
    }
    Check::AtLeast(count, checks)
}

/// One that is left out is still resolved: a misspelt id must not wait for a parameter to change.
fn item(node: &Node, applies: bool, cx: &mut ItemCx<'_, '_>) -> Check {
    let sink = cx.shared.sink;
    let Some(name) = text(node, sink) else { return wrong() };
    let checklist = &cx.checklist.def.id.value;
    let Some(slot) = cx.shared.names.resolve(&name.value, Some(checklist), node.at, sink) else { return wrong() };
    if let Some(item) = cx.shared.names.items.get(slot.index()) {
        cx.digest.text(item.id.as_str());
    }
    cx.refers = true;
    if !applies {
        return Check::NotApplicable;
    }
    cx.references.push(slot);
    Check::Item(slot)
}
