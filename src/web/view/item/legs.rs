//! What an item expects, and what its legs said last.

use crate::model::{Check, Item, Leg, LegMemory, Plan, Timestamp};
use crate::snapshot::ItemView;
use crate::web::view::look::{Look, outcome};
use crate::web::view::when::When;

pub(in crate::web) struct LegView<'a> {
    pub(in crate::web) name: &'a str,
    pub(in crate::web) kind: &'static str,
    pub(in crate::web) target: &'a str,
    pub(in crate::web) access: &'static str,
    pub(in crate::web) timeout: String,
    pub(in crate::web) expects: &'a [Box<str>],
    pub(in crate::web) last: Option<LegResult<'a>>,
}

impl LegView<'_> {
    /// The proof of a pass holds each condition already, beside what was seen.
    pub(in crate::web) fn is_shown_by_proof(&self) -> bool {
        self.expects.is_empty() || self.last.as_ref().is_some_and(|last| last.proof.len() >= self.expects.len())
    }
}

pub(in crate::web) struct LegResult<'a> {
    pub(in crate::web) outcome: Look,
    pub(in crate::web) reason: &'static str,
    pub(in crate::web) sentence: &'a str,
    pub(in crate::web) at: When,
    /// What was checked: name, expected, seen.
    pub(in crate::web) proof: Vec<(&'a str, &'a str, &'a str)>,
}

/// The check as lines of text, each deeper level indented by two spaces.
pub(super) fn expects(item: &Item, plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    describe(&item.check, item, plan, 0, &mut lines);
    lines
}

fn describe(check: &Check, item: &Item, plan: &Plan, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let (head, parts): (String, &[Check]) = match check {
        Check::Leg(place) => {
            let leg = item.legs.get(*place).map_or_else(|| "a leg".to_owned(), leg_text);
            (leg, &[])
        }
        Check::Item(slot) => {
            let title = plan.item(*slot).map_or("another item", |item| &item.title);
            (format!("“{title}” passes"), &[])
        }
        Check::AllOf(parts) => ("all of".to_owned(), parts),
        Check::AnyOf(parts) => ("at least one of".to_owned(), parts),
        Check::NoneOf(parts) => ("none of".to_owned(), parts),
        Check::AtLeast(n, parts) => (format!("at least {n} of"), parts),
        Check::Undecided { reason, sentence } => (format!("cannot be judged ({}): {sentence}", reason.as_str()), &[]),
        Check::NotApplicable => ("left out: its condition does not hold".to_owned(), &[]),
    };
    lines.push(format!("{indent}{head}"));
    for part in parts {
        describe(part, item, plan, depth + 1, lines);
    }
}

fn leg_text(leg: &Leg) -> String {
    let name = if *leg.name == *leg.kind { String::new() } else { format!(" “{}”", leg.name) };
    let target = if leg.target.is_empty() { String::new() } else { format!(" against {}", leg.target) };
    format!("{}{name}{target}", leg.kind)
}

pub(super) fn legs(view: &ItemView, now: Timestamp) -> Vec<LegView<'_>> {
    let memories = view.memory.legs.iter().map(Option::as_ref).chain(std::iter::repeat(None));
    let pairs = view.item.legs.iter().zip(memories);
    pairs
        .map(|(leg, memory)| LegView {
            name: &leg.name,
            kind: leg.kind,
            target: &leg.target,
            access: leg.access.as_str(),
            timeout: leg.timeout.to_string(),
            expects: &leg.expects,
            last: memory.map(|memory| leg_result(memory, now)),
        })
        .collect()
}

fn leg_result(memory: &LegMemory, now: Timestamp) -> LegResult<'_> {
    let verdict = &memory.verdict;
    LegResult {
        outcome: outcome(verdict.outcome()),
        reason: verdict.reason().map_or("", |reason| reason.as_str()),
        sentence: verdict.sentence(),
        at: When::new(memory.at, now),
        proof: verdict.proof().iter().map(|a| (a.name, a.expected, a.seen)).collect(),
    }
}
