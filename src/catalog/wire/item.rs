//! An item without its check.

use super::{Fields, Located, boolean, duration, number, text, texts};
use crate::catalog::sink::Sink;
use crate::catalog::syntax::{Node, Place};
use crate::diag::{Code, Diagnostic};
use crate::model::{Claim, Mode, Priority, Span};

/// Runs closer together than this would be a load test.
const LEAST_INTERVAL: Span = Span::from_secs(1);
pub(crate) const LEAST_TIMEOUT: Span = Span::from_millis(10);

pub(crate) struct ItemDef<'n> {
    pub(crate) title: String,
    pub(crate) priority: Priority,
    pub(crate) mode: Located<Mode>,
    pub(crate) claim: Claim,
    pub(crate) line: Option<u32>,
    pub(crate) interval: Option<Located<Span>>,
    pub(crate) retry: Option<Span>,
    pub(crate) timeout: Option<Span>,
    pub(crate) team: Option<String>,
    pub(crate) runbook_url: Option<String>,
    pub(crate) aliases: Vec<Located<String>>,
    pub(crate) depends_on: Vec<Located<String>>,
    pub(crate) when: Option<&'n Node>,
    pub(crate) hysteresis: [Option<u8>; 3],
    pub(crate) fresh_for: Option<Span>,
    pub(crate) ready_hold: Option<Span>,
    pub(crate) check: Option<&'n Node>,
}

impl<'n> ItemDef<'n> {
    /// `at` is where the item's id stands. Wrong values are reported and replaced by defaults, so
    /// that the check is looked at too.
    pub(crate) fn read(node: &'n Node, at: Place, sink: &Sink) -> Option<Self> {
        let mut fields = Fields::of(node, "an item", at, sink)?;
        let title = fields.required("title").and_then(|field| text(&field.value, sink));
        let priority = fields.required("priority").and_then(|field| priority(&field.value, sink));
        let mode = fields.optional("mode").and_then(|field| mode(&field.value, sink));
        let claimed = fields.optional("claimed").and_then(|field| boolean(&field.value, sink));
        let line = fields.optional("line").and_then(|field| number(&field.value, 1..=u32::MAX, sink));
        let interval = fields.optional("interval").and_then(|field| {
            let value = duration(&field.value, LEAST_INTERVAL, sink)?;
            Some(Located { value, at: field.value.at })
        });
        let mut span = |name, least| fields.optional(name).and_then(|field| duration(&field.value, least, sink));
        let retry = span("retry", LEAST_INTERVAL);
        let timeout = span("timeout", LEAST_TIMEOUT);
        let fresh_for = span("fresh_for", LEAST_INTERVAL);
        let ready_hold = span("ready_hold", Span::ZERO);
        let mut words = |name| fields.optional(name).and_then(|field| text(&field.value, sink)).map(|text| text.value);
        let (team, runbook_url) = (words("team"), words("runbook_url"));
        let mut names = |name| fields.optional(name).map(|field| texts(&field.value, sink)).unwrap_or_default();
        let (aliases, depends_on) = (names("aliases"), names("depends_on"));
        let when = fields.optional("when").map(|field| &field.value);
        let hysteresis = fields.optional("hysteresis").map(|field| hysteresis(&field.value, field.key_at, sink));
        let check = fields.optional("check").map(|field| &field.value);
        fields.finish();
        let claim = match claimed {
            Some(true) => Claim::Done,
            Some(false) => Claim::Open,
            None => Claim::None,
        };
        Some(Self {
            title: title.map(|title| title.value).unwrap_or_default(),
            priority: priority.unwrap_or(Priority::Medium),
            mode: mode.unwrap_or(Located { value: Mode::Auto, at }),
            claim,
            line,
            interval,
            retry,
            timeout,
            team,
            runbook_url,
            aliases,
            depends_on,
            when,
            hysteresis: hysteresis.unwrap_or_default(),
            fresh_for,
            ready_hold,
            check,
        })
    }
}

fn one_of<T: Copy>(node: &Node, all: &[T], name: impl Fn(T) -> &'static str, what: &str, sink: &Sink) -> Option<T> {
    let found = text(node, sink)?;
    let value = all.iter().copied().find(|value| name(*value) == found.value);
    if value.is_none() {
        let known = all.iter().map(|value| name(*value));
        let message = format!("there is no {what} `{}`", found.value);
        let diagnostic = Diagnostic::error(Code::VALUE, found.at, message);
        sink.push(match sink.hint(&found.value, known) {
            Some(hint) => diagnostic.help(hint),
            None => diagnostic,
        });
    }
    value
}

fn priority(node: &Node, sink: &Sink) -> Option<Priority> {
    one_of(node, &Priority::ALL, Priority::as_str, "priority", sink)
}

fn mode(node: &Node, sink: &Sink) -> Option<Located<Mode>> {
    let all = [Mode::Auto, Mode::Derived, Mode::Artifact, Mode::Attested];
    one_of(node, &all, Mode::as_str, "mode", sink).map(|value| Located { value, at: node.at })
}

fn hysteresis(node: &Node, at: Place, sink: &Sink) -> [Option<u8>; 3] {
    let Some(mut fields) = Fields::of(node, "hysteresis", at, sink) else { return [None; 3] };
    let mut count = |name| {
        let value = fields.optional(name).and_then(|field| number(&field.value, 1..=100, sink));
        value.and_then(|value| u8::try_from(value).ok())
    };
    let counts = [count("fail_after"), count("recover_after"), count("unknown_after")];
    fields.finish();
    counts
}
