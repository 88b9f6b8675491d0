//! The command line: arguments, what they override, and output for people and machines.

pub mod args;
pub mod explain;
pub mod output;
mod overrides;
