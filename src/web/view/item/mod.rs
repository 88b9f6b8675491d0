//! Everything about one item.

mod acceptance;
mod legs;
mod neighbours;
mod past;
mod prometheus;
mod timeline;

use super::Links;
use super::links::source_link;
use super::look::{Look, look};
use super::row::{Blocking, Row, row};
use super::when::{When, coarse, took};
use crate::core::{Drift, drift};
use crate::model::{Measurement, Slot, Timestamp};
use crate::snapshot::{ItemView, Snapshot};
use crate::web::filter::Filter;
use acceptance::{AttestationView, WaiverView};
use legs::LegView;
use neighbours::{LIMIT, Neighbours};
use past::{EvidenceView, TransitionView};
use prometheus::Query;
use timeline::Timeline;

pub(in crate::web) use past::{HISTORY_LIMIT, Past};

pub(in crate::web) struct ItemDetail<'a> {
    pub(in crate::web) row: Row<'a>,
    pub(in crate::web) checklist_title: &'a str,
    pub(in crate::web) section: &'a str,
    pub(in crate::web) section_title: &'a str,
    /// The board of its team.
    pub(in crate::web) team: String,
    pub(in crate::web) reason_meaning: &'static str,
    /// What it would be without waiver and blocking, if that is something else.
    pub(in crate::web) underlying: Option<(Look, &'static str)>,
    pub(in crate::web) taken: When,
    /// Whether the first of `blockers` is what explains the block.
    pub(in crate::web) rooted: bool,
    pub(in crate::web) last_evaluation: Option<When>,
    pub(in crate::web) duration: String,
    pub(in crate::web) last_pass: Option<When>,
    pub(in crate::web) fresh_until: Option<When>,
    pub(in crate::web) next_change: Option<When>,
    pub(in crate::web) interval: String,
    pub(in crate::web) scheduled: bool,
    pub(in crate::web) counters: (u64, u64, u64),
    pub(in crate::web) confirmation: String,
    /// What does not pass and stands in the way, the root cause first.
    pub(in crate::web) blockers: Vec<Row<'a>>,
    /// Dependencies that pass.
    pub(in crate::web) passing: Vec<Row<'a>>,
    pub(in crate::web) blocks: Vec<Row<'a>>,
    /// Items that depend on it and are not blocked by it now.
    pub(in crate::web) dependents: Vec<Row<'a>>,
    /// How many of `blocks` and `dependents` are left out.
    pub(in crate::web) more: (usize, usize),
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
    /// Whether there may be older changes.
    pub(in crate::web) history_is_full: bool,
    pub(in crate::web) timeline: Option<Timeline>,
    pub(in crate::web) queries: Vec<Query>,
    /// Where run-now is sent, if it is allowed.
    pub(in crate::web) run: Option<String>,
    pub(in crate::web) api: String,
}

pub(in crate::web) struct MeasurementView {
    pub(in crate::web) name: String,
    pub(in crate::web) value: String,
    pub(in crate::web) threshold: String,
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
        let near = Neighbours::of(snapshot, slot);
        let rows = |slots: Vec<Slot>| slots.into_iter().take(LIMIT).filter_map(make).collect();
        let claim_drift = drift(item.claim, effective);
        Some(Self {
            row: make(slot)?,
            checklist_title: checklist.map_or(item.id.checklist(), |checklist| &checklist.title),
            section: item.section.as_str(),
            section_title: section.map_or(item.section.as_str(), |section| &section.title),
            team: Filter { team: item.team.to_string(), ..Filter::default() }.address(links),
            reason_meaning: effective.reason.map_or("", |reason| reason.meaning()),
            underlying: (effective.underlying != effective.state).then(|| {
                (look(effective.underlying), effective.underlying_reason.map_or("", |reason| reason.as_str()))
            }),
            taken: When::new(snapshot.taken_at, now),
            rooted: effective.root_cause.is_some() && effective.root_cause == near.blockers.first().copied(),
            last_evaluation: when(memory.last_finished),
            duration: memory.last_run.as_ref().map_or_else(String::new, |run| took(run.duration)),
            last_pass: when(memory.last_pass),
            fresh_until: when(memory.fresh_until),
            next_change: when(effective.next_change_at),
            interval: coarse(item.schedule.interval).to_string(),
            scheduled: item.is_scheduled(),
            counters: (memory.evaluations, memory.failures, memory.regressions),
            confirmation: confirmation(view),
            more: (near.blocks.len().saturating_sub(LIMIT), near.dependents.len().saturating_sub(LIMIT)),
            blockers: rows(near.blockers),
            passing: rows(near.passing),
            blocks: rows(near.blocks),
            dependents: rows(near.dependents),
            waiver: acceptance::waiver(view, plan, now),
            attestations: acceptance::attestations(item, plan, now),
            measurements: memory.last_run.iter().flat_map(|run| run.measurements.iter()).map(measurement).collect(),
            expects: legs::expects(item, plan),
            legs: legs::legs(view, now),
            claimed: item.claim.as_str(),
            drift_meaning: claim_drift.map_or("", Drift::meaning),
            source: item.source.as_ref().map(|s| (format!("{}:{}", s.file, s.line), source_link(s))),
            mode: item.coverage.as_str(),
            probe: &item.probe,
            evidence: past.evidence.map(|all| all.into_iter().map(|one| past::evidence(one, now)).collect()),
            history_is_full: past.history.as_ref().is_ok_and(|history| history.len() >= HISTORY_LIMIT as usize),
            timeline: past.history.as_ref().ok().and_then(|history| Timeline::new(history, now)),
            history: past.history.map(|all| all.into_iter().map(|one| past::transition(one, now)).collect()),
            queries: prometheus::queries(&item.id),
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
