//! Laws of the world as a whole, on random plans and histories.

use std::sync::Arc;

use proptest::prelude::*;

use super::fixture::{CheckDef, Def, evaluation, id, plan, verdict, waiver};
use super::{Change, DueQueue, Event, PlanDiff, Timing, World, explain};
use crate::model::*;

const START: Timestamp = Timestamp::from_secs(1_767_225_600);
const ITEMS: usize = 6;

fn at(secs: u64) -> Timestamp {
    START + Span::from_secs(secs)
}

fn name(n: usize) -> String {
    format!("i{n}")
}

/// Items may depend on, and be made of, items with a lower number only.
fn any_def(n: usize) -> impl Strategy<Value = Def> {
    let lower = move |most| prop::collection::vec(0..n.max(1), 0..most);
    (0..8u8, lower(3), lower(4), 1..4u8, prop::sample::select(vec![0u64, 120])).prop_map(
        move |(kind, depends, parts, fail_after, hold)| {
            let names = |numbers: Vec<usize>| numbers.into_iter().filter(|m| *m < n).map(name).collect::<Vec<_>>();
            let mut def = Def::new(&name(n));
            let parts = names(parts);
            def.depends = names(depends);
            def.check = match kind {
                0 if !parts.is_empty() => CheckDef::All(parts),
                1 if !parts.is_empty() => CheckDef::Any(parts),
                2 => CheckDef::Undecided(Reason::Unmapped, "nobody wrote a check".into()),
                3 => CheckDef::Legs(2),
                _ => CheckDef::Legs(1),
            };
            def.policy.hysteresis = Hysteresis { fail_after, recover_after: 2, unknown_after: 2 };
            def.policy.ready_hold = Span::from_secs(hold);
            def
        },
    )
}

fn any_defs() -> impl Strategy<Value = Vec<Def>> {
    (any_def(0), any_def(1), any_def(2), any_def(3), any_def(4), any_def(5))
        .prop_map(|(a, b, c, d, e, f)| vec![a, b, c, d, e, f])
}

#[derive(Clone, Debug)]
struct Step {
    item: usize,
    outcome: Outcome,
    wait: u64,
    valid_for: Option<u64>,
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![3 => Just(Outcome::Pass), 2 => Just(Outcome::Fail), 1 => Just(Outcome::Indeterminate)]
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let valid = prop_oneof![4 => Just(None), 1 => (1u64..200).prop_map(Some)];
    let wait = prop_oneof![6 => 0u64..40, 1 => 100u64..400];
    let step = (0..ITEMS, any_outcome(), wait, valid).prop_map(|(item, outcome, wait, valid_for)| Step {
        item,
        outcome,
        wait,
        valid_for,
    });
    prop::collection::vec(step, 0..60)
}

fn any_waivers() -> impl Strategy<Value = Vec<Waiver>> {
    let one = (0..ITEMS, 0u64..600, 1u64..600)
        .prop_map(|(item, from, len)| waiver(&format!("W-{item}-{from}"), &name(item), at(from), at(from + len)));
    prop::collection::vec(one, 0..4)
}

/// The run of a step, if the item has legs.
fn run(world: &World, step: &Step, now: Timestamp) -> Option<Event> {
    let item = world.plan().item(world.plan().slot(&id(&name(step.item)))?)?;
    if !item.is_scheduled() {
        return None;
    }
    let mut said = verdict(step.outcome, Reason::Refused, "expected one thing, saw another");
    said.valid_until = step.valid_for.map(|secs| now + Span::from_secs(secs));
    Some(Event::Evaluated(Box::new(evaluation(item, &said, now))))
}

/// Plays the steps and gives the time of the last one; ticks when asked to.
fn play(world: &mut World, steps: &[Step], mut now: Timestamp, mut each: impl FnMut(&World, Timestamp)) -> Timestamp {
    for step in steps {
        now = now + Span::from_secs(step.wait);
        if let Some(event) = run(world, step, now) {
            world.apply(event, now);
            each(world, now);
        }
    }
    world.apply(Event::Tick, now);
    now
}

fn all(world: &World) -> Vec<Effective> {
    (0..world.plan().items.len()).map(|n| world.effective(Slot(n as u32)).unwrap().clone()).collect()
}

fn memories(world: &World) -> Vec<(ItemId, ItemMemory)> {
    let plan = world.plan();
    plan.items
        .iter()
        .enumerate()
        .map(|(n, item)| (item.id.clone(), ItemMemory::clone(world.memory(Slot(n as u32)).unwrap())))
        .collect()
}

type Fact = (State, State, Option<Reason>, Option<Slot>, Option<usize>);

/// States without the instants at which they came about.
fn facts(world: &World) -> Vec<Fact> {
    all(world).into_iter().map(|one| (one.state, one.underlying, one.reason, one.root_cause, one.waiver)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// What holds of every item at every instant.
    #[test]
    fn invariants(defs in any_defs(), waivers in any_waivers(), steps in any_steps()) {
        let mut world = World::new(plan(&defs, &waivers), START);
        play(&mut world, &steps, START, |world, _| {
            for (n, one) in all(world).iter().enumerate() {
                let item = world.plan().item(Slot(n as u32)).unwrap();
                let memory = world.memory(Slot(n as u32)).unwrap();
                assert_eq!(one.reason.is_none(), one.state == State::Pass);
                assert_eq!(one.underlying == State::Pass, one.state == State::Pass, "a pass is never covered");
                assert_eq!(one.waiver.is_some(), one.state == State::Waived);
                assert_eq!(one.root_cause.is_some(), one.state == State::Blocked);
                let satisfied = |slot: &Slot| {
                    matches!(world.effective(*slot).unwrap().underlying, State::Pass | State::NotApplicable)
                };
                if one.state == State::Blocked {
                    assert!(!item.depends_on.iter().all(satisfied), "blocked by nothing");
                    let root = world.effective(one.root_cause.unwrap()).unwrap();
                    assert!(root.state != State::Pass && root.state != State::Blocked);
                }
                if one.regressed_since.is_some() {
                    assert!(!matches!(one.underlying, State::Pass | State::NotApplicable), "a pass ends it");
                    assert_ne!(one.state, State::Blocked, "not its own");
                }
                // Ready rests on a confirmed pass that is fresh.
                if one.state == State::Pass {
                    assert_eq!(memory.confirmed.unwrap().outcome, Outcome::Pass);
                }
                assert_eq!(memory.standing.unwrap(), one.standing());
                assert!(!explain(one, memory, item, world.plan()).is_empty());
            }
        });
    }

    /// The state is constant until the world asks to be woken.
    #[test]
    fn constant_until_the_next_change(defs in any_defs(), waivers in any_waivers(), steps in any_steps(), part in 0u64..1000) {
        let mut world = World::new(plan(&defs, &waivers), START);
        let now = play(&mut world, &steps, START, |_, _| {});
        let wake = world.apply(Event::Tick, now).wake_at.unwrap_or(now + Span::from_secs(86_400));
        prop_assert!(wake > now);
        let before = all(&world);
        let later = now + Span((wake.since(now).0 - 1) * part / 1000);
        let effects = world.apply(Event::Tick, later);
        prop_assert!(effects.dirty.is_empty() && effects.transitions.is_empty());
        // Not even deriving everything anew changes anything.
        let same = world.plan().clone();
        let effects = world.apply(Event::PlanReplaced(same), later);
        prop_assert!(effects.transitions.is_empty() && effects.dirty.is_empty() && effects.due.is_empty(), "{effects:?}");
        prop_assert_eq!(all(&world), before);
    }

    /// However late the tick, and however many, the state is that of the instant.
    #[test]
    fn ticks_do_not_matter(defs in any_defs(), waivers in any_waivers(), steps in any_steps(), wait in 1u64..2000) {
        let mut punctual = World::new(plan(&defs, &waivers), START);
        let mut late = World::new(plan(&defs, &waivers), START);
        let now = play(&mut punctual, &steps, START, |_, _| {});
        play(&mut late, &steps, START, |_, _| {});
        let end = now + Span::from_secs(wait);
        let mut wake = punctual.apply(Event::Tick, now).wake_at;
        while let Some(at) = wake.filter(|at| *at <= end) {
            wake = punctual.apply(Event::Tick, at).wake_at;
        }
        late.apply(Event::Tick, end);
        prop_assert_eq!(facts(&punctual), facts(&late));
    }

    /// Runs of different items at one instant give one world in whatever order they arrive.
    #[test]
    fn arrival_order_does_not_matter(defs in any_defs(), steps in any_steps(), batch in prop::collection::vec(any_outcome(), ITEMS), order in Just((0..ITEMS).collect::<Vec<_>>()).prop_shuffle()) {
        let plan = plan(&defs, &[]);
        let (mut one, mut two) = (World::new(plan.clone(), START), World::new(plan, START));
        let now = play(&mut one, &steps, START, |_, _| {});
        play(&mut two, &steps, START, |_, _| {});
        let now = now + Span::from_secs(5);
        let step = |item: usize| Step { item, outcome: batch[item], wait: 0, valid_for: None };
        for (n, m) in order.into_iter().enumerate() {
            if let Some(event) = run(&one, &step(n), now) { one.apply(event, now); }
            if let Some(event) = run(&two, &step(m), now) { two.apply(event, now); }
        }
        prop_assert_eq!(facts(&one), facts(&two));
    }

    /// A checkpoint and the events after it give what all events give, and nothing is counted twice.
    #[test]
    fn replay_from_a_checkpoint(defs in any_defs(), waivers in any_waivers(), steps in any_steps(), cut in 0usize..60) {
        let cut = cut.min(steps.len());
        let mut whole = World::new(plan(&defs, &waivers), START);
        let now = play(&mut whole, &steps[..cut], START, |_, _| {});
        let mut resumed = World::new(plan(&defs, &waivers), now);
        resumed.apply(Event::Restored(memories(&whole)), now);
        let end = play(&mut whole, &steps[cut..], now, |_, _| {});
        prop_assert_eq!(play(&mut resumed, &steps[cut..], now, |_, _| {}), end);
        for (n, ((_, one), (_, two))) in memories(&whole).iter().zip(&memories(&resumed)).enumerate() {
            // Composites may have been undecided for want of an input that our outage made stale.
            if whole.plan().items[n].legs.is_empty() { continue; }
            // Whether a dependency was away is seen anew after our own outage, and decides what one look confirms.
            if whole.plan().items[n].depends_on.is_empty() { prop_assert_eq!(one.confirmed, two.confirmed); }
            prop_assert_eq!((one.evaluations, one.failures, one.flap), (two.evaluations, two.failures, two.flap));
            prop_assert!(two.regressions <= one.regressions + 1);
        }
    }

    /// Restoring a moment later, with everything fresh, changes nothing at all.
    #[test]
    fn a_restart_changes_nothing(defs in any_defs(), steps in any_steps()) {
        let mut world = World::new(plan(&defs, &[]), START);
        let now = play(&mut world, &steps, START, |_, _| {});
        let kept = memories(&world);
        let mut resumed = World::new(plan(&defs, &[]), now);
        let effects = resumed.apply(Event::Restored(kept.clone()), now);
        for (n, (one, two)) in all(&world).iter().zip(&all(&resumed)).enumerate() {
            let last = |(_, memory): &(ItemId, ItemMemory)| memory.last_finished;
            let fresh = kept[n].1.fresh_until >= kept.iter().filter_map(last).max();
            if one.state == two.state {
                prop_assert_eq!(one.since, two.since);
            } else {
                prop_assert!(effects.transitions.iter().any(|change| change.item == kept[n].0), "{} changed silently", n);
            }
            if !fresh { prop_assert!(two.state != State::Pass || one.state == State::Pass || kept[n].1.fresh_until.is_none()); }
            prop_assert_eq!(kept[n].1.regressions, memories(&resumed)[n].1.regressions);
        }
    }

    /// A dependency that passes changes nothing for the items that depend on it.
    #[test]
    fn a_passing_dependency_worsens_nothing(defs in any_defs(), steps in any_steps(), child in 0usize..ITEMS) {
        let mut wider = defs.clone();
        wider[child].depends.push("extra".into());
        let mut extra = Def::new("extra");
        extra.policy.fresh_for = Span::from_secs(1_000_000);
        wider.push(extra.clone());
        let mut plain = defs;
        plain.push(extra);
        let outcome = |defs: &[Def]| {
            let mut world = World::new(plan(defs, &[]), START);
            let run = Step { item: 0, outcome: Outcome::Pass, wait: 0, valid_for: None };
            let slot = world.plan().slot(&id("extra")).unwrap();
            let item = world.plan().item(slot).unwrap().clone();
            let said = verdict(run.outcome, Reason::Other, "passes");
            world.apply(Event::Evaluated(Box::new(evaluation(&item, &said, START))), START);
            play(&mut world, &steps, START + Span::from_secs(2), |_, _| {});
            all(&world)
        };
        prop_assert_eq!(outcome(&plain), outcome(&wider));
    }

    /// After `recover_after` passes in a row an item passes, flapping or not.
    #[test]
    fn recovery_is_not_held_back(outcomes in prop::collection::vec(any_outcome(), 0..40), recover_after in 1u8..4) {
        let mut def = Def::new("a");
        def.policy.hysteresis.recover_after = recover_after;
        let mut world = World::new(plan(&[def], &[]), START);
        let tail = vec![Outcome::Pass; usize::from(recover_after)];
        for (n, outcome) in outcomes.iter().chain(&tail).enumerate() {
            let item = world.plan().items[0].clone();
            let now = at(n as u64 * 10);
            let said = verdict(*outcome, Reason::Refused, "said");
            world.apply(Event::Evaluated(Box::new(evaluation(&item, &said, now))), now);
        }
        prop_assert_eq!(world.effective(Slot(0)).unwrap().state, State::Pass);
    }

    /// A reload gives the new plan, keeps what is unchanged, and forgets only what was redefined.
    #[test]
    fn reload_keeps_what_is_unchanged(defs in any_defs(), steps in any_steps(), changed in 0usize..ITEMS, order in Just((0..ITEMS).collect::<Vec<_>>()).prop_shuffle()) {
        let mut world = World::new(plan(&defs, &[]), START);
        let now = play(&mut world, &steps, START, |_, _| {});
        let before = memories(&world);
        let states: Vec<_> = all(&world);
        let mut next: Vec<Def> = order.iter().map(|n| defs[*n].clone()).collect();
        for def in next.iter_mut().filter(|def| def.name == name(changed)) { def.version = 2; }
        let effects = world.apply(Event::PlanReplaced(plan(&next, &[])), now);
        prop_assert!(effects.removed.is_empty());
        for (n, (known, memory)) in before.iter().enumerate() {
            let slot = world.plan().slot(known).unwrap();
            let now_has = world.memory(slot).unwrap();
            let item = world.plan().item(slot).unwrap();
            prop_assert_eq!(now_has.evaluations, memory.evaluations);
            if n == changed {
                prop_assert_eq!(now_has.regressions, memory.regressions);
                prop_assert_eq!(now_has.definition_changed, item.is_scheduled() && memory.last_run.is_some());
            } else if item.is_scheduled() {
                let mut kept = memory.clone();
                kept.standing = now_has.standing;
                prop_assert_eq!(&**now_has, &kept);
                // What was seen while a dependency was away is a failure under a hold, and nothing without one.
                if item.depends_on.is_empty() {
                    prop_assert_eq!(world.effective(slot).unwrap().underlying, states[n].underlying);
                }
            }
        }
    }

    /// Never twice in flight, never before its time, and what is unchanged keeps its due time.
    #[test]
    fn due_queue(defs in any_defs(), waits in prop::collection::vec((0u64..90, any::<bool>()), 1..60)) {
        let plan = plan(&defs, &[]);
        let mut queue = DueQueue::start(&plan, 3, START, |_| None);
        let mut running: Vec<Slot> = Vec::new();
        let mut now = START;
        for (wait, finish) in waits {
            now = now + Span::from_secs(wait);
            for (slot, planned) in queue.pop_due(now) {
                prop_assert!(planned <= now && !running.contains(&slot));
                running.push(slot);
            }
            prop_assert!(queue.next_at().is_none_or(|at| at > now));
            if finish { for slot in running.drain(..) { queue.finished(slot); } }
        }
        let before = queue.next_at();
        let diff = PlanDiff::between(&plan, &plan);
        queue.replace(&plan, &diff, 3, now);
        prop_assert_eq!(queue.next_at(), before);
        prop_assert!(running.iter().all(|slot| queue.is_in_flight(*slot)));
    }
}

/// An overrun is counted, not queued; what was asked for during a run follows it.
#[test]
fn overruns_are_skipped_and_requests_are_not() {
    let plan = plan(&[Def::new("a")], &[]);
    let timing = Timing::new(&id("a"), 0, Schedule::every(Span::from_secs(60)));
    let mut queue = DueQueue::new();
    queue.insert(Slot(0), timing, START);
    assert_eq!(queue.pop_due(START), vec![(Slot(0), START)]);
    assert_eq!(queue.pop_due(at(200)), Vec::new());
    assert_eq!(queue.overruns(), 1);
    queue.hasten(Slot(0), at(201));
    assert_eq!(queue.pop_due(at(202)), Vec::new());
    assert_eq!(queue.overruns(), 1);
    queue.finished(Slot(0));
    assert_eq!(queue.pop_due(at(203)), vec![(Slot(0), at(201))]);
    queue.finished(Slot(0));
    queue.remove(Slot(0));
    assert_eq!((queue.next_at(), queue.len(), plan.items.len()), (None, 0, 1));
}

#[test]
fn a_wait_of_400_days_is_a_wait_like_any_other() {
    let year = Span::from_secs(400 * 86_400);
    let timing = Timing::new(&id("a"), 0, Schedule::every(year));
    let mut queue = DueQueue::new();
    queue.insert(Slot(0), timing, START + year);
    assert!(queue.pop_due(START).is_empty());
    assert_eq!(queue.pop_due(START + year), vec![(Slot(0), START + year)]);
    assert!(queue.next_at() > Some(START + year));
}

#[test]
fn the_diff_says_what_kind_of_change_it_was() {
    let mut defs: Vec<Def> = ["same", "meta", "schedule", "policy", "probe", "old", "gone"].map(Def::new).to_vec();
    let before = plan(&defs, &[]);
    defs[1].title = "longer title".into();
    defs[2].interval = Span::from_secs(90);
    defs[3].policy.hysteresis.fail_after = 9;
    defs[4].version = 2;
    defs[5] = Def { aliases: vec!["old".into()], ..Def::new("new") };
    defs[6] = Def::new("added");
    let after = plan(&defs, &[]);
    let diff = PlanDiff::between(&before, &after);
    let kinds: Vec<String> = diff.items.iter().map(Change::kind).map(|kind| format!("{kind:?}")).collect();
    assert_eq!(kinds, ["Unchanged", "Meta", "Schedule", "Policy", "Probe", "AliasOf", "Added"]);
    assert_eq!(diff.removed, vec![id("gone")]);
    let both = plan(&[Def::new("old"), Def { aliases: vec!["old".into()], ..Def::new("new") }], &[]);
    let diff = PlanDiff::between(&before, &both);
    assert_eq!(diff.items[1].old, None, "an id that is still there is not somebody's former one");
}

#[test]
fn a_clock_that_goes_back_loses_nothing() {
    let mut world = World::new(plan(&[Def::new("a")], &[]), at(100));
    let item: Arc<Item> = world.plan().items[0].clone();
    let said = verdict(Outcome::Pass, Reason::Other, "passes");
    world.apply(Event::Evaluated(Box::new(evaluation(&item, &said, at(100)))), at(100));
    world.apply(Event::Tick, at(20));
    assert_eq!(world.effective(Slot(0)).unwrap().state, State::Pass);
    let broken = verdict(Outcome::Fail, Reason::Refused, "refused");
    for secs in [20, 30, 40] {
        let effects = world.apply(Event::Evaluated(Box::new(evaluation(&item, &broken, at(secs)))), at(secs));
        assert!(!effects.dropped, "the run at {secs} is the newest there can be");
    }
    assert_eq!(world.effective(Slot(0)).unwrap().state, State::Fail);
    let stranger = Evaluation { item: id("nobody"), ..evaluation(&item, &said, at(120)) };
    assert!(world.apply(Event::Evaluated(Box::new(stranger)), at(120)).dropped);
}

#[test]
fn a_reload_plans_anew_only_what_it_must() {
    let mut defs: Vec<Def> = ["same", "schedule", "old", "gone"].map(Def::new).to_vec();
    let before = plan(&defs, &[]);
    let mut queue = DueQueue::start(&before, 0, START, |_| Some(START));
    let due_of =
        |name: &str, interval| Timing::new(&id(name), 0, Schedule::every(Span::from_secs(interval))).next_due(START);
    queue.hasten(Slot(0), at(1));
    defs[1].interval = Span::from_secs(3600);
    defs[2] = Def { aliases: vec!["old".into()], ..Def::new("new") };
    defs.remove(3);
    defs.swap(0, 2);
    let after = plan(&defs, &[]);
    queue.replace(&after, &PlanDiff::between(&before, &after), 0, START);
    assert_eq!(queue.len(), 3);
    assert_eq!(queue.pop_due(at(1)), vec![(Slot(2), at(1))], "the retry of an unchanged item stays, at its new slot");
    let mut rest = queue.pop_due(at(4000));
    rest.retain(|(slot, _)| *slot != Slot(2));
    rest.sort();
    assert_eq!(rest, vec![(Slot(0), due_of("new", 60)), (Slot(1), due_of("schedule", 3600))]);
}

#[test]
fn sentences_name_root_waiver_and_condition() {
    let mut child = Def::new("child");
    child.depends = vec!["root".into()];
    let elsewhere = Def { applicability: Applicability::NotApplicable("params.ha".into()), ..Def::new("elsewhere") };
    let world = World::new(plan(&[Def::new("root"), child, elsewhere], &[]), START);
    let said = |n: u32| {
        let slot = Slot(n);
        let item = world.plan().item(slot).unwrap();
        explain(world.effective(slot).unwrap(), world.memory(slot).unwrap(), item, world.plan())
    };
    assert_eq!(said(0), "not evaluated yet");
    assert_eq!(said(1), "blocked by `c/root`, which is not passing");
    assert_eq!(said(2), "does not apply: `params.ha` does not hold");
}

/// Ten thousand items over one root: a run costs what it changes, not what there is.
#[test]
fn runs_are_cheap_in_a_large_world() {
    let child = |n| Def { depends: vec![name(0)], ..Def::new(&name(n)) };
    let rest: Vec<Def> = (1..10_000).map(child).collect();
    let mut world = World::new(large(&Def::new(&name(0)), &rest), START);
    let passes = verdict(Outcome::Pass, Reason::Other, "passes");
    for n in 0..10_000u32 {
        let item = world.plan().item(Slot(n)).unwrap().clone();
        let now = at(u64::from(n) / 1000);
        let effects = world.apply(Event::Evaluated(Box::new(evaluation(&item, &passes, now))), now);
        let expected = if n == 0 { 10_000 } else { 1 };
        assert_eq!(effects.dirty.len(), expected, "item {n}");
    }
}

/// The fixture looks names up one by one, too slow for so many.
fn large(root: &Def, rest: &[Def]) -> Arc<Plan> {
    let pair = plan(&[root.clone(), rest[0].clone()], &[]);
    let mut items = pair.items.clone();
    for def in &rest[1..] {
        items.push(Arc::new(Item { id: id(&def.name), ..(*pair.items[1]).clone() }));
    }
    let slots = items.iter().enumerate().map(|(n, item)| (item.id.clone(), Slot(n as u32))).collect();
    Arc::new(Plan { items, slots, ..(*pair).clone() })
}
