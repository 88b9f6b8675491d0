//! From files to a plan: YAML with spans, typed item by item, every error at once.

mod compiled;

pub use compiled::{Builtins, Compiled, Loaded, load};
