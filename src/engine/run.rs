//! One run of one item: permits, deadline, panic isolation, redaction.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::bulkhead::Bulkheads;
use super::selfmetrics::SelfMetrics;
use super::together::Together;
use super::{Clock, Gate};
use crate::model::{Access, Evaluation, Item, Leg, LegRun, Outcome, Reason, Remembered, Span, Timestamp, Verdict};
use crate::probe::guard::Redactor;
use crate::probe::net::Clients;
use crate::probe::{Credentials, LegFacts, LegProbe, Observation, ProbeCx};

/// A probe that has not ended this long after its deadline is cut off.
const CUT_OFF_AFTER: Duration = Duration::from_millis(250);
/// Facts kept as evidence are cut at this many bytes.
const FACTS_LIMIT: usize = 16 * 1024;

/// What every run shares.
pub(super) struct Runner {
    pub(super) clock: Clock,
    pub(super) clients: Arc<Clients>,
    pub(super) bulkheads: Bulkheads,
    pub(super) metrics: SelfMetrics,
    pub(super) gate: Gate,
    pub(super) results: mpsc::Sender<Evaluation>,
}

/// One planned run.
pub(super) struct Job {
    pub(super) item: Arc<Item>,
    /// By place in `Item::legs`.
    pub(super) probes: Vec<LegProbe>,
    pub(super) credentials: Arc<Credentials>,
    pub(super) planned_at: Timestamp,
    /// What its legs have seen before.
    pub(super) remembered: Vec<Arc<Remembered>>,
    /// Others depend on the item.
    pub(super) leads: bool,
    /// A change made it run; what it shares with other items must be newer.
    pub(super) change_at: Option<Instant>,
}

/// What legs that ran before have seen, if any did.
type Seen<'a> = Option<&'a Arc<LegFacts>>;

/// A leg that ran.
struct Ran {
    began: Instant,
    run: LegRun,
    /// Its facts, if another leg looks at them.
    lent: Option<serde_json::Value>,
}

impl Runner {
    /// Runs these items at once, in one task: what is due together wakes one thread, and what came
    /// of it wakes the event loop once.
    pub(super) async fn run_all(self: Arc<Self>, jobs: Vec<Job>) {
        // A panic of one, which nothing in it should cause, must not end the others.
        let alone = |job| AssertUnwindSafe(self.run(job)).catch_unwind().map(|_| ());
        Together::new(jobs.into_iter().map(alone)).await;
    }

    /// Runs all legs of an item at once, each behind its own permits, but those that look at others
    /// after them, and hands in the evaluation.
    async fn run(&self, job: Job) {
        let mut runs = self.legs(&job, |_, probe| probe.after.is_empty(), None).await;
        let mut seen = LegFacts::new();
        while runs.len() < job.probes.len() {
            for ran in &mut runs {
                let lent = job.item.legs.get(ran.run.leg).zip(ran.lent.take());
                seen.extend(lent.map(|(leg, facts)| (Arc::clone(&leg.name), facts)));
            }
            let ran = |place: usize| runs.iter().any(|ran| ran.run.leg == place);
            let waits_for =
                |name: &Arc<str>| job.item.legs.iter().enumerate().any(|(n, leg)| leg.name == *name && !ran(n));
            let meant = |place, probe: &LegProbe| !ran(place) && !probe.after.iter().any(waits_for);
            let next = self.legs(&job, meant, Some(&Arc::new(seen.clone()))).await;
            if next.is_empty() {
                break;
            }
            runs.extend(next);
        }
        runs.sort_by_key(|ran| ran.run.leg);
        let finished = self.clock.now();
        // From the first real start, not from the queue. By the monotonic clock, so that a clock that
        // was set meanwhile does not make it older than the run before.
        let longest = runs.iter().map(|ran| Span::from(ran.began.elapsed())).max().unwrap_or_default();
        let evaluation = Evaluation {
            item: job.item.id.clone(),
            probe_digest: job.item.digests.probe,
            planned_at: job.planned_at,
            started: finished - longest,
            finished,
            legs: runs.into_iter().map(|ran| ran.run).collect(),
        };
        // Full means that the loop is behind: waiting here slows the probes down and loses nothing.
        // Closed means that the process has stopped.
        let _ = self.results.send(evaluation).await;
    }

    /// Those legs that are meant, all at once.
    async fn legs(&self, job: &Job, meant: impl Fn(usize, &LegProbe) -> bool, seen: Seen<'_>) -> Vec<Ran> {
        let legs = job.item.legs.iter().zip(&job.probes).enumerate().filter(|(place, (_, probe))| meant(*place, probe));
        let mut runs = legs.map(|(place, (leg, probe))| self.guarded(job, place, leg, probe, seen));
        match (runs.next(), runs.next()) {
            // Most items have one leg.
            (Some(only), None) => vec![only.await],
            (first, second) => join_all(first.into_iter().chain(second).chain(runs)).await,
        }
    }

    /// Whatever panics around the probe (redaction, for one) must not keep the evaluation from
    /// coming: the item would count as in flight for ever.
    async fn guarded(&self, job: &Job, place: usize, leg: &Leg, probe: &LegProbe, seen: Seen<'_>) -> Ran {
        let asked = Instant::now();
        if let Ok(done) = AssertUnwindSafe(self.run_leg(job, place, leg, probe, seen)).catch_unwind().await {
            return done;
        }
        self.metrics.panicked();
        tracing::error!(item = %job.item.id, leg = %leg.name, "a run panicked; this is a bug in the exporter");
        let verdict = Verdict::indeterminate(Reason::Internal, "the run panicked; this is a bug in the exporter");
        let run = LegRun {
            leg: place,
            verdict,
            duration: Span::ZERO,
            facts: String::new(),
            trace: Vec::new(),
            remembered: None,
        };
        Ran { began: asked, run, lent: None }
    }

    async fn run_leg(&self, job: &Job, place: usize, leg: &Leg, probe: &LegProbe, seen: Seen<'_>) -> Ran {
        let waiting = self.metrics.wait(leg.class);
        let _permits = self.bulkheads.acquire(leg, job.leads).await;
        drop(waiting);
        let now = self.clock.now();
        self.metrics.lag(leg.kind, now.since(job.planned_at));

        let started = Instant::now();
        let deadline = started + leg.timeout.to_duration();
        let cx =
            ProbeCx::new(now, deadline, probe.target.clone(), Arc::clone(&job.credentials), Arc::clone(&self.clients))
                .with_legs(seen.cloned())
                .with_memory(job.remembered.iter().find(|known| Some(known.of) == probe.remembers).cloned())
                .with_more_targets(probe.more_targets.clone())
                .with_change_at(job.change_at);
        let wanted = job.probes.iter().any(|probe| probe.after.contains(&leg.name));
        let cx = if wanted { cx } else { cx.with_text_only(FACTS_LIMIT) };
        let trace = cx.trace().clone();
        let observation = self.observe(leg, probe, cx, deadline).await;
        let lent = wanted.then(|| observation.whole()).flatten();
        let Observation { verdict, facts, unread, remembered, .. } = observation;
        let duration = Span::from(started.elapsed());
        // Taken now: it knows the credentials that this very run has read.
        let redactor = job.credentials.redactor();
        self.metrics.ran(leg.kind, verdict.outcome(), duration);
        if verdict.outcome() != Outcome::Pass {
            tracing::debug!(item = %job.item.id, leg = %leg.name, outcome = verdict.outcome().as_str(),
                sentence = %redactor.redact(verdict.sentence()), "leg did not pass");
        }
        let run = LegRun {
            leg: place,
            verdict: verdict.map_text(|text| redactor.masked(text)),
            duration,
            facts: match (facts, unread) {
                (Some(facts), _) => evidence(facts, &redactor),
                (None, Some(unread)) => shortened(unread.clean(&redactor)),
                (None, None) => String::new(),
            },
            trace: trace.take().into_iter().map(|line| redactor.masked(&line).unwrap_or(line)).collect(),
            remembered: remembered.zip(probe.remembers).map(|(remembered, of)| Remembered { of, ..remembered }),
        };
        Ran { began: started, run, lent }
    }

    async fn observe(&self, leg: &Leg, probe: &LegProbe, cx: ProbeCx, deadline: Instant) -> Observation {
        let harmful = matches!(leg.access, Access::Mutates | Access::Loads);
        if harmful && !(self.gate.is_open() && probe.enabled) {
            return Observation::failed(probe.not_enabled());
        }
        // The future is boxed so that it can be dropped here, inside the panic guard.
        let run = AssertUnwindSafe(async { probe.run(&cx).await }).catch_unwind();
        match timeout_at(deadline + CUT_OFF_AFTER, run).await {
            Ok(Ok(observation)) => observation,
            Ok(Err(_)) => {
                self.metrics.panicked();
                tracing::error!(kind = leg.kind, leg = %leg.name, "a probe panicked; this is a bug in the exporter");
                undecided(Reason::Internal, "the probe panicked; this is a bug in the exporter".to_owned())
            }
            Err(_) => {
                self.metrics.cut_off();
                let sentence = format!("expected the probe to end within {}, and it was cut off", leg.timeout);
                undecided(Reason::ObserverTimeout, sentence)
            }
        }
    }
}

fn undecided(reason: Reason, sentence: String) -> Observation {
    Observation::failed(Verdict::indeterminate(reason, sentence))
}

/// Cuts texts that evidence cannot hold anyway, for redaction costs by length.
fn shorten(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::String(text) if text.len() > FACTS_LIMIT => {
            text.truncate(text.floor_char_boundary(FACTS_LIMIT));
            text.push('…');
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}

fn evidence(mut facts: serde_json::Value, redactor: &Redactor) -> String {
    shorten(&mut facts);
    shortened(redactor.json_text(facts))
}

fn shortened(mut text: String) -> String {
    if text.len() > FACTS_LIMIT {
        text.truncate(text.floor_char_boundary(FACTS_LIMIT));
        text.push('…');
    }
    text
}
