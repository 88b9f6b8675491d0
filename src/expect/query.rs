//! An expression whose value is used, not judged: a list to go through, something to compare.

use cel::IdedExpr;
use serde_json::{Number, Value};

use super::check::{self, Names};
use super::scope::{self, Reads};
use super::syntax::{self, Complaint};
use super::types::Schema;
use super::{ExpressionError, Params, operators, placed};

/// A compiled expression over facts alone: it sees neither `params` nor `now`.
#[derive(Debug)]
pub struct Query {
    tree: IdedExpr,
    reads: Reads,
    /// No parameters.
    none: Params,
}

impl Query {
    /// Compiles against the JSON Schema of the facts.
    pub fn compile(source: &str, facts_schema: &Value) -> Result<Self, Vec<ExpressionError>> {
        let none = Params::default();
        let names = Names { facts: Some(Schema::new(facts_schema)), params: Schema::new(none.schema()) };
        let mut tree = syntax::parse(source).map_err(|complaint| placed(0, vec![complaint]))?;
        let (_, complaints): (_, Vec<Complaint>) = check::check(&tree, source, &names);
        if !complaints.is_empty() {
            return Err(placed(0, complaints));
        }
        operators::replace(&mut tree);
        let mut reads = Reads::default();
        reads.add(&tree);
        Ok(Self { tree, reads, none })
    }

    /// The value, or one clause that says why there is none.
    pub fn value(&self, facts: &Value) -> Result<Value, String> {
        let context = scope::scope(&self.reads, facts, &[], &self.none, None)?;
        json(&scope::evaluate(&self.tree, &context)?)
    }
}

fn json(value: &cel::Value) -> Result<Value, String> {
    Ok(match value {
        cel::Value::Null => Value::Null,
        cel::Value::Bool(b) => Value::Bool(*b),
        cel::Value::Int(i) => Value::Number((*i).into()),
        cel::Value::UInt(u) => Value::Number((*u).into()),
        cel::Value::Float(f) => Number::from_f64(*f).map_or(Value::Null, Value::Number),
        cel::Value::String(text) => Value::String(text.to_string()),
        cel::Value::List(items) => Value::Array(items.iter().map(json).collect::<Result<_, _>>()?),
        _ => return Err("it holds objects or masked values; only texts, numbers and lists of them can be used".into()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_of_texts_comes_out_as_it_is() {
        let schema = json!({ "type": "object", "properties": { "json": true } });
        let facts = json!({ "json": { "agents": [{ "id": "a", "endpoint": "x:1" }, { "id": "b", "endpoint": "gateway://b" }] } });
        let query = |source: &str| Query::compile(source, &schema).unwrap().value(&facts);
        let source = "json.agents.filter(a, !a.endpoint.startsWith('gateway://')).map(a, a.id)";
        assert_eq!(query(source).unwrap(), json!(["a"]));
        assert_eq!(query("size(json.agents)").unwrap(), json!(2));
        assert!(query("json.agents").unwrap_err().contains("objects"));
        assert!(query("json.nothing").unwrap_err().contains("nothing"));
        assert!(Query::compile("jsn.agents", &schema).unwrap_err()[0].message.contains("jsn"));
    }
}
