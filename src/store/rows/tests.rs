use proptest::prelude::*;

use super::*;
use crate::model::State;

fn when() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp)
}

fn maybe_when() -> impl Strategy<Value = Option<Timestamp>> {
    proptest::option::of(when())
}

fn reasons() -> impl Strategy<Value = Reason> {
    (0..Reason::ALL.len()).prop_map(|at| Reason::ALL[at])
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![Just(Outcome::Pass), Just(Outcome::Fail), Just(Outcome::Indeterminate)]
}

/// Every number but NaN, which is not equal to itself.
fn numbers() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("no NaN", |number| !number.is_nan())
}

fn measurements() -> impl Strategy<Value = Vec<Measurement>> {
    let one = ("[a-z_]{1,12}", numbers(), proptest::option::of(numbers()));
    proptest::collection::vec(
        one.prop_map(|(name, value, threshold)| Measurement { name: name.into(), value, threshold }),
        0..3,
    )
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    let proof = proptest::collection::vec((".{0,20}", ".{0,20}", ".{0,20}"), 1..4).prop_map(|all| {
        all.iter().fold(Assertions::default(), |all, (name, expected, seen)| all.and(name, expected, seen))
    });
    (outcomes(), reasons(), ".{0,600}", proof, measurements(), maybe_when()).prop_map(
        |(outcome, reason, sentence, proof, measurements, valid_until)| {
            let mut verdict = match outcome {
                Outcome::Pass => Verdict::pass(Proof::from_assertions(proof).unwrap(), sentence),
                Outcome::Fail => Verdict::fail(reason, sentence),
                Outcome::Indeterminate => Verdict::indeterminate(reason, sentence),
            };
            verdict.measurements = measurements.into();
            verdict.valid_until = valid_until;
            verdict
        },
    )
}

fn legs() -> impl Strategy<Value = LegMemory> {
    (verdicts(), when(), when()).prop_map(|(verdict, at, fresh_until)| LegMemory {
        verdict: Arc::new(verdict),
        at,
        fresh_until,
    })
}

fn runs() -> impl Strategy<Value = LastRun> {
    (outcomes(), proptest::option::of(reasons()), ".{0,40}", measurements(), any::<u64>()).prop_map(
        |(outcome, reason, sentence, measurements, duration)| LastRun {
            outcome,
            reason,
            sentence: sentence.into(),
            measurements: measurements.into(),
            duration: Span(duration),
        },
    )
}

fn remembered() -> impl Strategy<Value = Arc<Remembered>> {
    let value = (".{0,10}", ".{0,20}", when(), when());
    let value =
        value.prop_map(|(key, value, first, last)| SeenValue { key: key.into(), value: value.into(), first, last });
    (any::<u64>(), when(), proptest::collection::vec(value, 0..4))
        .prop_map(|(of, since, values)| Arc::new(Remembered { of: Digest(of), since, values: values.into() }))
}

pub(in crate::store) fn memories() -> impl Strategy<Value = ItemMemory> {
    let confirmed = (outcomes(), proptest::option::of(reasons()), when())
        .prop_map(|(outcome, reason, since)| Confirmed { outcome, reason, since });
    let standing = (0..7_usize, proptest::option::of(reasons()), when()).prop_map(|(state, reason, since)| Standing {
        state: State::ALL[state],
        reason,
        since,
    });
    let evidence = (
        any::<u64>(),
        any::<bool>(),
        proptest::option::of(confirmed),
        any::<(u8, u8)>(),
        proptest::option::of(outcomes()),
        any::<(u32, u8, bool)>(),
        proptest::collection::vec(proptest::option::of(legs()), 0..4),
        proptest::option::of(runs()),
        (proptest::option::of(standing), proptest::collection::vec(remembered(), 0..3)),
    );
    let times = (maybe_when(), maybe_when(), maybe_when(), maybe_when(), maybe_when(), maybe_when(), maybe_when());
    (evidence, times, any::<(u64, u64, u64)>()).prop_map(|(e, t, n)| ItemMemory {
        probe_digest: Digest(e.0),
        definition_changed: e.1,
        confirmed: e.2,
        contrary: e.3.0,
        indeterminate: e.3.1,
        last_decisive: e.4,
        flap: FlapRing { bits: e.5.0, len: e.5.1 },
        flapping: e.5.2,
        last_started: t.0,
        last_finished: t.1,
        last_pass: t.2,
        fresh_until: t.3,
        legs: e.6,
        last_run: e.7,
        first_ready: t.4,
        ready_since: t.5,
        regressed_at: t.6,
        evaluations: n.0,
        failures: n.1,
        regressions: n.2,
        standing: e.8.0,
        remembered: e.8.1,
    })
}

proptest! {
    #[test]
    fn what_is_read_equals_what_was_written(memory in memories()) {
        let text = write_memory(&memory).unwrap();
        prop_assert_eq!(read_memory(&text).unwrap(), memory);
    }

    #[test]
    fn any_text_is_an_answer_and_never_a_panic(text in ".{0,200}") {
        let _ = read_memory(&text);
    }
}

#[test]
fn an_untouched_memory_is_short() {
    assert_eq!(write_memory(&ItemMemory::default()).unwrap(), r#"{"digest":0}"#);
}

#[test]
fn what_was_written_before_there_was_a_memory_of_values_is_read() {
    let memory = read_memory(r#"{"digest":1,"evaluations":3}"#).unwrap();
    assert_eq!((memory.evaluations, memory.remembered.len()), (3, 0));
}

#[test]
fn a_later_field_is_ignored_and_a_later_reason_is_other() {
    let text = r#"{"digest":1,"later":{},"standing":{"state":"fail","reason":"of_a_later_version","since":5}}"#;
    let memory = read_memory(text).unwrap();
    let standing = Standing { state: State::Fail, reason: Some(Reason::Other), since: Timestamp(5) };
    assert_eq!(memory.standing, Some(standing));
}

#[test]
fn a_pass_without_proof_is_not_believed() {
    let text = r#"{"digest":1,"legs":[{"outcome":"pass","sentence":"fine","at":1,"fresh_until":2}]}"#;
    assert_eq!(read_memory(text), Err(Unreadable("proof")));
}
