//! From files to a plan: YAML with spans, typed item by item, every error at once.

mod compile;
mod compiled;
mod load;
mod rules;
mod schema;
mod secrets;
mod sink;
mod syntax;
#[cfg(test)]
mod tests;
mod wire;

pub use compiled::{Builtins, Compiled, Loaded, load};
pub use schema::json_schema;
