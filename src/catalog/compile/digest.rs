//! Fingerprints of canonical definitions: comments, order of keys, quotes and line breaks do not
//! count.

use std::hash::Hasher;

use fnv::FnvHasher;

use crate::catalog::syntax::{Data, Node};
use crate::model::Digest;

#[derive(Default)]
pub(super) struct Digester(FnvHasher);

impl Digester {
    /// Every text is written with its length, so that two texts never read like two others.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.0.write(&(text.len() as u64).to_le_bytes());
        self.0.write(text.as_bytes());
        self
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.0.write(&number.to_le_bytes());
        self
    }

    pub(super) fn node(&mut self, node: &Node) -> &mut Self {
        match &node.data {
            Data::Null => self.text("null"),
            Data::Bool(value) => self.text("bool").number(u64::from(*value)),
            Data::Int(value, _) => self.text("int").text(&value.to_string()),
            Data::Float(value, _) => self.text("float").number(value.to_bits()),
            Data::Text(text) => self.text("text").text(text),
            Data::List(nodes) => {
                self.text("list").number(nodes.len() as u64);
                for node in nodes {
                    self.node(node);
                }
                self
            }
            Data::Map(entries) => {
                let mut sorted: Vec<_> = entries.iter().collect();
                sorted.sort_unstable_by(|a, b| a.key.cmp(&b.key));
                self.text("map").number(entries.len() as u64);
                for entry in sorted {
                    self.text(&entry.key).node(&entry.value);
                }
                self
            }
        }
    }

    pub(super) fn finish(&self) -> Digest {
        Digest(self.0.finish())
    }
}
