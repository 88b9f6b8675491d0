//! Targets that tell of changes.

use std::time::Duration;

use super::month::{DAY, World};
use super::*;
use crate::engine::Pace;
use crate::model::State;

fn is(world: &World, item: usize) -> State {
    world.engine.handle().current.load().items[item].effective.state
}

fn runs(world: &World, item: usize) -> u64 {
    world.engine.handle().current.load().items[item].memory.evaluations
}

/// Both look once in six hours; a failure takes three looks to be believed.
#[tokio::test(start_paused = true)]
async fn what_a_target_tells_is_on_the_gauge_in_a_second() {
    let six_hours = Span::from_secs(6 * 3600);
    let subject = |behaviour| Subject::every(six_hours, behaviour);
    let world =
        World::paced(vec![subject(Behaviour::TellsOfDays), subject(Behaviour::EverySecondDay)], Pace::default()).await;
    let now = world.clock.now().0;
    let days = if (now / 86_400_000) % 2 == 0 { 3 } else { 2 };
    let midnight = (now / 86_400_000 + days) * 86_400_000 - now;
    tokio::time::sleep(Duration::from_millis(u64::try_from(midnight).unwrap())).await;
    assert_eq!((is(&world, 0), is(&world, 1)), (State::Pass, State::Pass), "until midnight all is well");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((is(&world, 0), is(&world, 1)), (State::Fail, State::Pass), "the other waits for its next look");
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert_eq!(is(&world, 0), State::Pass, "and back in a second");
    world.engine.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_changes_makes_no_storm_of_looks() {
    let mut world =
        World::paced(vec![Subject::every(Span::from_secs(86_400), Behaviour::Chatters)], Pace::default()).await;
    let minute = Duration::from_secs(60);
    tokio::time::sleep(minute).await;
    let before = runs(&world, 0);
    tokio::time::sleep(10 * minute).await;
    let more = runs(&world, 0) - before;
    assert!((500..=620).contains(&more), "about one a second, and {more} in ten minutes");
    assert!(world.metric("readiness_watch_changes_total") > 50_000.0);
    assert_eq!(world.metric("readiness_watch_listening"), 1.0);
    world.subjects[0].behaviour = Behaviour::Pass;
    world.reload().await;
    tokio::time::sleep(minute).await;
    let before = runs(&world, 0);
    tokio::time::sleep(DAY).await;
    assert!(runs(&world, 0) - before <= 2, "another catalogue has other ears");
    world.engine.drain().await;
}
