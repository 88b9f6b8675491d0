//! YAML as a tree of values, each with its place in the file.

mod check;
mod node;
mod read;
mod scalar;

pub(crate) use check::decode;
pub(crate) use node::{Data, Entry, Node, Place};
pub(crate) use read::{MAX_NODES, read};
