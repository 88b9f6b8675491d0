//! The one task that owns the world and the due queue.
//!
//! It receives, applies and performs; it never waits for a probe, the store or a reader. Planning
//! lives here too, not in a task of its own: slots mean something for one generation only, and
//! the plan, the queue and the world must change generation together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::persister::Outbox;
use super::publisher::Publisher;
use super::reload::{Load, Request};
use super::run::{Job, Runner};
use super::waiters::Waiters;
use super::watch::Watching;
use super::{Clock, Command, ReloadOutcome, SEED, Supervisor};
use crate::catalog::Compiled;
use crate::core::{DueQueue, Effects, Event, PlanDiff, World};
use crate::model::{Access, CREDENTIAL_PERIOD, Evaluation, ItemId, Slot, Timestamp, Transition};
use crate::snapshot::{Health, LoadStatus};
use crate::store::Evidence;

/// More than this between wall clock and monotonic clock is a jump, not a slew.
const CLOCK_JUMP: Duration = Duration::from_secs(2);
/// What is due within so many milliseconds starts together: a wake-up for each item would cost more
/// than most checks do.
const TOGETHER: i64 = 10;
/// They share a task: fewer would wake more threads, more would keep one thread busy with what
/// several could do, such as TLS handshakes.
const RUNS_OF_A_TASK: usize = 16;
/// Between two batches of so many results, the other inputs get their turn.
const RESULTS_AT_ONCE: usize = 256;

pub(super) struct EventLoop {
    pub(super) catalogue: Compiled,
    pub(super) world: World,
    pub(super) queue: DueQueue,
    pub(super) runner: Arc<Runner>,
    pub(super) supervisor: Supervisor,
    pub(super) outbox: Outbox,
    pub(super) publisher: Publisher,
    pub(super) clock: Clock,
    pub(super) heartbeat: Duration,
    pub(super) load: LoadStatus,
    pub(super) started_at: Timestamp,
    pub(super) wake_at: Option<Timestamp>,
    pub(super) waiters: Waiters,
    pub(super) watching: Watching,
    pub(super) reloads: mpsc::Sender<Request>,
}

/// What the loop listens to.
pub(super) struct Inputs {
    pub(super) results: mpsc::Receiver<Evaluation>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) loads: mpsc::Receiver<Load>,
    /// Stop planning; results of runs in flight are still absorbed.
    pub(super) drain: CancellationToken,
    /// No result will come any more.
    pub(super) stop: CancellationToken,
}

impl EventLoop {
    pub(super) async fn run(mut self, mut inputs: Inputs) {
        let mut results = Vec::new();
        let mut anchor = (self.clock.now(), Instant::now());
        let mut beat = Instant::now();
        let mut draining = false;
        self.publish(draining);
        loop {
            let now = self.clock.now();
            let wake = if draining { self.publisher.due_at().unwrap_or(beat) } else { self.next_wake(now, beat) };
            let (mut command, mut load, mut changed) = (None, None, false);
            // Results come last: they are the only input that may never run dry, and must not hold
            // back the others. Time passes at each turn, whatever came.
            tokio::select! {
                biased;
                () = inputs.drain.cancelled(), if !draining => {
                    draining = true;
                    self.publish(draining);
                }
                () = inputs.stop.cancelled() => break,
                Some(heard) = inputs.commands.recv(), if !draining => command = Some(heard),
                Some(heard) = inputs.loads.recv(), if !draining => load = Some(heard),
                () = self.watching.heard(), if !draining => changed = true,
                n = inputs.results.recv_many(&mut results, RESULTS_AT_ONCE) => if n == 0 { break },
                () = sleep_until(wake) => {}
            }
            // Before anything else sees the new time: it would find all evidence outdated.
            self.notice_clock_jump(&mut anchor);
            for evaluation in results.drain(..) {
                self.absorb(evaluation);
            }
            if let Some(command) = command {
                self.command(command);
            }
            if let Some(load) = load {
                self.loaded(load);
            }
            if changed {
                self.changed();
            }
            if !draining {
                self.turn();
            }
            let instant = Instant::now();
            if instant >= beat || self.publisher.due_at().is_some_and(|due| due <= instant) {
                if instant >= beat {
                    beat = instant + self.heartbeat;
                }
                self.publish(draining);
            }
        }
        self.notice_clock_jump(&mut anchor);
        while let Ok(evaluation) = inputs.results.try_recv() {
            self.absorb(evaluation);
        }
        self.publisher.touch();
        self.publish(true);
    }

    /// Renders and publishes everything, so that the first reader sees restored state.
    pub(super) fn first_views(&mut self) {
        self.publisher.reset(&self.world);
        self.publish(false);
    }

    /// Starts what is due and lets time pass in the world.
    fn turn(&mut self) {
        let now = self.clock.now();
        if self.wake_at.is_some_and(|at| at <= now) {
            let effects = self.world.apply(Event::Tick, now);
            self.perform(effects, now);
        }
        let due = self.queue.pop_due(now);
        let jobs: Vec<Job> = due.into_iter().filter_map(|(slot, planned_at)| self.job(slot, planned_at, now)).collect();
        let mut jobs = jobs.into_iter();
        while !jobs.as_slice().is_empty() {
            let some = jobs.by_ref().take(RUNS_OF_A_TASK).collect();
            self.supervisor.spawn_run(Arc::clone(&self.runner).run_all(some));
        }
        self.runner.metrics.overruns(self.queue.overruns());
    }

    fn next_wake(&self, now: Timestamp, beat: Instant) -> Instant {
        let instant = Instant::now();
        let wall = [self.queue.next_at(), self.wake_at].into_iter().flatten().min();
        let together =
            |at: Timestamp| Timestamp(at.0.saturating_add(TOGETHER - 1).div_euclid(TOGETHER).saturating_mul(TOGETHER));
        let wall = wall.map(|at| instant + together(at).since(now).to_duration());
        [wall, self.publisher.due_at(), Some(beat)].into_iter().flatten().min().unwrap_or(beat)
    }

    /// After a jump of the wall clock the queue points at times that are far off or long past.
    fn notice_clock_jump(&mut self, anchor: &mut (Timestamp, Instant)) {
        let (now, instant) = (self.clock.now(), Instant::now());
        let expected = anchor.0.plus((instant - anchor.1).into());
        *anchor = (now, instant);
        let off = now.since(expected).max(expected.since(now));
        if off.to_duration() > CLOCK_JUMP {
            tracing::warn!(%expected, %now, "the wall clock jumped; planning everything anew");
            self.runner.metrics.clock_jumped();
            let effects = self.world.apply(Event::ClockJumped { expected }, now);
            self.perform(effects, now);
            let last_finished = |slot| self.world.memory(slot).and_then(|memory| memory.last_finished);
            self.queue.replan(now, last_finished);
        }
    }

    /// `None` if it must not run yet.
    fn job(&mut self, slot: Slot, planned_at: Timestamp, now: Timestamp) -> Option<Job> {
        let item = self.world.plan().item(slot).map(Arc::clone)?;
        if let Some(at) = self.next_attempt(slot).filter(|at| *at > now) {
            self.queue.finished(slot);
            self.queue.hasten(slot, at);
            return None;
        }
        let probes = item.legs.iter().filter_map(|leg| self.catalogue.legs.get(leg.index.0 as usize).cloned());
        let (probes, credentials) = (probes.collect(), Arc::clone(&self.catalogue.credentials));
        Some(Job {
            probes,
            item,
            credentials,
            planned_at,
            remembered: self.world.memory(slot).map(|memory| memory.remembered.clone()).unwrap_or_default(),
            leads: self.world.leads(slot),
            change_at: self.watching.change_at(slot),
        })
    }

    /// When an item that tries credentials may try again, whoever asks for it: more attempts lock
    /// accounts. `None` for all other items.
    fn next_attempt(&self, slot: Slot) -> Option<Timestamp> {
        let item = self.world.plan().item(slot)?;
        let tries = item.legs.iter().any(|leg| leg.access == Access::Authenticates);
        let last = self.world.memory(slot)?.last_started.filter(|_| tries)?;
        Some(last.plus(CREDENTIAL_PERIOD))
    }

    fn absorb(&mut self, mut evaluation: Evaluation) {
        let now = self.clock.now();
        let (id, finished) = (evaluation.item.clone(), evaluation.finished);
        let evidence = self.evidence(&mut evaluation);
        let effects = self.world.apply(Event::Evaluated(Box::new(evaluation)), now);
        let dropped = effects.dropped;
        if dropped {
            self.runner.metrics.evaluation_dropped();
        }
        let slot = self.world.plan().slot(&id);
        if let Some(slot) = slot {
            self.queue.finished(slot);
        }
        self.perform_with(effects, if dropped { Vec::new() } else { evidence }, now);
        if !dropped && self.waiters.ended(&id, finished) {
            self.publisher.touch();
        }
        // Nothing came of that run, so whoever waits is owed another.
        if let Some(slot) = slot.filter(|_| dropped && self.waiters.awaits(&id)) {
            self.queue.hasten(slot, now);
        }
    }

    /// Looks again at what a change concerns.
    fn changed(&mut self) {
        let now = self.clock.now();
        for (slot, at) in self.watching.take(now, |slot| self.world.memory(slot).map(Arc::as_ref)) {
            self.queue.hasten(slot, at);
        }
    }

    /// Takes facts and traces out: the world has no use for them.
    fn evidence(&self, evaluation: &mut Evaluation) -> Vec<Evidence> {
        let item = self.world.plan().slot(&evaluation.item).and_then(|slot| self.world.plan().item(slot));
        let Some(item) = item else { return Vec::new() };
        let (id, at) = (&evaluation.item, evaluation.finished);
        let with_leg = evaluation.legs.iter_mut().filter_map(|run| Some((item.legs.get(run.leg)?, run)));
        with_leg
            .map(|(leg, run)| Evidence {
                item: id.clone(),
                leg: Arc::clone(&leg.name),
                at,
                duration: run.duration,
                outcome: run.verdict.outcome(),
                reason: run.verdict.reason(),
                sentence: run.verdict.shared_sentence(),
                facts: std::mem::take(&mut run.facts).into(),
                trace: std::mem::take(&mut run.trace).into(),
            })
            .collect()
    }

    /// Does what the world says.
    pub(super) fn perform(&mut self, effects: Effects, now: Timestamp) {
        self.perform_with(effects, Vec::new(), now);
    }

    /// The only place where effects leave the loop.
    fn perform_with(&mut self, effects: Effects, evidence: Vec<Evidence>, now: Timestamp) {
        for transition in &effects.transitions {
            log(transition);
        }
        self.runner.metrics.transitions(effects.transitions.len());
        self.outbox.add(|pending| {
            evidence.into_iter().for_each(|evidence| pending.evidence(evidence));
            for slot in &effects.dirty {
                if let (Some(item), Some(memory)) = (self.world.plan().item(*slot), self.world.memory(*slot)) {
                    pending.memory(item.id.clone(), Arc::clone(memory));
                }
            }
            for id in effects.removed {
                pending.removed(id, now);
            }
            for transition in effects.transitions {
                pending.transition(transition);
            }
        });
        self.publisher.mark(&effects.dirty);
        for (slot, at) in effects.due {
            self.queue.hasten(slot, self.watching.confirm(slot, at, now));
        }
        self.wake_at = effects.wake_at;
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::RunNow { item, done } => self.run_now(item, done),
            Command::Reload { done } => {
                // The reloader has a queue of its own; a full one means that it is busy, and the
                // dropped sender says so.
                let _ = self.reloads.try_send(Some(done));
            }
        }
    }

    fn run_now(&mut self, id: ItemId, done: oneshot::Sender<Option<Timestamp>>) {
        let slot = self.world.plan().slot(&id);
        let scheduled = slot.and_then(|slot| self.world.plan().item(slot)).is_some_and(|item| item.is_scheduled());
        let (Some(slot), true) = (slot, scheduled) else {
            let _ = done.send(None);
            return;
        };
        let now = self.clock.now();
        let last = self.world.memory(slot).and_then(|memory| memory.last_finished);
        if self.next_attempt(slot).is_some_and(|at| at > now) {
            let _ = done.send(last);
            return;
        }
        // A run in flight may have looked before the question was asked; it is answered by it all
        // the same, and the next run follows.
        self.waiters.add(id, done);
        self.queue.hasten(slot, now);
    }

    fn loaded(&mut self, load: Load) {
        let now = self.clock.now();
        let (outcome, done) = match load {
            Load::Rejected { errors, done } => {
                tracing::error!("the catalogue was rejected; the one before stays in force\n{errors}");
                self.load.successful = false;
                self.load.errors = Some(Arc::clone(&errors));
                (ReloadOutcome::Rejected(errors), done)
            }
            Load::Unchanged { done } => {
                self.accepted(now);
                (ReloadOutcome::Unchanged, done)
            }
            Load::Replace { compiled, done } => {
                self.replace(*compiled, now);
                self.accepted(now);
                (ReloadOutcome::Replaced { items: self.world.plan().items.len() }, done)
            }
        };
        self.runner.metrics.reloaded(self.load.successful, now);
        self.publisher.touch();
        // Who is told of the new catalogue finds it when looking.
        self.publish(false);
        for sender in done {
            let _ = sender.send(outcome.clone());
        }
    }

    fn accepted(&mut self, now: Timestamp) {
        self.load = LoadStatus { successful: true, loaded_at: Some(now), errors: None };
    }

    fn replace(&mut self, compiled: Compiled, now: Timestamp) {
        let before = Arc::clone(self.world.plan());
        let effects = self.world.apply(Event::PlanReplaced(Arc::clone(&compiled.plan)), now);
        self.catalogue = compiled;
        let diff = PlanDiff::between(&before, self.world.plan());
        self.queue.replace(self.world.plan(), &diff, SEED, now);
        self.watching.replace(&self.catalogue);
        self.perform(effects, now);
        self.publisher.reset(&self.world);
        let plan = self.world.plan();
        self.waiters.keep(|id| plan.slot(id).and_then(|slot| plan.item(slot)).is_some_and(|item| item.is_scheduled()));
        self.runner.bulkheads.forget_idle_targets();
        self.runner.metrics.items(self.world.plan().items.len());
        tracing::info!(items = self.world.plan().items.len(), "a new catalogue is in force");
    }

    fn publish(&mut self, draining: bool) {
        let now = self.clock.now();
        let store = self.outbox.health();
        let metrics = &self.runner.metrics;
        metrics.heartbeat(now);
        metrics.published(now);
        metrics.store_waiting(store.waiting);
        for (class, size, used) in self.runner.bulkheads.usage() {
            metrics.usage(class, size, used);
        }
        let health = Health { ready: true, draining, store, heartbeat: Some(now), started_at: Some(self.started_at) };
        let series = self.publisher.publish(&self.world, &self.load, health, now);
        self.runner.metrics.series(series);
        self.waiters.answer();
    }
}

fn log(transition: &Transition) {
    tracing::info!(
        item = %transition.item,
        from = transition.from.map_or("", |state| state.as_str()),
        to = transition.to.as_str(),
        reason = transition.reason.map_or("", |reason| reason.as_str()),
        cause = transition.cause.as_str(),
        sentence = transition.sentence,
        "state changed"
    );
}
