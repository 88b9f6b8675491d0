//! What is legal in each part but wrong as a whole: one file a rule, one line here.

mod alias;
mod attestation;
mod cycle;
mod mode;
mod secret;
mod timeout;
mod unused;
mod waiver;

use super::Builtins;
use super::compile::{ItemFacts, Output};
use super::load::Document;
use super::sink::Sink;
use super::wire::Root;
use crate::model::{Item, Timestamp};

/// What a rule may look at.
pub(super) struct Subject<'a> {
    pub(super) root: &'a Root<'a>,
    pub(super) output: &'a Output<'a>,
    pub(super) documents: &'a [Document],
    pub(super) builtins: &'a Builtins,
    pub(super) now: Timestamp,
}

type Rule = fn(&Subject<'_>, &Sink);

const RULES: [Rule; 8] = [
    alias::check,
    attestation::check,
    cycle::check,
    mode::check,
    secret::check,
    timeout::check,
    unused::check,
    waiver::check,
];

pub(super) fn apply(subject: &Subject<'_>, sink: &Sink) {
    for rule in RULES {
        rule(subject, sink);
    }
}

impl Subject<'_> {
    /// The items that compiled.
    fn items(&self) -> impl Iterator<Item = (&Item, &ItemFacts)> {
        let facts = self.output.items.iter().flatten();
        self.output.plan.items.iter().map(|item| &**item).zip(facts)
    }
}
