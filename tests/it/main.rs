//! The one integration binary.

mod probes;
mod support;
