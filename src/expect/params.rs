//! The parameters of a checklist, as expressions see them.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{scope, types};

/// Made once for a checklist and shared by its conditions. To read the types off the values, or to
/// make variables of them, costs more than to evaluate a condition, and a checklist has hundreds.
#[derive(Clone, Debug)]
pub struct Params(Arc<Read>);

#[derive(Debug)]
struct Read {
    value: Value,
    schema: Value,
    /// With the number of values in it; `None`: more than an expression may see.
    variable: Option<(cel::Value, usize)>,
}

impl Params {
    /// `value` is an object.
    pub fn new(value: Value) -> Self {
        Self(Arc::new(Read { schema: types::schema_of(&value), variable: scope::counted(&value), value }))
    }

    pub(crate) fn value(&self) -> &Value {
        &self.0.value
    }

    pub(super) fn schema(&self) -> &Value {
        &self.0.schema
    }

    /// The variable, if its values still fit into `left`, of which they are taken.
    pub(super) fn variable(&self, left: &mut usize) -> Option<cel::Value> {
        let (variable, values) = self.0.variable.as_ref()?;
        *left = left.checked_sub(*values)?;
        Some(variable.clone())
    }
}

/// No parameters.
impl Default for Params {
    fn default() -> Self {
        Self::new(Value::Object(Map::new()))
    }
}
