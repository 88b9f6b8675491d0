use super::*;
use crate::core::fixture::{CheckDef, Def, evaluation, plan, verdict};
use crate::model::{Measurement, Reason};

const ALONE: Around<'_> = Around { footing: Footing::FirmSince(None), items: &|_| None };

fn item(check: CheckDef) -> Arc<Item> {
    plan(&[Def { check, ..Def::new("a") }], &[]).items[0].clone()
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1000 + secs)
}

fn run(memory: &mut ItemMemory, item: &Item, outcome: Outcome, secs: i64) -> bool {
    absorb(memory, item, evaluation(item, &verdict(outcome, Reason::Status, "said"), at(secs)), &ALONE)
}

fn blank() -> ItemMemory {
    ItemMemory { probe_digest: item(CheckDef::Legs(1)).digests.probe, ..ItemMemory::default() }
}

#[test]
fn outcomes_in_a_row_decide() {
    use Outcome::{Fail, Indeterminate, Pass};
    // (outcomes, confirmed, soft)
    let rows: &[(&[Outcome], Option<Outcome>, bool)] = &[
        (&[Pass], Some(Pass), false),
        (&[Fail], Some(Fail), false),
        (&[Indeterminate], None, true),
        (&[Indeterminate, Indeterminate], Some(Indeterminate), false),
        (&[Indeterminate, Pass], Some(Pass), false),
        (&[Indeterminate, Indeterminate, Pass], Some(Pass), false),
        (&[Pass, Fail, Fail], Some(Pass), true),
        (&[Pass, Fail, Fail, Fail], Some(Fail), false),
        (&[Pass, Fail, Fail, Pass, Fail, Fail], Some(Pass), true),
        (&[Pass, Fail, Indeterminate, Fail, Fail], Some(Fail), false),
        (&[Fail, Pass], Some(Fail), true),
        (&[Fail, Pass, Pass], Some(Pass), false),
        (&[Pass, Indeterminate], Some(Pass), true),
        (&[Pass, Indeterminate, Indeterminate], Some(Indeterminate), false),
        (&[Pass, Indeterminate, Indeterminate, Pass], Some(Indeterminate), true),
        (&[Pass, Indeterminate, Indeterminate, Fail, Fail, Fail], Some(Fail), false),
        (&[Pass, Indeterminate, Indeterminate, Fail, Indeterminate], Some(Indeterminate), false),
    ];
    let item = item(CheckDef::Legs(1));
    for (outcomes, confirmed, soft) in rows {
        let mut memory = blank();
        for (n, outcome) in outcomes.iter().enumerate() {
            assert!(run(&mut memory, &item, *outcome, n as i64 * 10));
        }
        assert_eq!(memory.confirmed.map(|confirmed| confirmed.outcome), *confirmed, "{outcomes:?}");
        assert_eq!(is_soft(&memory), *soft, "{outcomes:?}");
    }
}

#[test]
fn a_loss_through_an_unknown_is_a_loss() {
    use Outcome::{Fail, Indeterminate, Pass};
    let item = item(CheckDef::Legs(1));
    let mut memory = blank();
    for (n, outcome) in [Pass, Indeterminate, Indeterminate, Fail, Fail, Fail, Fail].into_iter().enumerate() {
        run(&mut memory, &item, outcome, n as i64 * 10);
    }
    assert_eq!((memory.regressions, memory.regressed_at), (1, Some(at(50))));
}

#[test]
fn a_contradiction_neither_revives_nor_outlives_the_evidence() {
    let item = item(CheckDef::Legs(1));
    let mut memory = blank();
    run(&mut memory, &item, Outcome::Pass, 0);
    run(&mut memory, &item, Outcome::Fail, 500);
    assert_eq!(memory.fresh_until, Some(at(130)), "gone stale, stays stale");

    let mut memory = blank();
    let short = verdict(Outcome::Pass, Reason::Other, "holds").valid_until(at(40));
    absorb(&mut memory, &item, evaluation(&item, &short, at(0)), &ALONE);
    assert_eq!(evidence_end(&memory), Some(at(40)));
    run(&mut memory, &item, Outcome::Fail, 20);
    assert_eq!(memory.fresh_until, Some(at(40)));
}

#[test]
fn late_and_foreign_runs_are_dropped() {
    let item = item(CheckDef::Legs(1));
    let mut memory = blank();
    assert!(run(&mut memory, &item, Outcome::Pass, 100));
    let before = memory.clone();
    assert!(!run(&mut memory, &item, Outcome::Fail, 90));
    let mut foreign = evaluation(&item, &verdict(Outcome::Fail, Reason::Status, "said"), at(200));
    foreign.probe_digest.0 += 1;
    assert!(!absorb(&mut memory, &item, foreign, &ALONE));
    assert_eq!(memory, before);
}

#[test]
fn legs_that_did_not_run_stand_while_they_are_fresh() {
    let item = item(CheckDef::Legs(2));
    let mut memory = blank();
    run(&mut memory, &item, Outcome::Pass, 0);
    let only_first = |secs| {
        let mut run = evaluation(&item, &verdict(Outcome::Pass, Reason::Other, "holds"), at(secs));
        run.legs.truncate(1);
        run
    };
    absorb(&mut memory, &item, only_first(100), &ALONE);
    assert_eq!(memory.last_run.as_ref().map(|last| last.outcome), Some(Outcome::Pass));
    assert_eq!(&*memory.last_run.as_ref().unwrap().sentence, "leg0: holds; leg1: said");
    absorb(&mut memory, &item, only_first(200), &ALONE);
    let last = memory.last_run.unwrap();
    assert_eq!((last.outcome, last.reason), (Outcome::Indeterminate, Some(Reason::Overdue)));
}

#[test]
fn measurements_of_all_legs_have_names_of_their_own() {
    let item = item(CheckDef::Legs(2));
    let mut memory = blank();
    let measured = verdict(Outcome::Pass, Reason::Other, "fast").measured("latency_seconds", 0.1, Some(1.0));
    absorb(&mut memory, &item, evaluation(&item, &measured, at(0)), &ALONE);
    let names: Vec<String> =
        memory.last_run.unwrap().measurements.iter().map(|Measurement { name, .. }| name.to_string()).collect();
    assert_eq!(names, ["latency_seconds", "leg1_latency_seconds"]);
}

#[test]
fn a_composite_says_the_same_only_once() {
    let item = item(CheckDef::All(Vec::new()));
    let mut memory = blank();
    let says = |outcome: Outcome| Decided {
        outcome,
        reason: (outcome != Outcome::Pass).then_some(Reason::Status),
        sentence: outcome.as_str().into(),
        valid_until: None,
    };
    let firm = Footing::FirmSince(None);
    assert!(recombine(&mut memory, &item, says(Outcome::Pass), firm, at(0)));
    assert!(!recombine(&mut memory, &item, says(Outcome::Pass), firm, at(1)));
    assert!(recombine(&mut memory, &item, says(Outcome::Fail), Footing::Lost, at(2)));
    assert_eq!(memory.regressions, 0, "owed while a dependency is down");
    assert!(recombine(&mut memory, &item, says(Outcome::Fail), firm, at(3)));
    assert_eq!((memory.regressions, memory.evaluations), (1, 0));
}
