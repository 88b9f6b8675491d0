use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;

use super::*;
use crate::engine::reload::Load;
use crate::engine::{Clock, Engine, Pace, Parts, ReloadOutcome, Supervisor};
use crate::model::{Reason, State};
use crate::settings::Settings;
use crate::snapshot::{ItemView, Snapshot};

pub(super) const HOUR: Span = Span::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);
pub(super) const START: Timestamp = Timestamp::from_secs(1_767_225_600);

pub(super) struct World {
    pub(super) engine: Engine,
    store: Arc<Switched>,
    pub(super) clock: Clock,
    pub(super) subjects: Vec<Subject>,
    generation: u64,
}

impl World {
    pub(super) async fn start(subjects: Vec<Subject>) -> Self {
        // Months pass: nobody looks at every second of them.
        Self::paced(subjects, Pace { heartbeat: Duration::from_secs(3600), publish: Duration::from_secs(600) }).await
    }

    pub(super) async fn paced(subjects: Vec<Subject>, pace: Pace) -> Self {
        let (clock, store) = (Clock::anchored(START), Arc::new(Switched::default()));
        let parts = Parts {
            settings: Settings::default(),
            builtins: builtins(),
            catalogue: catalogue(&subjects, 0),
            store: Arc::clone(&store) as Arc<dyn Store>,
            clock: clock.clone(),
            supervisor: Supervisor::new(),
            pace,
        };
        let engine = Engine::start(parts).await.expect("start");
        Self { engine, store, clock, subjects, generation: 0 }
    }

    pub(super) async fn reload(&mut self) {
        self.generation += 1;
        let (sender, answer) = oneshot::channel();
        let compiled = Box::new(catalogue(&self.subjects, self.generation));
        self.engine.loads.send(Load::Replace { compiled, done: vec![sender] }).await.expect("loop");
        assert!(matches!(answer.await, Ok(ReloadOutcome::Replaced { .. })));
    }

    pub(super) async fn snapshot(&self) -> Arc<Snapshot> {
        tokio::time::sleep(Duration::from_secs(3601)).await;
        self.engine.handle().current.load()
    }

    fn of(&self, snapshot: &Snapshot, behaviour: Behaviour) -> Vec<Arc<ItemView>> {
        let of = |n: &usize| self.subjects[*n].behaviour == behaviour;
        (0..self.subjects.len()).filter(of).map(|n| Arc::clone(&snapshot.items[n])).collect()
    }

    /// Over all labels.
    pub(super) fn metric(&self, name: &str) -> f64 {
        let families = self.engine.handle().registry.gather();
        let family = families.iter().find(|family| family.name() == name).expect("family");
        let value =
            |metric: &prometheus::proto::Metric| metric.get_counter().get_value() + metric.get_gauge().get_value();
        family.get_metric().iter().map(value).sum()
    }
}

fn mixed(n: usize) -> Subject {
    let behaviour = match n % 20 {
        0 | 1 => Behaviour::Fail,
        2 => Behaviour::Hang,
        3 => Behaviour::Panic,
        4 => Behaviour::EverySecondDay,
        _ => Behaviour::Pass,
    };
    let depends_on = (n % 20 == 1).then(|| u32::try_from(n - 1).unwrap());
    // What changes is looked at more often, so that a change is rare among its runs.
    let interval = if behaviour == Behaviour::EverySecondDay { Span(INTERVAL.0 / 4) } else { INTERVAL };
    Subject { depends_on, ..Subject::every(interval, behaviour) }
}

/// So that a month is some hundred thousand runs, not a million.
const INTERVAL: Span = Span::from_secs(12 * 3600);

/// A panic that a test asked for need not be printed a thousand times.
pub(super) fn quiet_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&"told to") {
            before(info);
        }
    }));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_items_over_thirty_days() {
    quiet_panics();
    let mut world = World::start((0..1000).map(mixed).collect()).await;
    let (mut day, mut hours_of_reloads) = (0, 0);
    while day < 30 {
        match day {
            10 => world.store.dead.store(true, Ordering::Relaxed),
            15 => {
                // A storm: reloads all through one hour, all of them of equal content.
                for _ in 0..30 {
                    world.reload().await;
                    tokio::time::sleep(Duration::from_secs(120)).await;
                }
                hours_of_reloads += 1;
            }
            _ => {}
        }
        if day == 11 {
            let health = world.snapshot().await.health.store.clone();
            assert!(health.degraded && health.last_error.is_some(), "a dead store is said: {health:?}");
            hours_of_reloads += 1;
            world.store.dead.store(false, Ordering::Relaxed);
        }
        tokio::time::sleep(DAY).await;
        day += 1;
    }
    let snapshot = world.snapshot().await;
    // The first run does not wait for its phase.
    let planned = 1 + (30 * 24 + hours_of_reloads + 1) / 12;

    for view in world.of(&snapshot, Behaviour::Pass) {
        let runs = view.memory.evaluations;
        assert!((planned - 1..=planned + 1).contains(&runs), "{}: {runs} runs, planned {planned}", view.item.id);
        assert_eq!(view.effective.state, State::Pass);
        let memory = &view.memory;
        assert_eq!((memory.failures, memory.regressions, memory.contrary), (0, 0, 0), "{}", view.item.id);
    }
    for view in world.of(&snapshot, Behaviour::Fail) {
        let blocked = !view.item.depends_on.is_empty();
        let expected = if blocked { State::Blocked } else { State::Fail };
        assert_eq!(view.effective.state, expected, "{}", view.item.id);
        assert!((planned - 1..=planned + 1).contains(&view.memory.evaluations), "{}", view.memory.evaluations);
    }
    for (behaviour, reason) in [(Behaviour::Hang, Reason::ObserverTimeout), (Behaviour::Panic, Reason::Internal)] {
        for view in world.of(&snapshot, behaviour) {
            assert_eq!(view.effective.state, State::Unknown, "never a fail: the exporter could not tell");
            assert_eq!(view.effective.reason, Some(reason));
            assert!(view.memory.evaluations >= planned - 1, "{}", view.memory.evaluations);
        }
    }
    for view in world.of(&snapshot, Behaviour::EverySecondDay) {
        // It starts on an even day, so the first bad day is a regression, and every second one after it.
        assert!((14..=16).contains(&view.memory.regressions), "{}", view.memory.regressions);
        assert!(!view.effective.flapping, "a change a day among the runs of one is no flapping");
    }

    assert!(world.metric("readiness_panics_total") >= 50.0 * (planned - 1) as f64);
    let families = world.engine.handle().registry.gather();
    let dropped = families.iter().find(|family| family.name() == "readiness_store_dropped_rows_total").expect("family");
    let transitions =
        |metric: &&prometheus::proto::Metric| metric.get_label().iter().any(|l| l.value() == "transitions");
    let transitions = dropped.get_metric().iter().find(transitions).expect("transitions");
    assert_eq!(transitions.get_counter().get_value(), 0.0, "a day of a dead store loses no transition");
    assert!(!snapshot.health.store.degraded);
    let stored = world.store.restore().await.expect("restore").memories;
    let stored: HashMap<_, _> = stored.into_iter().collect();
    for view in &snapshot.items {
        let kept = &stored[&view.item.id];
        assert_eq!(kept.standing, view.memory.standing, "{}: what is stored is what is shown", view.item.id);
    }
    assert!(world.engine.drain().await, "nothing had to be cut off");
}

#[tokio::test(start_paused = true)]
async fn a_jump_of_the_clock_costs_no_item_its_schedule() {
    for hours in [-30, 30] {
        let world = World::start((0..50).map(|_| Subject::every(HOUR, Behaviour::Pass)).collect()).await;
        tokio::time::sleep(DAY).await;
        let before = world.snapshot().await;
        world.clock.jump(hours * 3_600_000);
        tokio::time::sleep(DAY).await;
        let after = world.snapshot().await;
        for (before, after) in before.items.iter().zip(&after.items) {
            let runs = after.memory.evaluations - before.memory.evaluations;
            assert!((24..=27).contains(&runs), "{runs} runs in the day after a jump of {hours} h");
            assert_eq!(after.effective.state, State::Pass, "jump of {hours} h");
            assert_eq!(after.memory.regressions, 0);
        }
        assert_eq!(world.metric("readiness_clock_jumps_total"), 1.0);
        world.engine.drain().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_definition_runs_at_once_and_is_no_regression() {
    let mut world = World::start((0..10).map(|_| Subject::every(HOUR, Behaviour::Pass)).collect()).await;
    tokio::time::sleep(DAY).await;
    let kept_since = world.snapshot().await.items[9].effective.since;
    for subject in &mut world.subjects[..5] {
        *subject = Subject { definition: 1, behaviour: Behaviour::Fail, ..*subject };
    }
    world.reload().await;
    tokio::time::sleep(Duration::from_secs(700)).await;
    let snapshot = world.engine.handle().current.load();
    for view in &snapshot.items[..5] {
        assert_eq!(view.effective.state, State::Fail, "evaluated at once, not in an hour");
        assert_eq!(view.memory.regressions, 0);
        assert_eq!(view.effective.regressed_since, None);
    }
    assert_eq!(snapshot.items[9].effective.since, kept_since, "the others go on");
    world.engine.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_continues_where_the_other_stopped() {
    let world = World::start((0..200).map(mixed).collect()).await;
    tokio::time::sleep(DAY * 3).await;
    let before = world.snapshot().await;
    let World { engine, store, clock, subjects, .. } = world;
    engine.drain().await;
    let parts = Parts {
        settings: Settings::default(),
        builtins: builtins(),
        catalogue: catalogue(&subjects, 1),
        store: store as Arc<dyn Store>,
        clock,
        supervisor: Supervisor::new(),
        pace: Pace::default(),
    };
    let engine = Engine::start(parts).await.expect("start");
    let after = engine.handle().current.load();
    for (before, after) in before.items.iter().zip(&after.items) {
        assert_eq!(after.effective.standing(), before.effective.standing(), "{}", before.item.id);
        assert_eq!(after.memory.regressions, before.memory.regressions);
    }
    engine.drain().await;
}
