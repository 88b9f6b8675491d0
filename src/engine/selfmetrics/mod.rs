//! What the daemon says about itself, with the `prometheus` crate, in a registry of its own.

mod process;

use std::sync::Arc;

use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use crate::model::{Class, Outcome, Span, Timestamp};

/// Cloning shares the metrics.
#[derive(Clone)]
pub struct SelfMetrics(Arc<Families>);

struct Families {
    registry: Registry,
    reload_successful: IntGauge,
    reload_success_at: Gauge,
    items: IntGauge,
    lag: HistogramVec,
    overruns: IntCounter,
    heartbeat: Gauge,
    clock_jumps: IntCounter,
    waiting: IntGaugeVec,
    running: IntGaugeVec,
    permits: IntGaugeVec,
    probe_duration: HistogramVec,
    probe_outcomes: IntCounterVec,
    panics: IntCounter,
    cut_offs: IntCounter,
    evaluations_dropped: IntCounter,
    transitions: IntCounter,
    store_batch: Histogram,
    store_failures: IntCounter,
    store_dropped: IntCounter,
    store_degraded: IntGauge,
    store_waiting: IntGauge,
    snapshot_at: Gauge,
}

/// Counts one leg as waiting for permits until dropped.
pub(super) struct Waiting(IntGauge);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl SelfMetrics {
    /// Registers every family in a fresh registry. Fails only if two families have one name,
    /// which a test would show first.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let families = Families::register(registry)?;
        for class in Class::ALL {
            families.waiting.with_label_values(&[class.as_str()]).set(0);
        }
        families.registry.register(Box::new(process::Process::new()?))?;
        Ok(Self(Arc::new(families)))
    }

    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    pub(super) fn reloaded(&self, successful: bool, at: Timestamp) {
        self.0.reload_successful.set(i64::from(successful));
        if successful {
            self.0.reload_success_at.set(at.as_secs_f64());
        }
    }

    pub(super) fn items(&self, items: usize) {
        self.0.items.set(i64::try_from(items).unwrap_or(i64::MAX));
    }

    pub(super) fn lag(&self, probe: &str, lag: Span) {
        self.0.lag.with_label_values(&[probe]).observe(lag.as_secs_f64());
    }

    /// `total` since the start of the process.
    pub(super) fn overruns(&self, total: u64) {
        self.0.overruns.inc_by(total.saturating_sub(self.0.overruns.get()));
    }

    pub(super) fn heartbeat(&self, now: Timestamp) {
        self.0.heartbeat.set(now.as_secs_f64());
    }

    pub(super) fn clock_jumped(&self) {
        self.0.clock_jumps.inc();
    }

    pub(super) fn wait(&self, class: Class) -> Waiting {
        let gauge = self.0.waiting.with_label_values(&[class.as_str()]);
        gauge.inc();
        Waiting(gauge)
    }

    pub(super) fn usage(&self, class: Class, size: usize, used: usize) {
        let set = |family: &IntGaugeVec, n| {
            family.with_label_values(&[class.as_str()]).set(i64::try_from(n).unwrap_or(i64::MAX));
        };
        set(&self.0.permits, size);
        set(&self.0.running, used);
    }

    pub(super) fn ran(&self, probe: &str, outcome: Outcome, duration: Span) {
        self.0.probe_duration.with_label_values(&[probe]).observe(duration.as_secs_f64());
        self.0.probe_outcomes.with_label_values(&[probe, outcome.as_str()]).inc();
    }

    pub(super) fn panicked(&self) {
        self.0.panics.inc();
    }

    pub(super) fn cut_off(&self) {
        self.0.cut_offs.inc();
    }

    pub(super) fn evaluation_dropped(&self) {
        self.0.evaluations_dropped.inc();
    }

    pub(super) fn transitions(&self, n: usize) {
        self.0.transitions.inc_by(u64::try_from(n).unwrap_or(u64::MAX));
    }

    pub(super) fn store_batch(&self, successful: bool, duration: Span) {
        self.0.store_batch.observe(duration.as_secs_f64());
        if !successful {
            self.0.store_failures.inc();
        }
        self.0.store_degraded.set(i64::from(!successful));
    }

    pub(super) fn store_dropped(&self, n: u64) {
        self.0.store_dropped.inc_by(n);
    }

    pub(super) fn store_waiting(&self, n: u64) {
        self.0.store_waiting.set(i64::try_from(n).unwrap_or(i64::MAX));
    }

    pub(super) fn published(&self, at: Timestamp) {
        self.0.snapshot_at.set(at.as_secs_f64());
    }
}

impl Families {
    fn register(registry: Registry) -> Result<Self, prometheus::Error> {
        let to = &registry;
        let build = gauges(
            to,
            "readiness_build_info",
            "Version of the exporter; the value is always 1.",
            &["version", "arch", "os"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), std::env::consts::ARCH, std::env::consts::OS]).set(1);
        Ok(Self {
            reload_successful: gauge(
                to,
                "readiness_config_last_reload_successful",
                "Whether the last load of the catalogue succeeded.",
            )?,
            reload_success_at: number(
                to,
                "readiness_config_last_reload_success_timestamp_seconds",
                "When the catalogue was last loaded with success.",
            )?,
            items: gauge(to, "readiness_catalogue_items", "Items of the catalogue that is in force.")?,
            lag: histogram_vec(
                to,
                "readiness_scheduler_lag_seconds",
                "From the planned start of a leg to its real start, waiting for permits included.",
                &["probe"],
                &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0],
            )?,
            overruns: counter(
                to,
                "readiness_scheduler_overruns_total",
                "Planned runs skipped because the run before had not ended.",
            )?,
            heartbeat: number(
                to,
                "readiness_scheduler_heartbeat_timestamp_seconds",
                "When the event loop last turned.",
            )?,
            clock_jumps: counter(
                to,
                "readiness_clock_jumps_total",
                "Jumps of the wall clock after which everything was planned anew.",
            )?,
            waiting: gauges(to, "readiness_runs_waiting", "Legs waiting for permits.", &["class"])?,
            running: gauges(to, "readiness_runs_in_flight", "Class permits in use.", &["class"])?,
            permits: gauges(to, "readiness_runs_limit", "Class permits there are.", &["class"])?,
            probe_duration: histogram_vec(
                to,
                "readiness_probe_duration_seconds",
                "How long legs ran, from the start of the run.",
                &["probe"],
                &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0],
            )?,
            probe_outcomes: counters(to, "readiness_probe_runs_total", "Runs of legs.", &["probe", "outcome"])?,
            panics: counter(to, "readiness_probe_panics_total", "Panics caught in probes; each one is a bug.")?,
            cut_offs: counter(
                to,
                "readiness_probe_cut_offs_total",
                "Runs cut off because the probe did not end at its deadline.",
            )?,
            evaluations_dropped: counter(
                to,
                "readiness_evaluations_dropped_total",
                "Evaluations dropped because their definition was replaced while they ran.",
            )?,
            transitions: counter(to, "readiness_transitions_total", "Changes of state of any item.")?,
            store_batch: Histogram::with_opts(
                HistogramOpts::new("readiness_store_batch_duration_seconds", "How long commits to the store took.")
                    .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0]),
            )
            .and_then(|family| registered(to, family))?,
            store_failures: counter(to, "readiness_store_failures_total", "Commits to the store that failed.")?,
            store_dropped: counter(
                to,
                "readiness_store_dropped_total",
                "Transitions and evidence lost because the store was away too long.",
            )?,
            store_degraded: gauge(to, "readiness_store_degraded", "1 while the store does not take writes.")?,
            store_waiting: gauge(to, "readiness_store_waiting", "Rows that wait to be written.")?,
            snapshot_at: number(
                to,
                "readiness_snapshot_timestamp_seconds",
                "When what is served was last put together.",
            )?,
            registry,
        })
    }
}

fn registered<C: prometheus::core::Collector + Clone + 'static>(
    registry: &Registry,
    family: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    IntGauge::new(name, help).and_then(|family| registered(registry, family))
}

fn number(registry: &Registry, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
    Gauge::new(name, help).and_then(|family| registered(registry, family))
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    IntCounter::new(name, help).and_then(|family| registered(registry, family))
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
    IntGaugeVec::new(Opts::new(name, help), labels).and_then(|family| registered(registry, family))
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(Opts::new(name, help), labels).and_then(|family| registered(registry, family))
}

fn histogram_vec(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
    buckets: &[f64],
) -> Result<HistogramVec, prometheus::Error> {
    HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)
        .and_then(|family| registered(registry, family))
}
