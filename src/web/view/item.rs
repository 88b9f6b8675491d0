//! Everything about one item.

use super::links::source_link;
use super::look::{Look, look};
use super::row::{Blocking, Row, row};
use super::when::{When, coarse};
use super::{Links, safe_url};
use crate::core::{Drift, drift};
use crate::model::{Check, Item, LegMemory, Measurement, Outcome, Plan, Slot, State, Timestamp, Transition};
use crate::snapshot::{ItemView, Snapshot};
use crate::store::Evidence;

/// What the store remembers, or why it could not say.
pub(in crate::web) struct Past {
    pub(in crate::web) evidence: Result<Vec<Evidence>, String>,
    pub(in crate::web) history: Result<Vec<Transition>, String>,
}

pub(in crate::web) struct ItemDetail<'a> {
    pub(in crate::web) row: Row<'a>,
    pub(in crate::web) checklist_title: &'a str,
    pub(in crate::web) section: &'a str,
    pub(in crate::web) section_title: &'a str,
    pub(in crate::web) reason_meaning: &'static str,
    /// What it would be without waiver and blocking, if that is something else.
    pub(in crate::web) underlying: Option<(Look, &'static str)>,
    pub(in crate::web) regressed_since: Option<When>,
    pub(in crate::web) last_evaluation: Option<When>,
    pub(in crate::web) duration: String,
    pub(in crate::web) last_pass: Option<When>,
    pub(in crate::web) fresh_until: Option<When>,
    pub(in crate::web) next_change: Option<When>,
    pub(in crate::web) interval: String,
    pub(in crate::web) scheduled: bool,
    pub(in crate::web) counters: (u64, u64, u64),
    pub(in crate::web) confirmation: String,
    pub(in crate::web) depends_on: Vec<Row<'a>>,
    pub(in crate::web) blocks: Vec<Row<'a>>,
    pub(in crate::web) waiver: Option<WaiverView<'a>>,
    pub(in crate::web) attestations: Vec<AttestationView<'a>>,
    pub(in crate::web) measurements: Vec<MeasurementView>,
    pub(in crate::web) expects: Vec<String>,
    pub(in crate::web) legs: Vec<LegView<'a>>,
    pub(in crate::web) claimed: &'static str,
    pub(in crate::web) drift_meaning: &'static str,
    pub(in crate::web) source: Option<(String, Option<String>)>,
    pub(in crate::web) mode: &'static str,
    pub(in crate::web) probe: &'a str,
    pub(in crate::web) evidence: Result<Vec<EvidenceView>, String>,
    pub(in crate::web) history: Result<Vec<TransitionView>, String>,
    /// Where run-now is sent, if it is allowed.
    pub(in crate::web) run: Option<String>,
    pub(in crate::web) api: String,
}

pub(in crate::web) struct WaiverView<'a> {
    pub(in crate::web) id: &'a str,
    pub(in crate::web) approver: &'a str,
    pub(in crate::web) justification: &'a str,
    pub(in crate::web) ticket: &'a str,
    pub(in crate::web) ticket_url: Option<&'a str>,
    pub(in crate::web) starts: When,
    pub(in crate::web) expires: When,
    /// `in force`, `expired`, …
    pub(in crate::web) standing: &'static str,
}

pub(in crate::web) struct AttestationView<'a> {
    pub(in crate::web) statement: &'a str,
    pub(in crate::web) attester: &'a str,
    pub(in crate::web) role: &'a str,
    pub(in crate::web) evidence: &'a str,
    pub(in crate::web) evidence_url: Option<&'a str>,
    pub(in crate::web) attested: When,
    pub(in crate::web) expires: When,
    pub(in crate::web) expired: bool,
    pub(in crate::web) signed: bool,
}

pub(in crate::web) struct MeasurementView {
    pub(in crate::web) name: String,
    pub(in crate::web) value: String,
    pub(in crate::web) threshold: String,
}

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

pub(in crate::web) struct EvidenceView {
    pub(in crate::web) at: When,
    pub(in crate::web) leg: String,
    pub(in crate::web) outcome: Look,
    pub(in crate::web) reason: &'static str,
    pub(in crate::web) sentence: String,
    pub(in crate::web) duration: String,
    pub(in crate::web) facts: String,
    pub(in crate::web) trace: Vec<String>,
}

pub(in crate::web) struct TransitionView {
    pub(in crate::web) at: When,
    pub(in crate::web) from: Option<Look>,
    pub(in crate::web) to: Look,
    pub(in crate::web) reason: &'static str,
    pub(in crate::web) cause: &'static str,
    pub(in crate::web) sentence: String,
}

impl<'a> ItemDetail<'a> {
    /// `None` if there is no such slot.
    pub(in crate::web) fn new(
        snapshot: &'a Snapshot,
        slot: Slot,
        past: Past,
        links: &Links,
        now: Timestamp,
    ) -> Option<Self> {
        let view: &'a ItemView = snapshot.items.get(slot.index())?;
        let (item, memory, effective, plan) = (&view.item, &view.memory, &view.effective, &snapshot.plan);
        let blocking = Blocking::count(snapshot);
        let make =
            |slot: Slot| snapshot.items.get(slot.index()).map(|view| row(snapshot, view, slot, &blocking, links, now));
        let when = |at: Option<Timestamp>| at.map(|at| When::new(at, now));
        let checklist = plan.checklists.iter().find(|c| c.id.as_str() == item.id.checklist());
        let section = checklist.and_then(|c| c.sections.iter().find(|section| section.path == item.section));
        let blocks = snapshot.items.iter().zip(0_u32..);
        let blocks = blocks.filter(|(view, _)| view.effective.root_cause == Some(slot)).map(|(_, place)| Slot(place));
        let claim_drift = drift(item.claim, effective);
        Some(Self {
            row: make(slot)?,
            checklist_title: checklist.map_or(item.id.checklist(), |checklist| &checklist.title),
            section: item.section.as_str(),
            section_title: section.map_or(item.section.as_str(), |section| &section.title),
            reason_meaning: effective.reason.map_or("", |reason| reason.meaning()),
            underlying: (effective.underlying != effective.state).then(|| {
                (look(effective.underlying), effective.underlying_reason.map_or("", |reason| reason.as_str()))
            }),
            regressed_since: when(effective.regressed_since),
            last_evaluation: when(memory.last_finished),
            duration: memory.last_run.as_ref().map_or_else(String::new, |run| run.duration.to_string()),
            last_pass: when(memory.last_pass),
            fresh_until: when(memory.fresh_until),
            next_change: when(effective.next_change_at),
            interval: coarse(item.schedule.interval).to_string(),
            scheduled: item.is_scheduled(),
            counters: (memory.evaluations, memory.failures, memory.regressions),
            confirmation: confirmation(view),
            depends_on: item.depends_on.iter().filter_map(|slot| make(*slot)).collect(),
            blocks: blocks.filter_map(make).collect(),
            waiver: waiver(view, plan, now),
            attestations: attestations(item, plan, now),
            measurements: memory.last_run.iter().flat_map(|run| run.measurements.iter()).map(measurement).collect(),
            expects: expects(item, plan),
            legs: legs(view, now),
            claimed: item.claim.as_str(),
            drift_meaning: claim_drift.map_or("", Drift::meaning),
            source: item.source.as_ref().map(|s| (format!("{}:{}", s.file, s.line), source_link(s))),
            mode: item.coverage.as_str(),
            probe: &item.probe,
            evidence: past.evidence.map(|all| all.into_iter().map(|one| evidence(one, now)).collect()),
            history: past.history.map(|all| all.into_iter().map(|one| transition(one, now)).collect()),
            run: item.is_scheduled().then(|| links.run(&item.id)),
            api: links.api(&item.id),
        })
    }
}

fn confirmation(view: &ItemView) -> String {
    let hysteresis = view.item.policy.hysteresis;
    format!(
        "fails after {} failed runs in a row, recovers after {}, unknown after {}",
        hysteresis.fail_after, hysteresis.recover_after, hysteresis.unknown_after
    )
}

/// The waiver that applies, else the last one that names the item.
fn waiver<'a>(view: &ItemView, plan: &'a Plan, now: Timestamp) -> Option<WaiverView<'a>> {
    let applying = view.effective.waiver.and_then(|place| plan.waivers.get(place));
    let naming = || plan.waivers.iter().filter(|w| w.items.contains(&view.item.id)).max_by_key(|w| w.expires);
    let waiver = applying.or_else(naming)?;
    let standing = if applying.is_some() {
        "in force"
    } else if now < waiver.starts {
        "not begun"
    } else if waiver.is_valid_at(now) {
        "not needed at the moment, or not for this reason"
    } else {
        "expired"
    };
    Some(WaiverView {
        id: &waiver.id,
        approver: &waiver.approver,
        justification: &waiver.justification,
        ticket: &waiver.ticket,
        ticket_url: safe_url(&waiver.ticket),
        starts: When::new(waiver.starts, now),
        expires: When::new(waiver.expires, now),
        standing,
    })
}

fn attestations<'a>(item: &Item, plan: &'a Plan, now: Timestamp) -> Vec<AttestationView<'a>> {
    let mine = plan.attestations.iter().filter(|attestation| attestation.item == item.id);
    mine.map(|attestation| AttestationView {
        statement: &attestation.statement,
        attester: &attestation.attester,
        role: &attestation.role,
        evidence: &attestation.evidence,
        evidence_url: safe_url(&attestation.evidence),
        attested: When::new(attestation.attested_at, now),
        expires: When::new(attestation.expires, now),
        expired: attestation.expires <= now,
        signed: !attestation.signature.is_empty(),
    })
    .collect()
}

fn measurement(measurement: &Measurement) -> MeasurementView {
    MeasurementView {
        name: measurement.name.to_string(),
        value: number(measurement.value),
        threshold: measurement.threshold.map_or_else(String::new, number),
    }
}

/// At most four digits after the point, without zeros at the end.
fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The check as lines of text, each deeper level indented by two spaces.
fn expects(item: &Item, plan: &Plan) -> Vec<String> {
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

fn leg_text(leg: &crate::model::Leg) -> String {
    let name = if *leg.name == *leg.kind { String::new() } else { format!(" “{}”", leg.name) };
    let target = if leg.target.is_empty() { String::new() } else { format!(" against {}", leg.target) };
    format!("{}{name}{target}", leg.kind)
}

fn legs(view: &ItemView, now: Timestamp) -> Vec<LegView<'_>> {
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

fn outcome(outcome: Outcome) -> Look {
    match outcome {
        Outcome::Pass => look(State::Pass),
        Outcome::Fail => look(State::Fail),
        Outcome::Indeterminate => Look { word: "indeterminate", ..look(State::Unknown) },
    }
}

fn evidence(evidence: Evidence, now: Timestamp) -> EvidenceView {
    EvidenceView {
        at: When::new(evidence.at, now),
        outcome: outcome(evidence.outcome),
        reason: evidence.reason.map_or("", |reason| reason.as_str()),
        duration: evidence.duration.to_string(),
        facts: pretty(&evidence.facts),
        leg: evidence.leg.to_string(),
        sentence: evidence.sentence.to_string(),
        trace: evidence.trace.to_vec(),
    }
}

fn pretty(facts: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(facts);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| facts.to_owned())
}

fn transition(transition: Transition, now: Timestamp) -> TransitionView {
    TransitionView {
        at: When::new(transition.at, now),
        from: transition.from.map(look),
        to: look(transition.to),
        reason: transition.reason.map_or("", |reason| reason.as_str()),
        cause: transition.cause.as_str(),
        sentence: transition.sentence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(number(12.340_000_1), "12.34");
        assert_eq!(number(3.0), "3");
        assert_eq!(number(1_790_000_000.0), "1790000000");
    }
}
