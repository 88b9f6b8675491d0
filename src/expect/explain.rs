//! Why a condition is false, in one sentence; and what was seen where it is true.

use cel::common::ast::{ComprehensionExpr, Expr};
use cel::{Context, IdedExpr, Value};

use super::fold::{Fold, Shape};
use super::scope::evaluate;
use super::text::text;
use super::values::{cut, show};

/// Operands named in one sentence.
const OPERANDS: usize = 4;

/// What to say about a condition that is false.
pub(super) fn why_false(node: &IdedExpr, context: &Context<'_, '_>) -> String {
    let (node, place, seen) = deciding(node, context, String::new());
    let expected = cut(&text(node), 200);
    if seen.is_empty() {
        format!("expected `{expected}`{place}, which is false")
    } else {
        format!("expected `{expected}`{place}, saw {}", seen.join(", "))
    }
}

/// The operands of all comparisons in a condition.
pub(super) fn seen(node: &IdedExpr, context: &Context<'_, '_>) -> String {
    let mut found = Vec::new();
    operands(node, context, &mut found);
    if found.is_empty() { "true".to_owned() } else { found.join(", ") }
}

/// Follows what makes a condition false down to one comparison.
fn deciding<'e>(node: &'e IdedExpr, context: &Context<'_, '_>, place: String) -> (&'e IdedExpr, String, Vec<String>) {
    match &node.expr {
        Expr::Call(call) if call.func_name == "_&&_" => {
            let first = call.args.iter().find(|arg| evaluate(arg, context) == Ok(Value::Bool(false)));
            if let Some(first) = first {
                return deciding(first, context, place);
            }
        }
        Expr::Call(call) if call.func_name == "_?_:_" => {
            if let [condition, yes, no] = call.args.as_slice() {
                match evaluate(condition, context) {
                    Ok(Value::Bool(true)) => return deciding(yes, context, place),
                    Ok(Value::Bool(false)) => return deciding(no, context, place),
                    _ => {}
                }
            }
        }
        Expr::Comprehension(each) => {
            if let Some(found) = deciding_element(each, context, &place) {
                return found;
            }
        }
        _ => {}
    }
    let mut found = Vec::new();
    operands(node, context, &mut found);
    (node, place, found)
}

/// The first element an `all` is false for.
fn deciding_element<'e>(
    each: &'e ComprehensionExpr,
    context: &Context<'_, '_>,
    place: &str,
) -> Option<(&'e IdedExpr, String, Vec<String>)> {
    let fold = Fold::of(each);
    let (Shape::All, [body]) = (fold.shape, fold.bodies.as_slice()) else { return None };
    let Ok(Value::List(items)) = evaluate(&each.iter_range, context) else { return None };
    for (index, item) in items.iter().enumerate() {
        let mut inner = context.new_inner_scope();
        inner.add_variable_from_value(each.iter_var.as_str(), item.clone());
        if evaluate(body, &inner) == Ok(Value::Bool(false)) {
            let range = cut(&text(&each.iter_range), 80);
            return Some(deciding(body, &inner, format!("{place} for element {index} of {range}")));
        }
    }
    None
}

/// Adds `text = value` of everything compared, in the order in which it is written.
fn operands(node: &IdedExpr, context: &Context<'_, '_>, found: &mut Vec<String>) {
    match &node.expr {
        Expr::Call(call) if matches!(call.func_name.as_str(), "_&&_" | "_||_" | "!_" | "_?_:_") => {
            call.args.iter().for_each(|arg| operands(arg, context, found));
        }
        Expr::Call(call) if call.func_name != "_[_]" => {
            call.target.iter().for_each(|target| operand(target, context, found));
            call.args.iter().for_each(|arg| operand(arg, context, found));
        }
        Expr::Comprehension(each) => {
            let range = cut(&text(&each.iter_range), 80);
            let count = match evaluate(&each.iter_range, context) {
                Ok(Value::List(items)) => items.len(),
                Ok(Value::Map(map)) => map.map.len(),
                _ => return,
            };
            add(found, format!("{count} elements in {range}"));
        }
        _ => operand(node, context, found),
    }
}

fn operand(node: &IdedExpr, context: &Context<'_, '_>, found: &mut Vec<String>) {
    if constant(node) {
        return;
    }
    // `has(a.b)` is what was asked, so its answer is what was seen.
    if let Ok(value) = evaluate(node, context) {
        add(found, format!("{} = {}", cut(&text(node), 80), show(&value)));
    }
}

fn add(found: &mut Vec<String>, seen: String) {
    if found.len() < OPERANDS && !found.contains(&seen) {
        found.push(seen);
    }
}

fn constant(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::Literal(_) => true,
        Expr::List(list) => list.elements.iter().all(constant),
        _ => false,
    }
}
