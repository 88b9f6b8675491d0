//! Types at load: `cel` has none, so a misspelt field would be an error only when the check runs,
//! and `status == 'x'` would be false for ever.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, SelectExpr};
use serde_json::Value;

use super::fold::{Fold, Shape};
use super::functions::FUNCTIONS;
use super::nearest;
use super::syntax::Complaint;
use super::text::text;
use super::types::{Schema, Type};

/// What an expression may name.
pub(super) struct Names<'a> {
    /// Absent where an expression sees parameters only.
    pub(super) facts: Option<Schema<'a>>,
    pub(super) params: Schema<'a>,
}

/// One pass over one expression.
pub(super) struct Checker<'a, 'e> {
    names: &'e Names<'a>,
    source: &'e str,
    found: Vec<Complaint>,
    /// The variable of the loop we are in.
    variable: Option<(&'e str, Type<'a>)>,
}

/// The type of an expression, and everything that is wrong with it.
pub(super) fn check<'a>(tree: &IdedExpr, source: &str, names: &Names<'a>) -> (Type<'a>, Vec<Complaint>) {
    let mut checker = Checker { names, source, found: Vec::new(), variable: None };
    let found = checker.infer(tree);
    (found, checker.found)
}

impl<'a, 'e> Checker<'a, 'e> {
    pub(super) fn infer(&mut self, node: &'e IdedExpr) -> Type<'a> {
        let found = match &node.expr {
            Expr::Literal(literal) => return literal_type(literal),
            Expr::Ident(name) => self.ident(name),
            Expr::Select(select) => self.select(select),
            Expr::Call(call) => return self.call(node, call),
            Expr::List(list) => {
                for element in &list.elements {
                    self.infer(element);
                }
                return Type::List(None);
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let cel::common::ast::EntryExpr::MapEntry(entry) = &entry.expr {
                        self.infer(&entry.key);
                        self.infer(&entry.value);
                    }
                }
                return Type::Any;
            }
            Expr::Comprehension(each) => return self.comprehension(each),
            Expr::Struct(_) | Expr::Unspecified => Type::Any,
        };
        self.refuse_large_in_loop(node, found);
        found
    }

    /// Inside a loop a list or text of the facts would be walked once an element: quadratic, with
    /// nothing to stop it. Parameters are written by the author and small.
    fn refuse_large_in_loop(&mut self, node: &IdedExpr, found: Type<'a>) {
        let Some((variable, _)) = self.variable else { return };
        let root = root(node);
        let own = root.is_none_or(|root| root == variable || root == "params" || root.starts_with('@'));
        if !own && !found.is_scalar() {
            let message = format!("`{}` may not be used inside a loop: its size is not known", text(node));
            self.complain(
                root.unwrap_or_default(),
                message,
                Some("only numbers, texts and booleans whose type is declared".into()),
            );
        }
    }

    fn ident(&mut self, name: &'e str) -> Type<'a> {
        if let Some((variable, found)) = self.variable
            && variable == name
        {
            return found;
        }
        match name {
            "@result" => return Type::Any,
            "params" => return self.names.params.whole(),
            _ => {}
        }
        // The name of a type, as in `type(x) == int`, unless a fact has it.
        let is_type = FUNCTIONS.contains(&name) || matches!(name, "list" | "map" | "null_type" | "uint");
        let Some(facts) = self.names.facts else {
            if !is_type {
                self.complain(name, format!("there is no `{name}` here: only `params` can be used"), None);
            }
            return Type::Any;
        };
        if name == "now" {
            return Type::Number;
        }
        let Type::Object(object) = facts.whole() else { return Type::Any };
        facts.field(object, name).unwrap_or_else(|names| {
            if is_type {
                return Type::Any;
            }
            let known = names.into_iter().chain(["params", "now"]);
            self.complain(name, format!("there is no `{name}`"), nearest::hint(name, known));
            Type::Any
        })
    }

    fn select(&mut self, select: &'e SelectExpr) -> Type<'a> {
        // Only whole paths are judged for their size, not each step of one.
        let operand = self.path(&select.operand);
        let found = self.field(operand, &select.field, &select.operand);
        if select.test { Type::Bool } else { found }
    }

    fn path(&mut self, node: &'e IdedExpr) -> Type<'a> {
        match &node.expr {
            Expr::Ident(name) => self.ident(name),
            Expr::Select(select) => self.select(select),
            Expr::Call(call) if call.func_name == "_[_]" => self.index(call),
            _ => self.infer(node),
        }
    }

    fn field(&mut self, operand: Type<'a>, field: &'e str, node: &IdedExpr) -> Type<'a> {
        match operand {
            Type::Object(object) => {
                let schema = self.schema_for(node);
                schema.field(object, field).unwrap_or_else(|names| {
                    let message = format!("`{}` has no field `{field}`", text(node));
                    self.complain(field, message, nearest::hint(field, names));
                    Type::Any
                })
            }
            Type::Any => Type::Any,
            other => {
                self.complain(field, format!("`{}` is {}, it has no fields", text(node), other.name()), None);
                Type::Any
            }
        }
    }

    /// The schema whose definitions the type of `node` refers to.
    fn schema_for(&self, node: &IdedExpr) -> Schema<'a> {
        match (root(node), self.names.facts) {
            (Some("params"), _) | (_, None) => self.names.params,
            (_, Some(facts)) => facts,
        }
    }

    fn index(&mut self, call: &'e CallExpr) -> Type<'a> {
        let [operand, index] = call.args.as_slice() else { return Type::Any };
        let (of, by) = (self.path(operand), self.infer(index));
        match (of, by) {
            (Type::Object(_), _) => match &index.expr {
                Expr::Literal(LiteralValue::String(name)) => self.field(of, name.inner(), operand),
                _ => Type::Any,
            },
            (Type::List(items), Type::Number | Type::Any) => {
                items.map_or(Type::Any, |items| self.schema_for(operand).of(items))
            }
            (Type::Any, _) => Type::Any,
            (of, by) => {
                let message = format!("`{}` is {}, it has no element {}", text(operand), of.name(), by.name());
                self.complain(root(operand).unwrap_or_default(), message, None);
                Type::Any
            }
        }
    }

    fn call(&mut self, node: &'e IdedExpr, call: &'e CallExpr) -> Type<'a> {
        let name = call.func_name.as_str();
        match (name, call.target.as_deref(), call.args.as_slice()) {
            ("_[_]", ..) => {
                let found = self.index(call);
                self.refuse_large_in_loop(node, found);
                found
            }
            ("_&&_" | "_||_" | "!_", ..) => {
                for arg in &call.args {
                    self.expect(arg, Type::Bool);
                }
                Type::Bool
            }
            ("_==_" | "_!=_", _, [left, right]) => {
                self.compare(left, right);
                Type::Bool
            }
            ("_<_" | "_<=_" | "_>_" | "_>=_", _, [left, right]) => {
                let (a, b) = self.compare(left, right);
                for (side, found) in [(left, a), (right, b)] {
                    if matches!(found, Type::Null | Type::Bool | Type::List(_) | Type::Object(_)) {
                        let message = format!("`{}` is {}, which has no order", text(side), found.name());
                        self.complain(root(side).unwrap_or_default(), message, None);
                    }
                }
                Type::Bool
            }
            ("@in", _, [left, right]) => self.member(left, right),
            ("-_", _, [operand]) => {
                self.expect(operand, Type::Number);
                Type::Number
            }
            ("_+_" | "_-_" | "_*_" | "_/_" | "_%_", _, [left, right]) => self.arithmetic(name, left, right),
            ("_?_:_", _, [condition, yes, no]) => {
                self.expect(condition, Type::Bool);
                let (a, b) = (self.infer(yes), self.infer(no));
                if a.is_scalar() && std::mem::discriminant(&a) == std::mem::discriminant(&b) { a } else { Type::Any }
            }
            _ => self.function(call),
        }
    }

    fn member(&mut self, left: &'e IdedExpr, right: &'e IdedExpr) -> Type<'a> {
        let (of, within) = (self.infer(left), self.infer(right));
        match within {
            Type::List(Some(items)) => {
                let items = self.schema_for(right).of(items);
                if !of.comparable(items) {
                    let message = format!(
                        "`{}` is {}, but the elements of `{}` are each {}",
                        text(left),
                        of.name(),
                        text(right),
                        items.name()
                    );
                    self.complain(root(left).unwrap_or_default(), message, None);
                }
            }
            Type::List(None) => {
                if let Expr::List(list) = &right.expr {
                    for element in &list.elements {
                        self.compare(left, element);
                    }
                }
            }
            Type::Any | Type::Object(_) => {}
            other => {
                let message = format!("`in` needs a list or an object, `{}` is {}", text(right), other.name());
                let hint = matches!(other, Type::Text(_)).then(|| "texts have `.contains('…')`".to_owned());
                self.complain(root(right).unwrap_or_default(), message, hint);
            }
        }
        Type::Bool
    }

    fn compare(&mut self, left: &'e IdedExpr, right: &'e IdedExpr) -> (Type<'a>, Type<'a>) {
        let (a, b) = (self.infer(left), self.infer(right));
        if !a.comparable(b) {
            let message = format!(
                "`{}` is {} and `{}` is {}: they cannot be compared",
                text(left),
                a.name(),
                text(right),
                b.name()
            );
            self.complain(root(left).or(root(right)).unwrap_or_default(), message, None);
        }
        for (side, other, found) in [(left, right, a), (right, left, b)] {
            if let (Type::Text(Some(schema)), Expr::Literal(LiteralValue::String(value))) = (found, &other.expr) {
                let choices = Schema::choices(schema);
                if !choices.is_empty() && !choices.contains(&value.inner()) {
                    let message = format!("`{}` is never {}", text(side), text(other));
                    self.complain(value.inner(), message, nearest::hint(value.inner(), choices));
                }
            }
        }
        (a, b)
    }

    fn arithmetic(&mut self, name: &str, left: &'e IdedExpr, right: &'e IdedExpr) -> Type<'a> {
        let (a, b) = (self.infer(left), self.infer(right));
        match (a, b) {
            (Type::Number | Type::Any, Type::Number | Type::Any) => Type::Number,
            (Type::Text(_) | Type::Any, Type::Text(_) | Type::Any) if name == "_+_" => Type::Text(None),
            // What the loop macros of the library add to.
            _ if root(left) == Some("@result") => Type::Any,
            _ => {
                let sign = name.trim_matches('_');
                let message = format!(
                    "`{sign}` needs two numbers, `{}` is {} and `{}` is {}",
                    text(left),
                    a.name(),
                    text(right),
                    b.name()
                );
                self.complain(root(left).or(root(right)).unwrap_or_default(), message, None);
                Type::Any
            }
        }
    }

    pub(super) fn expect(&mut self, node: &'e IdedExpr, wanted: Type<'_>) {
        let found = self.infer(node);
        if !matches!(found, Type::Any) && std::mem::discriminant(&found) != std::mem::discriminant(&wanted) {
            let message = format!("`{}` is {}, {} is needed", text(node), found.name(), wanted.name());
            self.complain(root(node).unwrap_or_default(), message, None);
        }
    }

    fn comprehension(&mut self, each: &'e ComprehensionExpr) -> Type<'a> {
        let range = self.infer(&each.iter_range);
        let element = match range {
            Type::List(items) => items.map_or(Type::Any, |items| self.schema_for(&each.iter_range).of(items)),
            Type::Object(_) => Type::Text(None),
            Type::Any => Type::Any,
            other => {
                let message = format!("`{}` is {}, it has no elements", text(&each.iter_range), other.name());
                self.complain(root(&each.iter_range).unwrap_or_default(), message, None);
                Type::Any
            }
        };
        let fold = Fold::of(each);
        let outer = self.variable.replace((each.iter_var.as_str(), element));
        let last = fold.bodies.len().saturating_sub(1);
        for (place, body) in fold.bodies.iter().enumerate() {
            if fold.shape == Shape::Map && place == last {
                self.infer(body);
            } else {
                self.expect(body, Type::Bool);
            }
        }
        self.variable = outer;
        match fold.shape {
            Shape::All | Shape::Exists | Shape::ExistsOne => Type::Bool,
            Shape::Filter => range,
            Shape::Map => Type::List(None),
        }
    }

    pub(super) fn complain(&mut self, word: &str, message: String, hint: Option<String>) {
        if self.found.iter().any(|known| known.message == message) {
            return;
        }
        let span = (!word.is_empty()).then(|| self.source.find(word)).flatten().map(|at| (at, at + word.len()));
        self.found.push(Complaint { span, message, hint });
    }
}

fn literal_type<'a>(literal: &LiteralValue) -> Type<'a> {
    match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_) => Type::Number,
        LiteralValue::String(_) => Type::Text(None),
        LiteralValue::Null => Type::Null,
        LiteralValue::Bytes(_) => Type::Any,
    }
}

/// The variable a path starts with.
pub(super) fn root(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Ident(name) => Some(name),
        Expr::Select(select) => root(&select.operand),
        Expr::Call(call) if call.func_name == "_[_]" => call.args.first().and_then(root),
        Expr::Comprehension(each) => root(&each.iter_range),
        _ => None,
    }
}

/// A schema that says nothing.
pub(super) const ANYTHING: &Value = &Value::Bool(true);
