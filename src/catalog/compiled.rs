//! What loading yields.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::compile::{Kinds, compile};
use super::load::{Documents, read_all};
use super::rules::{self, Subject};
use super::secrets;
use super::sink::Sink;
use super::wire::{ChecklistDef, Root};
use crate::diag::Report;
use crate::model::{Plan, Span, Target, Timestamp};
use crate::probe::kinds::KINDS;
use crate::probe::{Credentials, Descriptor, Grant, LegProbe};

/// What the daemon knows and the files do not say.
#[derive(Clone, Debug)]
pub struct Builtins {
    /// Targets that exist without being declared, such as `self`, the daemon's own address.
    /// A target of the same name in the files wins. One without an address is unconfigured.
    pub targets: Vec<Target>,
    /// The longest a waiver may run.
    pub max_waiver: Span,
}

/// A catalogue that compiled without an error.
#[derive(Clone)]
pub struct Compiled {
    pub plan: Arc<Plan>,
    /// By `LegIndex`.
    pub legs: Vec<LegProbe>,
    /// Rights that the legs need, by what they do to their targets: of all that are written down, also where
    /// their targets or parameters are not configured.
    pub grants: BTreeSet<Grant>,
    pub credentials: Arc<Credentials>,
    /// All files that were read, for the watch.
    pub files: Vec<PathBuf>,
    /// Of the content of all files: a reload with an equal one changes nothing.
    pub fingerprint: u64,
}

/// The result of a load. `compiled` is absent if the report has an error.
pub struct Loaded {
    pub compiled: Option<Compiled>,
    pub report: Report,
}

/// Reads `root` and everything it includes. Never panics and never stops at the first error.
/// `now` decides whether a waiver's or attestation's dates are plausible, not whether it holds.
pub fn load(root: &Path, builtins: &Builtins, now: Timestamp) -> Loaded {
    load_with(KINDS, root, builtins, now)
}

/// The same with another table of kinds.
pub(crate) fn load_with(kinds: &[Descriptor], root: &Path, builtins: &Builtins, now: Timestamp) -> Loaded {
    let sink = Sink::default();
    let Documents { mut sources, parsed, files, fingerprint } = read_all(root, &sink);
    let mut merged = Root::default();
    for document in &parsed {
        merged.add(&document.node, &document.base, &sink);
    }
    merged.checklists = ChecklistDef::join(std::mem::take(&mut merged.checklists), &sink);
    let output = compile(&merged, &sources, &Kinds::new(kinds), builtins, &sink);
    rules::apply(&Subject { root: &merged, output: &output, documents: &parsed, builtins, now }, &sink);

    let (plan, legs, grants, credentials) = (output.plan, output.legs, output.grants, output.credentials);
    let compiled = (sink.errors() == 0).then(|| Compiled {
        plan: Arc::new(plan),
        legs,
        grants,
        credentials: Arc::new(credentials),
        files,
        fingerprint,
    });
    let mut diagnostics = sink.finish();
    secrets::mask(&parsed, &mut sources, &mut diagnostics);
    Loaded { compiled, report: Report { sources, diagnostics } }
}
