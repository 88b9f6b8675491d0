//! Facts, parameters and time as variables.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr};
use cel::{Context, Env, ExecutionError, IdedExpr, Value};
use serde_json::Value as Json;

use super::{Gap, Params};
use crate::model::Timestamp;

/// Values turned into variables for one leg.
const MAX_VALUES: usize = 100_000;
/// The same where an expression loops: with the limits of `syntax` it bounds the time, to some
/// tens of milliseconds for the worst expression there can be.
const MAX_VALUES_IN_LOOPS: usize = 10_000;

/// What kinds write in place of a value that may be secret.
const MASK: &str = "***";

/// What expressions read.
#[derive(Debug, Default)]
pub(super) struct Reads {
    names: BTreeSet<String>,
    loops: bool,
}

impl Reads {
    pub(super) fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    pub(super) fn add(&mut self, tree: &IdedExpr) {
        roots(tree, &mut Vec::new(), self);
    }
}

/// One environment for all: building it is most of the cost of a small condition.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    // Cannot fail: the names are constants and no author can declare one. If it does after an
    // upgrade of the library, every evaluation is an error, never a pass.
    Arc::new(super::operators::environment().unwrap_or_default())
});

/// The names of variables an expression reads, those its loops bind left out.
fn roots(node: &IdedExpr, bound: &mut Vec<String>, found: &mut Reads) {
    match &node.expr {
        Expr::Ident(name) => {
            if !name.starts_with('@') && !bound.contains(name) {
                found.names.insert(name.clone());
            }
        }
        Expr::Select(select) => roots(&select.operand, bound, found),
        Expr::Call(call) => {
            call.target.iter().for_each(|target| roots(target, bound, found));
            call.args.iter().for_each(|arg| roots(arg, bound, found));
        }
        Expr::List(list) => list.elements.iter().for_each(|element| roots(element, bound, found)),
        Expr::Map(map) => {
            for entry in &map.entries {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    roots(&entry.key, bound, found);
                    roots(&entry.value, bound, found);
                }
            }
        }
        Expr::Comprehension(each) => {
            found.loops = true;
            roots(&each.iter_range, bound, found);
            bound.push(each.iter_var.clone());
            roots(&each.loop_step, bound, found);
            bound.pop();
        }
        Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => {}
    }
}

/// A scope with the variables of `reads` that exist and are whole. Others stay undeclared, so that
/// reading one is an error. `Err` says why the values are too many.
pub(super) fn scope(
    reads: &Reads,
    facts: &Json,
    gaps: &[Gap],
    params: &Params,
    now: Option<Timestamp>,
) -> Result<Context<'static, 'static>, String> {
    let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
    let limit = if reads.loops { MAX_VALUES_IN_LOOPS } else { MAX_VALUES };
    let mut left = limit;
    for name in &reads.names {
        let value = match (name.as_str(), now) {
            ("params", _) => params.variable(&mut left),
            ("now", Some(now)) => Some(Value::Float(now.as_secs_f64())),
            (name, _) if gaps.iter().any(|gap| gap.hides && gap.field == name) => continue,
            (name, _) => match facts.get(name) {
                Some(value) => convert(value, true, &mut left),
                None => continue,
            },
        };
        let Some(value) = value else {
            return Err(format!("there are more than {limit} values in what was observed"));
        };
        context.add_variable_from_value(name.as_str(), value);
    }
    Ok(context)
}

/// The variable for all of `json`, with the number of values in it. `None` if they are too many.
pub(super) fn counted(json: &Json) -> Option<(Value, usize)> {
    let mut left = MAX_VALUES;
    Some((convert(json, false, &mut left)?, MAX_VALUES - left))
}

/// JSON as a value of CEL. Whole numbers are integers whatever their size in JSON, so that
/// nothing depends on a field being unsigned. Depth is bounded by the JSON reader. What is `masked`
/// becomes bytes, which are there but equal to no text and different from none.
fn convert(json: &Json, masked: bool, left: &mut usize) -> Option<Value> {
    *left = left.checked_sub(1)?;
    Some(match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, fraction) => Value::Float(fraction.unwrap_or(f64::NAN)),
        },
        Json::String(text) if masked && text == MASK => Value::Bytes(Arc::new(Vec::new())),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => {
            Value::List(Arc::new(items.iter().map(|item| convert(item, masked, left)).collect::<Option<Vec<_>>>()?))
        }
        Json::Object(fields) => {
            let mut map = HashMap::with_capacity(fields.len());
            for (key, value) in fields {
                map.insert(key.clone(), convert(value, masked, left)?);
            }
            Value::from(map)
        }
    })
}

/// Evaluates. The error says what went wrong without any value: values may be long or private.
pub(super) fn evaluate(node: &IdedExpr, context: &Context<'_, '_>) -> Result<Value, String> {
    // The library has a few `expect`s and `panic!`s; one of them must cost a verdict, not the daemon.
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Value::resolve(node, context)));
    match caught {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(describe(&error)),
        Err(_) => Err("the expression library failed".to_owned()),
    }
}

fn describe(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("there is no field `{key}`"),
        ExecutionError::UndeclaredReference(name) => format!("there is no `{name}`"),
        ExecutionError::IndexOutOfBounds(Value::Int(index)) => format!("there is no element [{index}]"),
        ExecutionError::IndexOutOfBounds(_) => "there is no such element".to_owned(),
        ExecutionError::FunctionError { message, .. } => super::values::cut(message, 160),
        ExecutionError::NoSuchOverload(error) => error.to_string(),
        ExecutionError::UnexpectedType { got, want } => format!("{want} was expected, not {got}"),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "division by zero".to_owned(),
        ExecutionError::Overflow(..) => "a number is too large".to_owned(),
        _ => "a value has the wrong type".to_owned(),
    }
}
