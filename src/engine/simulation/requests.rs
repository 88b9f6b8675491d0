//! What people ask of a running engine, at the worst moment.

use std::time::Duration;

use super::month::{DAY, HOUR, World, quiet_panics};
use super::*;
use crate::model::{Reason, State};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever_for_an_item_that_a_reload_removed() {
    let mut world = World::start((0..3).map(|_| Subject::every(HOUR, Behaviour::Slow)).collect()).await;
    tokio::time::sleep(DAY).await;
    let handle = world.engine.handle().clone();
    let (answer, ()) = tokio::join!(handle.run_now(id(2)), async {
        tokio::time::sleep(SECOND).await;
        world.subjects.pop();
        world.reload().await;
    });
    assert_eq!(answer, Ok(None));
    assert_eq!(handle.run_now(id(2)).await, Ok(None), "there is no such item");
    world.engine.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_dropped_is_made_up_for() {
    let mut world = World::start(vec![Subject::every(HOUR, Behaviour::Slow)]).await;
    tokio::time::sleep(DAY).await;
    let handle = world.engine.handle().clone();
    let before = world.clock.now();
    let (answer, ()) = tokio::join!(handle.run_now(id(0)), async {
        tokio::time::sleep(SECOND).await;
        world.subjects[0].definition = 1;
        world.reload().await;
    });
    let finished = answer.expect("the engine runs").expect("the item is there");
    assert!(finished.since(before) >= Span::from_secs(4), "the answer is about the new definition");
    let view = handle.current.load().items[0].clone();
    assert_eq!(view.memory.last_finished, Some(finished), "who is answered can read the result");
    assert_eq!(view.effective.state, State::Pass);
    world.engine.drain().await;
}

/// The first that the loop hears after the jump is a result.
#[tokio::test(start_paused = true)]
async fn a_result_that_comes_with_a_jump_of_the_clock_makes_nothing_stale() {
    let mut subjects: Vec<_> = (0..50).map(|_| Subject::every(HOUR, Behaviour::Pass)).collect();
    subjects[0].behaviour = Behaviour::Slow;
    let world = World::start(subjects).await;
    tokio::time::sleep(DAY).await;
    let handle = world.engine.handle().clone();
    for hours in [30, -30] {
        let before = (world.metric("readiness_transitions_total"), world.metric("readiness_evaluations_dropped_total"));
        let (answer, ()) = tokio::join!(handle.run_now(id(0)), async {
            tokio::time::sleep(SECOND).await;
            world.clock.jump(hours * 3_600_000);
        });
        assert!(answer.is_ok_and(|finished| finished.is_some()));
        let after = (world.metric("readiness_transitions_total"), world.metric("readiness_evaluations_dropped_total"));
        assert_eq!(after, before, "nothing has changed, and no run was lost, by {hours} h");
        tokio::time::sleep(DAY).await;
    }
    world.engine.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_beside_the_probe_does_not_take_an_item_out_of_the_schedule() {
    quiet_panics();
    let subject = Subject { access: Access::Mutates, ..Subject::every(HOUR, Behaviour::Panic) };
    let world = World::start(vec![subject]).await;
    tokio::time::sleep(DAY).await;
    let view = world.snapshot().await.items[0].clone();
    assert!(view.memory.evaluations >= 23, "{}", view.memory.evaluations);
    assert_eq!((view.effective.state, view.effective.reason), (State::Unknown, Some(Reason::Internal)));
    world.engine.drain().await;
}

#[tokio::test(start_paused = true)]
async fn credentials_are_tried_once_an_hour_whoever_asks() {
    let quarter = Span::from_secs(900);
    let subject = Subject { access: Access::Authenticates, ..Subject::every(quarter, Behaviour::Fail) };
    let mut world = World::start(vec![subject]).await;
    let handle = world.engine.handle().clone();
    for _ in 0..24 {
        for _ in 0..5 {
            assert!(handle.run_now(id(0)).await.is_ok());
            tokio::time::sleep(Duration::from_secs(300)).await;
        }
        world.reload().await;
        tokio::time::sleep(Duration::from_secs(2100)).await;
    }
    let hours = world.clock.now().since(super::month::START).0 / HOUR.0;
    let runs = world.snapshot().await.items[0].memory.evaluations;
    assert!((hours - 2..=hours + 2).contains(&runs), "{runs} attempts in {hours} hours");
    world.engine.drain().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_loop_absorbed_last_is_stored() {
    let world = World::start(vec![Subject::every(HOUR, Behaviour::Slow)]).await;
    tokio::time::sleep(DAY).await;
    let handle = world.engine.handle().clone();
    let (store, asked) = (Arc::clone(&handle.store), world.clock.now());
    let (_, drained) = tokio::join!(handle.run_now(id(0)), async {
        tokio::time::sleep(SECOND).await;
        world.engine.drain().await
    });
    assert!(drained, "the run ended by itself");
    let last = handle.current.load().items[0].memory.last_finished.expect("a run");
    assert!(last > asked, "the last snapshot has the last run");
    let stored = store.restore().await.expect("restore").memories;
    assert_eq!(stored[0].1.last_finished, Some(last));
}
