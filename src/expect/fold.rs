//! The macros that loop, recognised in the form the parser expands them to.

use cel::IdedExpr;
use cel::common::ast::{ComprehensionExpr, Expr, LiteralValue};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}

/// What the author wrote of a loop.
pub(super) struct Fold<'e> {
    pub(super) shape: Shape,
    pub(super) name: &'static str,
    /// The condition, or the mapping, or both.
    pub(super) bodies: Vec<&'e IdedExpr>,
}

impl<'e> Fold<'e> {
    pub(super) fn of(each: &'e ComprehensionExpr) -> Self {
        let args: &[IdedExpr] = match &each.loop_step.expr {
            Expr::Call(call) => &call.args,
            _ => &[],
        };
        match (&each.accu_init.expr, args) {
            (Expr::Literal(LiteralValue::Boolean(start)), [_, body]) if *start.inner() => {
                Self { shape: Shape::All, name: "all", bodies: vec![body] }
            }
            (Expr::Literal(LiteralValue::Boolean(_)), [_, body]) => {
                Self { shape: Shape::Exists, name: "exists", bodies: vec![body] }
            }
            (Expr::Literal(_), [body, ..]) => Self { shape: Shape::ExistsOne, name: "exists_one", bodies: vec![body] },
            (_, [condition, step, _]) => match appended(step) {
                Some(Expr::Ident(name)) if *name == each.iter_var => {
                    Self { shape: Shape::Filter, name: "filter", bodies: vec![condition] }
                }
                _ => {
                    let mut bodies = vec![condition];
                    bodies.extend(appended_node(step));
                    Self { shape: Shape::Map, name: "map", bodies }
                }
            },
            _ => Self { shape: Shape::Map, name: "map", bodies: appended_node(&each.loop_step).into_iter().collect() },
        }
    }
}

fn appended(step: &IdedExpr) -> Option<&Expr> {
    appended_node(step).map(|node| &node.expr)
}

/// The `x` of `@result + [x]`.
fn appended_node(step: &IdedExpr) -> Option<&IdedExpr> {
    let Expr::Call(call) = &step.expr else { return None };
    let Expr::List(list) = &call.args.get(1)?.expr else { return None };
    list.elements.first()
}
