use super::*;
use crate::core::fixture::{CheckDef, Def, evaluation, plan, verdict};
use crate::model::{Digest, Measurement, Reason, Remembered, SeenValue};

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

/// A run in which the first leg has seen this much of that by now, or nobody knows what.
fn looked(memory: &mut ItemMemory, item: &Item, of: u64, values: Option<&[&str]>, secs: i64) {
    let mut run = evaluation(item, &verdict(Outcome::Pass, Reason::Other, "holds"), at(secs));
    let value = |value: &&str| SeenValue { key: "".into(), value: (*value).into(), first: at(0), last: at(secs) };
    let remembered =
        |values: &[&str]| Remembered { of: Digest(of), since: at(0), values: values.iter().map(value).collect() };
    run.legs[0].remembered = values.map(remembered);
    assert!(absorb(memory, item, run, &ALONE));
}

fn kept(memory: &ItemMemory) -> Vec<(u64, usize)> {
    memory.remembered.iter().map(|remembered| (remembered.of.0, remembered.values.len())).collect()
}

#[test]
fn what_was_seen_is_kept_by_what_it_is_of() {
    let item = item(CheckDef::Legs(2));
    let mut memory = blank();
    looked(&mut memory, &item, 1, Some(&["a"]), 0);
    looked(&mut memory, &item, 2, Some(&["x"]), 10);
    looked(&mut memory, &item, 1, Some(&["a", "b"]), 20);
    assert_eq!(kept(&memory), [(2, 1), (1, 2)]);
    looked(&mut memory, &item, 1, None, 30);
    assert_eq!(kept(&memory), [(2, 1), (1, 2)], "who could not look takes nothing away");
}

#[test]
fn two_legs_that_share_a_memory_do_not_forget_for_each_other() {
    let item = item(CheckDef::Legs(2));
    let value =
        |value: &str, first, last| SeenValue { key: "".into(), value: value.into(), first: at(first), last: at(last) };
    let of = Digest(1);
    let long = || Remembered { of, since: at(5), values: [value("a", 5, 10), value("b", 20, 90)].into() };
    let short = || Remembered { of, since: at(4), values: [value("b", 30, 100), value("c", 100, 100)].into() };
    for (first, second) in [(long(), short()), (short(), long())] {
        let mut memory = blank();
        let mut run = evaluation(&item, &verdict(Outcome::Pass, Reason::Other, "holds"), at(100));
        run.legs[0].remembered = Some(first);
        run.legs[1].remembered = Some(second);
        assert!(absorb(&mut memory, &item, run, &ALONE));
        let values = [value("a", 5, 10), value("b", 20, 100), value("c", 100, 100)].into();
        assert_eq!(memory.remembered, [Arc::new(Remembered { of, since: at(4), values })]);
    }
}

#[test]
fn a_new_definition_of_the_rest_forgets_nothing_that_was_seen() {
    let old = item(CheckDef::Legs(1));
    let mut memory = blank();
    looked(&mut memory, &old, 1, Some(&["a"]), 0);
    let new = plan(&[Def { version: 2, ..Def::new("a") }], &[]).items[0].clone();
    forget(&mut memory, &new);
    assert_eq!((memory.last_run.is_none(), kept(&memory)), (true, vec![(1, 1)]));
}

#[test]
fn the_oldest_memory_makes_room() {
    let item = item(CheckDef::Legs(1));
    let mut memory = blank();
    for of in 0..Remembered::MOST as u64 + 2 {
        looked(&mut memory, &item, of, Some(&["a"]), of as i64);
    }
    let last = Remembered::MOST as u64 + 1;
    assert_eq!(memory.remembered.len(), Remembered::MOST);
    assert_eq!((memory.remembered[0].of, memory.remembered.last().unwrap().of), (Digest(2), Digest(last)));
}
