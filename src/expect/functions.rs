//! The functions an expression may call, and what they take and give.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue};

use super::check::{Checker, root};
use super::nearest;
use super::operators::{compile_pattern, seconds};
use super::quantity::quantity;
use super::text::text;
use super::types::Type;

pub(super) const FUNCTIONS: [&str; 16] = [
    "bool",
    "bytes",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "epoch",
    "int",
    "matches",
    "quantity",
    "size",
    "split",
    "startsWith",
    "string",
    "type",
    "values",
];

impl<'a, 'e> Checker<'a, 'e> {
    pub(super) fn function(&mut self, call: &'e CallExpr) -> Type<'a> {
        let name = call.func_name.as_str();
        let operands: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        match (name, operands.as_slice()) {
            ("size", [of]) => {
                let found = self.infer(of);
                if matches!(found, Type::Bool | Type::Number) {
                    let message = format!("`{}` is {}, it has no size", text(of), found.name());
                    self.complain(root(of).unwrap_or_default(), message, None);
                }
                Type::Number
            }
            ("contains" | "startsWith" | "endsWith" | "matches", [of, pattern]) if call.target.is_some() => {
                self.expect(of, Type::Text(None));
                self.expect(pattern, Type::Text(None));
                if name == "matches" {
                    self.pattern(pattern);
                }
                Type::Bool
            }
            ("split", [of, by]) if call.target.is_none() => {
                self.expect(of, Type::Text(None));
                self.expect(by, Type::Text(None));
                Type::List(None)
            }
            ("values", [of]) if call.target.is_none() => self.values(of),
            ("epoch", [of]) if call.target.is_none() => {
                self.expect(of, Type::Text(None));
                if let Expr::Literal(LiteralValue::String(source)) = &of.expr
                    && seconds(source.inner()).is_none()
                {
                    let message = format!("{} is not a time", text(of));
                    self.complain(source.inner(), message, Some("as in 2026-11-22T01:06:15Z".to_owned()));
                }
                Type::Number
            }
            ("quantity", [of]) if call.target.is_none() => {
                self.expect(of, Type::Text(None));
                if let Expr::Literal(LiteralValue::String(source)) = &of.expr
                    && quantity(source.inner()).is_none()
                {
                    let message = format!("{} is no amount of Kubernetes", text(of));
                    self.complain(source.inner(), message, Some("as in 512Mi or 500m".to_owned()));
                }
                Type::Number
            }
            ("int" | "double" | "string" | "bool" | "bytes" | "dyn" | "type", [of]) => {
                self.infer(of);
                match name {
                    "int" | "double" => Type::Number,
                    "string" => Type::Text(None),
                    "bool" => Type::Bool,
                    _ => Type::Any,
                }
            }
            _ if FUNCTIONS.contains(&name) => {
                self.complain(name, format!("`{name}` is called with the wrong arguments"), None);
                Type::Any
            }
            _ => {
                let known = FUNCTIONS.into_iter().chain(["all", "exists", "exists_one", "filter", "has", "map"]);
                self.complain(name, format!("there is no function `{name}`"), nearest::hint(name, known));
                Type::Any
            }
        }
    }

    fn values(&mut self, of: &'e IdedExpr) -> Type<'a> {
        match self.infer(of) {
            Type::Object(object) if !object.contains_key("properties") => {
                Type::List(object.get("additionalProperties"))
            }
            Type::Object(_) | Type::Any => Type::List(None),
            other => {
                let message = format!("`{}` is {}, it has no values", text(of), other.name());
                let hint = matches!(other, Type::List(_)).then(|| "a list can be looped over as it is".to_owned());
                self.complain(root(of).unwrap_or_default(), message, hint);
                Type::Any
            }
        }
    }

    /// A pattern is compiled where it is used, so a bad or huge one must be found now.
    fn pattern(&mut self, pattern: &IdedExpr) {
        let Expr::Literal(LiteralValue::String(source)) = &pattern.expr else {
            self.complain("matches", "`matches` needs a constant pattern".to_owned(), None);
            return;
        };
        if let Err(error) = compile_pattern(source.inner()) {
            let last = error.to_string();
            let message = format!("not a valid pattern: {}", last.lines().last().unwrap_or_default());
            self.complain(source.inner(), message, None);
        }
    }
}
