//! Model values as they are written: JSON types of this module, never the model types themselves,
//! so that a change of the model cannot silently change what is on disk.
//!
//! Fields may be added with `#[serde(default)]`; they must not be renamed or change their meaning.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{
    Assertions, Cause, Confirmed, Digest, FlapRing, ItemMemory, LastRun, LegMemory, Measurement, Outcome, Proof,
    Reason, Remembered, SeenValue, Span, Standing, State, Timestamp, Verdict,
};

/// Why a row could not be understood. Names the field, never its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not understood")]
pub(super) struct Unreadable(pub(super) &'static str);

#[derive(Serialize, Deserialize)]
struct MemoryRow {
    digest: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    definition_changed: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    confirmed: Option<ConfirmedRow>,
    #[serde(default, skip_serializing_if = "is_default")]
    contrary: u8,
    #[serde(default, skip_serializing_if = "is_default")]
    indeterminate: u8,
    #[serde(default, skip_serializing_if = "is_default")]
    last_decisive: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    flap: (u32, u8),
    #[serde(default, skip_serializing_if = "is_default")]
    flapping: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    last_started: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    last_finished: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    last_pass: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    fresh_until: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    legs: Vec<Option<LegRow>>,
    #[serde(default, skip_serializing_if = "is_default")]
    last_run: Option<RunRow>,
    #[serde(default, skip_serializing_if = "is_default")]
    first_ready: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    ready_since: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    regressed_at: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    evaluations: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    failures: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    regressions: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    standing: Option<StandingRow>,
    #[serde(default, skip_serializing_if = "is_default")]
    remembered: Vec<RememberedRow>,
}

/// Key, value, first and last look of each value.
#[derive(PartialEq, Serialize, Deserialize)]
struct RememberedRow {
    of: u64,
    since: i64,
    values: Vec<(String, String, i64, i64)>,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct ConfirmedRow {
    outcome: String,
    #[serde(default, skip_serializing_if = "is_default")]
    reason: Option<String>,
    since: i64,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct StandingRow {
    state: String,
    #[serde(default, skip_serializing_if = "is_default")]
    reason: Option<String>,
    since: i64,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct LegRow {
    outcome: String,
    #[serde(default, skip_serializing_if = "is_default")]
    reason: Option<String>,
    sentence: String,
    #[serde(default, skip_serializing_if = "is_default")]
    proof: Vec<(String, String, String)>,
    #[serde(default, skip_serializing_if = "is_default")]
    measurements: Vec<MeasurementRow>,
    #[serde(default, skip_serializing_if = "is_default")]
    valid_until: Option<i64>,
    at: i64,
    fresh_until: i64,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct RunRow {
    outcome: String,
    #[serde(default, skip_serializing_if = "is_default")]
    reason: Option<String>,
    sentence: String,
    #[serde(default, skip_serializing_if = "is_default")]
    measurements: Vec<MeasurementRow>,
    duration: u64,
}

/// Numbers are texts: JSON has no infinity, and its readers may round.
#[derive(PartialEq, Serialize, Deserialize)]
struct MeasurementRow {
    name: String,
    value: String,
    #[serde(default, skip_serializing_if = "is_default")]
    threshold: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The JSON of a memory.
pub(super) fn write_memory(memory: &ItemMemory) -> Result<String, Unreadable> {
    let row = MemoryRow {
        digest: memory.probe_digest.0,
        definition_changed: memory.definition_changed,
        confirmed: memory.confirmed.as_ref().map(|c| ConfirmedRow {
            outcome: c.outcome.as_str().to_owned(),
            reason: reason_text(c.reason),
            since: c.since.0,
        }),
        contrary: memory.contrary,
        indeterminate: memory.indeterminate,
        last_decisive: memory.last_decisive.map(|o| o.as_str().to_owned()),
        flap: (memory.flap.bits, memory.flap.len),
        flapping: memory.flapping,
        last_started: memory.last_started.map(|t| t.0),
        last_finished: memory.last_finished.map(|t| t.0),
        last_pass: memory.last_pass.map(|t| t.0),
        fresh_until: memory.fresh_until.map(|t| t.0),
        legs: memory.legs.iter().map(|leg| leg.as_ref().map(leg_row)).collect(),
        last_run: memory.last_run.as_ref().map(|run| RunRow {
            outcome: run.outcome.as_str().to_owned(),
            reason: reason_text(run.reason),
            sentence: run.sentence.as_ref().to_owned(),
            measurements: run.measurements.iter().map(measurement_row).collect(),
            duration: run.duration.0,
        }),
        first_ready: memory.first_ready.map(|t| t.0),
        ready_since: memory.ready_since.map(|t| t.0),
        regressed_at: memory.regressed_at.map(|t| t.0),
        evaluations: memory.evaluations,
        failures: memory.failures,
        regressions: memory.regressions,
        standing: memory.standing.as_ref().map(|s| StandingRow {
            state: s.state.as_str().to_owned(),
            reason: reason_text(s.reason),
            since: s.since.0,
        }),
        remembered: memory.remembered.iter().map(|remembered| remembered_row(remembered)).collect(),
    };
    serde_json::to_string(&row).map_err(|_| Unreadable("memory"))
}

/// The memory in a JSON text.
pub(super) fn read_memory(text: &str) -> Result<ItemMemory, Unreadable> {
    let row: MemoryRow = serde_json::from_str(text).map_err(|_| Unreadable("memory"))?;
    Ok(ItemMemory {
        probe_digest: Digest(row.digest),
        definition_changed: row.definition_changed,
        confirmed: row
            .confirmed
            .map(|c| {
                Ok(Confirmed {
                    outcome: outcome(&c.outcome)?,
                    reason: c.reason.as_deref().and_then(reason),
                    since: Timestamp(c.since),
                })
            })
            .transpose()?,
        contrary: row.contrary,
        indeterminate: row.indeterminate,
        last_decisive: row.last_decisive.as_deref().map(outcome).transpose()?,
        flap: FlapRing { bits: row.flap.0, len: row.flap.1 },
        flapping: row.flapping,
        last_started: row.last_started.map(Timestamp),
        last_finished: row.last_finished.map(Timestamp),
        last_pass: row.last_pass.map(Timestamp),
        fresh_until: row.fresh_until.map(Timestamp),
        legs: row.legs.into_iter().map(|leg| leg.map(leg_memory).transpose()).collect::<Result<_, _>>()?,
        last_run: row
            .last_run
            .map(|run| {
                Ok(LastRun {
                    outcome: outcome(&run.outcome)?,
                    reason: run.reason.as_deref().and_then(reason),
                    sentence: run.sentence.into(),
                    measurements: run.measurements.into_iter().map(measurement).collect::<Result<_, _>>()?,
                    duration: Span(run.duration),
                })
            })
            .transpose()?,
        first_ready: row.first_ready.map(Timestamp),
        ready_since: row.ready_since.map(Timestamp),
        regressed_at: row.regressed_at.map(Timestamp),
        evaluations: row.evaluations,
        failures: row.failures,
        regressions: row.regressions,
        standing: row
            .standing
            .map(|s| {
                Ok(Standing {
                    state: state(&s.state)?,
                    reason: s.reason.as_deref().and_then(reason),
                    since: Timestamp(s.since),
                })
            })
            .transpose()?,
        remembered: row.remembered.into_iter().map(remembered).collect(),
    })
}

fn remembered_row(remembered: &Remembered) -> RememberedRow {
    let value = |seen: &SeenValue| (seen.key.to_string(), seen.value.to_string(), seen.first.0, seen.last.0);
    RememberedRow {
        of: remembered.of.0,
        since: remembered.since.0,
        values: remembered.values.iter().map(value).collect(),
    }
}

fn remembered(row: RememberedRow) -> Arc<Remembered> {
    let value = |(key, value, first, last): (String, String, i64, i64)| SeenValue {
        key: key.into(),
        value: value.into(),
        first: Timestamp(first),
        last: Timestamp(last),
    };
    let values = row.values.into_iter().map(value).collect();
    Arc::new(Remembered { of: Digest(row.of), since: Timestamp(row.since), values })
}

fn leg_row(leg: &LegMemory) -> LegRow {
    let verdict = &leg.verdict;
    LegRow {
        outcome: verdict.outcome().as_str().to_owned(),
        reason: reason_text(verdict.reason()),
        sentence: verdict.sentence().to_owned(),
        proof: verdict.proof().iter().map(|a| (a.name.to_owned(), a.expected.to_owned(), a.seen.to_owned())).collect(),
        measurements: verdict.measurements.iter().map(measurement_row).collect(),
        valid_until: verdict.valid_until.map(|t| t.0),
        at: leg.at.0,
        fresh_until: leg.fresh_until.0,
    }
}

fn leg_memory(row: LegRow) -> Result<LegMemory, Unreadable> {
    let why = row.reason.as_deref().and_then(reason);
    let assertions =
        row.proof.iter().fold(Assertions::default(), |all, (name, expected, seen)| all.and(name, expected, seen));
    let mut verdict = match (outcome(&row.outcome)?, why) {
        (Outcome::Pass, _) => {
            let proof = Proof::from_assertions(assertions).ok_or(Unreadable("proof"))?;
            Verdict::pass(proof, row.sentence)
        }
        (Outcome::Fail, Some(why)) => Verdict::fail(why, row.sentence),
        (Outcome::Indeterminate, Some(why)) => Verdict::indeterminate(why, row.sentence),
        (Outcome::Fail | Outcome::Indeterminate, None) => return Err(Unreadable("reason")),
    };
    verdict.measurements = row.measurements.into_iter().map(measurement).collect::<Result<_, _>>()?;
    verdict.valid_until = row.valid_until.map(Timestamp);
    Ok(LegMemory { verdict: Arc::new(verdict), at: Timestamp(row.at), fresh_until: Timestamp(row.fresh_until) })
}

fn measurement_row(m: &Measurement) -> MeasurementRow {
    MeasurementRow {
        name: m.name.to_string(),
        value: m.value.to_string(),
        threshold: m.threshold.map(|value| value.to_string()),
    }
}

fn measurement(row: MeasurementRow) -> Result<Measurement, Unreadable> {
    let number = |text: &str| text.parse::<f64>().map_err(|_| Unreadable("measurement"));
    Ok(Measurement {
        value: number(&row.value)?,
        threshold: row.threshold.as_deref().map(number).transpose()?,
        name: row.name.into(),
    })
}

pub(super) fn state(text: &str) -> Result<State, Unreadable> {
    State::parse(text).ok_or(Unreadable("state"))
}

pub(super) fn outcome(text: &str) -> Result<Outcome, Unreadable> {
    Outcome::parse(text).ok_or(Unreadable("outcome"))
}

pub(super) fn cause(text: &str) -> Result<Cause, Unreadable> {
    Cause::ALL.into_iter().find(|cause| cause.as_str() == text).ok_or(Unreadable("cause"))
}

/// Empty: none. A reason that this version does not have is `other`: losing a word is better than
/// losing the history of an item.
pub(super) fn reason(text: &str) -> Option<Reason> {
    (!text.is_empty()).then(|| Reason::parse(text).unwrap_or(Reason::Other))
}

fn reason_text(reason: Option<Reason>) -> Option<String> {
    reason.map(|reason| reason.as_str().to_owned())
}

#[cfg(test)]
pub(super) mod tests;
