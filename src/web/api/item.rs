//! One item as JSON.

use serde::Serialize;
use serde_json::Value;

use super::text;
use crate::core::drift;
use crate::model::{Attestation, Claim, Leg, LegMemory, Measurement, Slot, State, Timestamp, Transition, Waiver};
use crate::snapshot::{ItemView, Snapshot};
use crate::store::Evidence;
use crate::web::view::{Blocking, Links, Past};

#[derive(Debug, Serialize)]
pub(super) struct ItemJson {
    /// `checklist/item`.
    id: String,
    checklist: String,
    item: String,
    section: String,
    title: String,
    priority: &'static str,
    mode: &'static str,
    coverage: &'static str,
    probe: String,
    team: String,
    state: &'static str,
    ready: bool,
    accepted: bool,
    reason: Option<&'static str>,
    sentence: String,
    since: String,
    underlying_state: &'static str,
    underlying_reason: Option<&'static str>,
    /// The last run contradicts the state, but not often enough to change it.
    changing: bool,
    flapping: bool,
    regressed_since: Option<String>,
    root_cause: Option<String>,
    /// How many items wait for this one.
    blocks: u32,
    waiver: Option<String>,
    /// Whether the document ticks its box; null where there is none.
    claimed: Option<bool>,
    claim_drift: Option<&'static str>,
    last_evaluation: Option<String>,
    last_duration_seconds: Option<f64>,
    last_pass: Option<String>,
    fresh_until: Option<String>,
    next_change: Option<String>,
    /// Null where nothing is run.
    interval_seconds: Option<f64>,
    evaluations: u64,
    failures: u64,
    regressions: u64,
    measurements: Vec<MeasurementJson>,
    runbook_url: Option<String>,
    source: Option<SourceJson>,
    url: String,
}

#[derive(Debug, Serialize)]
struct MeasurementJson {
    name: String,
    /// Null if it is not a finite number.
    value: f64,
    threshold: Option<f64>,
}

#[derive(Debug, Serialize)]
struct SourceJson {
    file: String,
    line: u32,
    url: Option<String>,
}

impl ItemJson {
    /// `None` if there is no such slot.
    pub(super) fn new(snapshot: &Snapshot, slot: Slot, blocking: &Blocking, links: &Links) -> Option<Self> {
        let view: &ItemView = snapshot.items.get(slot.index())?;
        let (item, memory, effective, plan) = (&view.item, &view.memory, &view.effective, &snapshot.plan);
        let url = Some(item.runbook_url.to_string()).filter(|url| !url.is_empty());
        Some(Self {
            id: item.id.to_string(),
            checklist: item.id.checklist().to_owned(),
            item: item.id.item().to_owned(),
            section: item.section.to_string(),
            title: item.title.to_string(),
            priority: item.priority.as_str(),
            mode: item.mode.as_str(),
            coverage: item.coverage.as_str(),
            probe: item.probe.to_string(),
            team: item.team.to_string(),
            state: effective.state.as_str(),
            ready: effective.state.is_ready(),
            accepted: effective.state.is_accepted(),
            reason: effective.reason.map(|reason| reason.as_str()),
            sentence: snapshot.sentence(view),
            since: text(effective.since),
            underlying_state: effective.underlying.as_str(),
            underlying_reason: effective.underlying_reason.map(|reason| reason.as_str()),
            changing: effective.soft,
            flapping: effective.flapping,
            regressed_since: effective.regressed_since.map(text),
            root_cause: effective.root_cause.and_then(|slot| plan.item(slot)).map(|item| item.id.to_string()),
            blocks: blocking.by(slot),
            waiver: effective.waiver.and_then(|place| plan.waivers.get(place)).map(|waiver| waiver.id.to_string()),
            claimed: match item.claim {
                Claim::Done => Some(true),
                Claim::Open => Some(false),
                Claim::None => None,
            },
            claim_drift: drift(item.claim, effective).map(|drift| drift.as_str()),
            last_evaluation: memory.last_finished.map(text),
            last_duration_seconds: memory.last_run.as_ref().map(|run| run.duration.as_secs_f64()),
            last_pass: memory.last_pass.map(text),
            fresh_until: memory.fresh_until.map(text),
            next_change: effective.next_change_at.map(text),
            interval_seconds: item.is_scheduled().then(|| item.schedule.interval.as_secs_f64()),
            evaluations: memory.evaluations,
            failures: memory.failures,
            regressions: memory.regressions,
            measurements: memory.last_run.iter().flat_map(|run| run.measurements.iter()).map(measurement).collect(),
            runbook_url: url,
            source: item.source.as_ref().map(|source| SourceJson {
                file: source.file.to_string(),
                line: source.line,
                url: source.url.as_deref().map(str::to_owned),
            }),
            url: links.item(&item.id),
        })
    }
}

fn measurement(measurement: &Measurement) -> MeasurementJson {
    MeasurementJson { name: measurement.name.to_string(), value: measurement.value, threshold: measurement.threshold }
}

#[derive(Debug, Serialize)]
pub(super) struct DetailJson {
    #[serde(flatten)]
    item: ItemJson,
    depends_on: Vec<ReferenceJson>,
    holds_up: Vec<ReferenceJson>,
    legs: Vec<LegJson>,
    waiver_detail: Option<WaiverJson>,
    attestations: Vec<AttestationJson>,
    /// Null if the store could not say; see `store_error`.
    evidence: Option<Vec<EvidenceJson>>,
    history: Option<Vec<TransitionJson>>,
    store_error: Option<String>,
}

#[derive(Debug, Serialize)]
struct ReferenceJson {
    id: String,
    state: &'static str,
}

#[derive(Debug, Serialize)]
struct LegJson {
    name: String,
    kind: &'static str,
    target: String,
    outcome: Option<&'static str>,
    reason: Option<&'static str>,
    sentence: Option<String>,
    at: Option<String>,
    fresh_until: Option<String>,
    /// The conditions beside what the kind itself expects, as written.
    expects: Vec<String>,
    timeout_seconds: f64,
    proof: Vec<AssertionJson>,
}

#[derive(Debug, Serialize)]
struct AssertionJson {
    name: String,
    expected: String,
    seen: String,
}

#[derive(Debug, Serialize)]
struct WaiverJson {
    id: String,
    justification: String,
    approver: String,
    ticket: String,
    starts: String,
    expires: String,
}

#[derive(Debug, Serialize)]
struct AttestationJson {
    id: String,
    statement: String,
    attester: String,
    role: String,
    evidence: String,
    attested_at: String,
    expires: String,
    signed: bool,
}

#[derive(Debug, Serialize)]
struct EvidenceJson {
    leg: String,
    at: String,
    duration_seconds: f64,
    outcome: &'static str,
    reason: Option<&'static str>,
    sentence: String,
    facts: Value,
    trace: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TransitionJson {
    at: String,
    from: Option<&'static str>,
    to: &'static str,
    reason: Option<&'static str>,
    cause: &'static str,
    root_cause: Option<String>,
    sentence: String,
}

impl DetailJson {
    pub(super) fn new(snapshot: &Snapshot, slot: Slot, past: &Past, links: &Links) -> Option<Self> {
        let view = snapshot.items.get(slot.index())?;
        let (item, plan) = (&view.item, &snapshot.plan);
        let reference =
            |view: &ItemView| ReferenceJson { id: view.item.id.to_string(), state: view.effective.state.as_str() };
        let held = snapshot.items.iter().filter(|other| other.effective.root_cause == Some(slot));
        let memories = view.memory.legs.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        Some(Self {
            item: ItemJson::new(snapshot, slot, &Blocking::count(snapshot), links)?,
            depends_on: item
                .depends_on
                .iter()
                .filter_map(|slot| snapshot.items.get(slot.index()))
                .map(|view| reference(view))
                .collect(),
            holds_up: held.map(|view| reference(view)).collect(),
            legs: item.legs.iter().zip(memories).map(|(leg, memory)| leg_json(leg, memory)).collect(),
            waiver_detail: view.effective.waiver.and_then(|place| plan.waivers.get(place)).map(waiver),
            attestations: plan.attestations.iter().filter(|a| a.item == item.id).map(attestation).collect(),
            evidence: past.evidence.as_ref().ok().map(|all| all.iter().map(evidence).collect()),
            history: past.history.as_ref().ok().map(|all| all.iter().map(transition).collect()),
            store_error: past.evidence.as_ref().err().or(past.history.as_ref().err()).cloned(),
        })
    }
}

fn leg_json(leg: &Leg, memory: Option<&LegMemory>) -> LegJson {
    let verdict = memory.map(|memory| &memory.verdict);
    let at = |pick: fn(&LegMemory) -> Timestamp| memory.map(|memory| text(pick(memory)));
    let proof = verdict.into_iter().flat_map(|verdict| verdict.proof().iter());
    LegJson {
        name: leg.name.to_string(),
        kind: leg.kind,
        target: leg.target.to_string(),
        outcome: verdict.map(|verdict| verdict.outcome().as_str()),
        reason: verdict.and_then(|verdict| verdict.reason()).map(|reason| reason.as_str()),
        sentence: verdict.map(|verdict| verdict.sentence().to_owned()),
        at: at(|memory| memory.at),
        fresh_until: at(|memory| memory.fresh_until),
        expects: leg.expects.iter().map(ToString::to_string).collect(),
        timeout_seconds: leg.timeout.as_secs_f64(),
        proof: proof
            .map(|one| AssertionJson {
                name: one.name.to_owned(),
                expected: one.expected.to_owned(),
                seen: one.seen.to_owned(),
            })
            .collect(),
    }
}

fn waiver(waiver: &Waiver) -> WaiverJson {
    WaiverJson {
        id: waiver.id.to_string(),
        justification: waiver.justification.to_string(),
        approver: waiver.approver.to_string(),
        ticket: waiver.ticket.to_string(),
        starts: text(waiver.starts),
        expires: text(waiver.expires),
    }
}

fn attestation(attestation: &Attestation) -> AttestationJson {
    AttestationJson {
        id: attestation.id.to_string(),
        statement: attestation.statement.to_string(),
        attester: attestation.attester.to_string(),
        role: attestation.role.to_string(),
        evidence: attestation.evidence.to_string(),
        attested_at: text(attestation.attested_at),
        expires: text(attestation.expires),
        signed: !attestation.signature.is_empty(),
    }
}

fn evidence(evidence: &Evidence) -> EvidenceJson {
    EvidenceJson {
        leg: evidence.leg.to_string(),
        at: text(evidence.at),
        duration_seconds: evidence.duration.as_secs_f64(),
        outcome: evidence.outcome.as_str(),
        reason: evidence.reason.map(|reason| reason.as_str()),
        sentence: evidence.sentence.to_string(),
        facts: serde_json::from_str(&evidence.facts).unwrap_or(Value::Null),
        trace: evidence.trace.to_vec(),
    }
}

fn transition(transition: &Transition) -> TransitionJson {
    TransitionJson {
        at: text(transition.at),
        from: transition.from.map(State::as_str),
        to: transition.to.as_str(),
        reason: transition.reason.map(|reason| reason.as_str()),
        cause: transition.cause.as_str(),
        root_cause: transition.root_cause.as_ref().map(ToString::to_string),
        sentence: transition.sentence.clone(),
    }
}
