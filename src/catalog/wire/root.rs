//! The top of a file.

use std::path::Path;

use super::{AttestationDef, ChecklistDef, CredentialDef, Fields, Located, TargetDef, WaiverDef, list, map, texts};
use crate::catalog::sink::Sink;
use crate::catalog::syntax::{Entry, Node, Place};

/// Everything that all files define, in the order of the files.
#[derive(Default)]
pub(crate) struct Root<'n> {
    pub(crate) targets: Vec<TargetDef>,
    pub(crate) credentials: Vec<CredentialDef>,
    /// Overrides of parameters, by checklist.
    pub(crate) overrides: Vec<&'n Entry>,
    pub(crate) checklists: Vec<ChecklistDef<'n>>,
    pub(crate) waivers: Vec<WaiverDef>,
    pub(crate) attestations: Vec<AttestationDef>,
}

impl<'n> Root<'n> {
    /// Adds what one file defines. `base` is its folder.
    pub(crate) fn add(&mut self, node: &'n Node, base: &Path, sink: &Sink) {
        let start = Place { end: node.at.start, ..node.at };
        let Some(mut fields) = Fields::of(node, "a catalogue file", start, sink) else { return };
        // Read before, by the loader.
        let _ = fields.optional("include");
        let mut entries = |name| fields.optional(name).map_or(&[][..], |field| map(&field.value, sink));
        let targets = entries("targets");
        let credentials = entries("credentials");
        let overrides = entries("parameters");
        let checklists = entries("checklists");
        let mut nodes = |name| fields.optional(name).map_or(&[][..], |field| list(&field.value, sink));
        let (waivers, attestations) = (nodes("waivers"), nodes("attestations"));
        fields.finish();
        self.targets.extend(targets.iter().filter_map(|entry| TargetDef::read(entry, base, sink)));
        self.credentials.extend(credentials.iter().filter_map(|entry| CredentialDef::read(entry, base, sink)));
        self.overrides.extend(overrides);
        self.checklists.extend(checklists.iter().filter_map(|entry| ChecklistDef::read(entry, sink)));
        self.waivers.extend(waivers.iter().filter_map(|node| WaiverDef::read(node, sink)));
        self.attestations.extend(attestations.iter().filter_map(|node| AttestationDef::read(node, sink)));
    }

    /// The patterns a file includes.
    pub(crate) fn includes(node: &Node, sink: &Sink) -> Vec<Located<String>> {
        match node.get("include") {
            Some(entry) if !entry.value.is_null() => texts(&entry.value, sink),
            _ => Vec::new(),
        }
    }
}
