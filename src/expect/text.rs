//! A tree as text again, since the parser keeps no positions: for "saw `x` = …" and for naming
//! the conjunct that failed.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr, LiteralValue};

/// Operators in text and how tightly they bind.
const BINARY: [(&str, &str, u8); 22] = [
    ("_||_", "||", 1),
    ("_&&_", "&&", 2),
    ("_==_", "==", 3),
    ("_!=_", "!=", 3),
    ("_<_", "<", 3),
    ("_<=_", "<=", 3),
    ("_>_", ">", 3),
    ("_>=_", ">=", 3),
    ("@in", "in", 3),
    ("_+_", "+", 4),
    ("_-_", "-", 4),
    ("_*_", "*", 5),
    ("_/_", "/", 5),
    ("_%_", "%", 5),
    ("@eq", "==", 3),
    ("@ne", "!=", 3),
    ("@member", "in", 3),
    ("@add", "+", 4),
    ("@sub", "-", 4),
    ("@mul", "*", 5),
    ("@div", "/", 5),
    ("@mod", "%", 5),
];

/// The expression as its author could have written it.
pub(super) fn text(node: &IdedExpr) -> String {
    write(node, 0)
}

fn write(node: &IdedExpr, outer: u8) -> String {
    match &node.expr {
        Expr::Ident(name) => name.clone(),
        Expr::Literal(literal) => literal_text(literal),
        Expr::Select(select) => {
            let path = format!("{}.{}", write(&select.operand, 9), select.field);
            if select.test { format!("has({path})") } else { path }
        }
        Expr::List(list) => format!("[{}]", join(&list.elements)),
        Expr::Map(map) => {
            let entries = map.entries.iter().filter_map(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => Some(format!("{}: {}", text(&entry.key), text(&entry.value))),
                EntryExpr::StructField(_) => None,
            });
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Expr::Call(call) => match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            ("_?_:_", None, [condition, yes, no]) => {
                bracket(format!("{} ? {} : {}", write(condition, 1), write(yes, 1), text(no)), outer > 0)
            }
            ("_[_]", None, [operand, index]) => format!("{}[{}]", write(operand, 9), text(index)),
            ("!_", None, [operand]) => format!("!{}", write(operand, 8)),
            ("-_", None, [operand]) => format!("-{}", write(operand, 8)),
            ("@matches", None, [of, pattern]) => format!("{}.matches({})", write(of, 9), text(pattern)),
            (name, None, [left, right]) => match BINARY.iter().find(|(function, ..)| *function == name) {
                Some((_, sign, tight)) => {
                    bracket(format!("{} {sign} {}", write(left, *tight), write(right, *tight + 1)), *tight < outer)
                }
                None => format!("{name}({})", join(&call.args)),
            },
            (name, Some(target), args) => format!("{}.{name}({})", write(target, 9), join(args)),
            (name, None, args) => format!("{name}({})", join(args)),
        },
        Expr::Comprehension(each) => {
            let parts = super::fold::Fold::of(each);
            let bodies: Vec<String> = parts.bodies.iter().map(|body| text(body)).collect();
            format!("{}.{}({}, {})", write(&each.iter_range, 9), parts.name, each.iter_var, bodies.join(", "))
        }
        Expr::Struct(_) | Expr::Unspecified => "…".to_owned(),
    }
}

fn bracket(text: String, needed: bool) -> String {
    if needed { format!("({text})") } else { text }
}

fn join(nodes: &[IdedExpr]) -> String {
    nodes.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn literal_text(literal: &LiteralValue) -> String {
    match literal {
        LiteralValue::Boolean(b) => b.inner().to_string(),
        LiteralValue::Int(i) => i.inner().to_string(),
        LiteralValue::UInt(u) => format!("{}u", u.inner()),
        LiteralValue::Double(d) => format!("{:?}", d.inner()),
        LiteralValue::String(s) => format!("'{}'", s.inner().escape_default()),
        LiteralValue::Bytes(_) => "b'…'".to_owned(),
        LiteralValue::Null => "null".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect::syntax::parse;

    #[test]
    fn text_means_the_same_as_the_source() {
        for source in [
            "rows[0].lag_s <= params.max_lag_s",
            "a && (b || c) && !d",
            "(a + 1) * 2 > b - (c - d)",
            "x in [1, 2] ? 'a' : 'b'",
            "rows.all(r, r.x > 1) && !has(a.b)",
            "rows.filter(r, r.ok).map(r, r.x).exists(x, x == 1)",
            "rows.exists_one(r, r.x == 1)",
            "rows.map(r, r.ok, r.x).size() > 0",
            "headers['x-y'].startsWith('a\\'b') == true",
            "(a ? b : c) ? d : e",
            "size(rows) == 0 || -x > 1.5",
        ] {
            let tree = parse(source).expect(source);
            let again = text(&tree);
            assert_eq!(again, text(&parse(&again).expect(&again)), "{source}");
            assert_eq!(again, source);
        }
    }
}
