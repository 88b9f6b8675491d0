//! What the daemon says about itself, with the `prometheus` crate, in a registry of its own. Names,
//! meanings and labels come from the table of families.

mod process;

use std::sync::Arc;

use prometheus::core::Collector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::pending::Dropped;
use crate::families::{Family, table};
use crate::model::{Class, Outcome, Span, Timestamp};

/// Of what waits for permits and of what runs.
const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Cloning shares the metrics.
#[derive(Clone)]
pub struct SelfMetrics(Arc<Metrics>);

struct Metrics {
    registry: Registry,
    web: IntGaugeVec,
    reload_successful: IntGauge,
    reload_success_at: Gauge,
    items: IntGauge,
    series: IntGauge,
    snapshot_at: Gauge,
    lag: HistogramVec,
    overruns: IntCounter,
    heartbeat: Gauge,
    clock_jumps: IntCounter,
    evaluations_dropped: IntCounter,
    leftovers: IntGauge,
    transitions: IntCounter,
    running: IntGaugeVec,
    waiting: IntGaugeVec,
    limit: IntGaugeVec,
    probe_duration: HistogramVec,
    probe_runs: IntCounterVec,
    cut_offs: IntCounter,
    watches: IntGaugeVec,
    changes: IntCounterVec,
    store: StoreMetrics,
    panics: IntCounter,
}

/// Of the one store there is.
struct StoreMetrics {
    commits: IntCounter,
    failures: IntCounter,
    duration: Histogram,
    healthy: IntGauge,
    waiting: IntGauge,
    dropped_transitions: IntCounter,
    dropped_evidence: IntCounter,
    unreadable: IntGauge,
}

/// Counts one leg as waiting for permits until dropped.
pub(super) struct Waiting(IntGauge);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl SelfMetrics {
    /// Registers every family of the daemon in a fresh registry. Fails only if two families have
    /// one name, which a test would show first.
    pub fn new(store: &str) -> Result<Self, prometheus::Error> {
        let metrics = Metrics::register(Registry::new(), store)?;
        for class in Class::ALL {
            metrics.waiting.with_label_values(&[class.as_str()]).set(0);
        }
        metrics.store.healthy.set(1);
        metrics.registry.register(Box::new(process::Process::new()?))?;
        Ok(Self(Arc::new(metrics)))
    }

    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// `url` without a slash at the end. To be called once.
    pub fn board_is_at(&self, url: &str) {
        self.0.web.with_label_values(&[url]).set(1);
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

    pub(super) fn series(&self, series: u64) {
        self.0.series.set(i64::try_from(series).unwrap_or(i64::MAX));
    }

    pub(super) fn lag(&self, kind: &str, lag: Span) {
        self.0.lag.with_label_values(&[kind]).observe(lag.as_secs_f64());
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
        set(&self.0.limit, size);
        set(&self.0.running, used);
    }

    pub(super) fn ran(&self, kind: &str, outcome: Outcome, duration: Span) {
        self.0.probe_duration.with_label_values(&[kind]).observe(duration.as_secs_f64());
        self.0.probe_runs.with_label_values(&[kind, outcome.as_str()]).inc();
    }

    pub(super) fn panicked(&self) {
        self.0.panics.inc();
    }

    pub(super) fn cut_off(&self) {
        self.0.cut_offs.inc();
    }

    /// An ear of this kind to this target opened (1), closed (-1), or is wanted (0).
    pub(super) fn listens(&self, kind: &str, target: &str, more: i64) {
        self.0.watches.with_label_values(&[kind, target]).add(more);
    }

    /// A new catalogue: other targets.
    pub(super) fn forget_watches(&self) {
        self.0.watches.reset();
    }

    pub(super) fn changed(&self, kind: &str) {
        self.0.changes.with_label_values(&[kind]).inc();
    }

    pub(super) fn evaluation_dropped(&self) {
        self.0.evaluations_dropped.inc();
    }

    pub(super) fn leftovers(&self, n: usize) {
        self.0.leftovers.set(i64::try_from(n).unwrap_or(i64::MAX));
    }

    pub(super) fn transitions(&self, n: usize) {
        self.0.transitions.inc_by(u64::try_from(n).unwrap_or(u64::MAX));
    }

    pub(super) fn store_batch(&self, successful: bool, duration: Span) {
        let store = &self.0.store;
        store.commits.inc();
        store.duration.observe(duration.as_secs_f64());
        if !successful {
            store.failures.inc();
        }
        store.healthy.set(i64::from(successful));
    }

    pub(super) fn store_dropped(&self, rows: Dropped) {
        self.0.store.dropped_transitions.inc_by(rows.transitions);
        self.0.store.dropped_evidence.inc_by(rows.evidence);
    }

    pub(super) fn store_waiting(&self, n: u64) {
        self.0.store.waiting.set(i64::try_from(n).unwrap_or(i64::MAX));
    }

    pub(super) fn store_unreadable(&self, n: u32) {
        self.0.store.unreadable.set(i64::from(n));
    }

    pub(super) fn published(&self, at: Timestamp) {
        self.0.snapshot_at.set(at.as_secs_f64());
    }
}

impl Metrics {
    fn register(registry: Registry, store: &str) -> Result<Self, prometheus::Error> {
        let to = &registry;
        let build = gauges(to, table::BUILD_INFO)?;
        let revision = option_env!("READINESS_REVISION").unwrap_or("unknown");
        let version = env!("CARGO_PKG_VERSION");
        build.with_label_values(&[version, revision, std::env::consts::ARCH, std::env::consts::OS]).set(1);
        Ok(Self {
            web: gauges(to, table::WEB_INFO)?,
            reload_successful: gauge(to, table::RELOAD_SUCCESSFUL)?,
            reload_success_at: number(to, table::RELOAD_SUCCESS)?,
            items: gauge(to, table::CATALOGUE_ITEMS)?,
            series: gauge(to, table::EXPOSITION_SERIES)?,
            snapshot_at: number(to, table::SNAPSHOT)?,
            lag: histograms(to, table::SCHEDULER_LAG)?,
            overruns: counter(to, table::OVERRUNS)?,
            heartbeat: number(to, table::HEARTBEAT)?,
            clock_jumps: counter(to, table::CLOCK_JUMPS)?,
            evaluations_dropped: counter(to, table::DROPPED)?,
            leftovers: gauge(to, table::LEFTOVERS)?,
            transitions: counter(to, table::TRANSITIONS)?,
            running: gauges(to, table::IN_FLIGHT)?,
            waiting: gauges(to, table::WAITING)?,
            limit: gauges(to, table::LEGS_LIMIT)?,
            probe_duration: histograms(to, table::PROBE_DURATION)?,
            probe_runs: counters(to, table::PROBE_RUNS)?,
            cut_offs: counter(to, table::CUT_OFFS)?,
            watches: gauges(to, table::WATCHES)?,
            changes: counters(to, table::CHANGES)?,
            store: StoreMetrics::register(to, store)?,
            panics: counter(to, table::PANICS)?,
            registry,
        })
    }
}

impl StoreMetrics {
    fn register(to: &Registry, store: &str) -> Result<Self, prometheus::Error> {
        let dropped = counters(to, table::STORE_DROPPED)?;
        Ok(Self {
            commits: counters(to, table::STORE_COMMITS)?.with_label_values(&[store]),
            failures: counters(to, table::STORE_FAILURES)?.with_label_values(&[store]),
            duration: histograms(to, table::STORE_DURATION)?.with_label_values(&[store]),
            healthy: gauges(to, table::STORE_HEALTHY)?.with_label_values(&[store]),
            waiting: gauges(to, table::STORE_WAITING)?.with_label_values(&[store]),
            dropped_transitions: dropped.with_label_values(&[store, "transitions"]),
            dropped_evidence: dropped.with_label_values(&[store, "evidence"]),
            unreadable: gauges(to, table::STORE_UNREADABLE)?.with_label_values(&[store]),
        })
    }
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, family: C) -> Result<C, prometheus::Error> {
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

fn gauge(registry: &Registry, family: Family) -> Result<IntGauge, prometheus::Error> {
    IntGauge::new(family.name, family.help).and_then(|family| registered(registry, family))
}

fn number(registry: &Registry, family: Family) -> Result<Gauge, prometheus::Error> {
    Gauge::new(family.name, family.help).and_then(|family| registered(registry, family))
}

fn counter(registry: &Registry, family: Family) -> Result<IntCounter, prometheus::Error> {
    IntCounter::new(family.name, family.help).and_then(|family| registered(registry, family))
}

fn gauges(registry: &Registry, family: Family) -> Result<IntGaugeVec, prometheus::Error> {
    IntGaugeVec::new(Opts::new(family.name, family.help), family.labels).and_then(|family| registered(registry, family))
}

fn counters(registry: &Registry, family: Family) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(Opts::new(family.name, family.help), family.labels)
        .and_then(|family| registered(registry, family))
}

fn histograms(registry: &Registry, family: Family) -> Result<HistogramVec, prometheus::Error> {
    let options = HistogramOpts::new(family.name, family.help).buckets(SECONDS.to_vec());
    HistogramVec::new(options, family.labels).and_then(|family| registered(registry, family))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use prometheus::proto::MetricType;

    use super::*;
    use crate::families::{FAMILIES, Kind, Level};

    /// The table is what documents, alerts and dashboards are made from: what is registered must
    /// be in it as it is, and what is in it must be registered.
    #[test]
    fn the_registry_is_the_table() {
        let metrics = SelfMetrics::new("sqlite").unwrap();
        // Families with labels show up with their first sample.
        metrics.board_is_at("https://readiness.example");
        metrics.lag("tcp", Span::ZERO);
        metrics.ran("tcp", Outcome::Pass, Span::ZERO);
        metrics.usage(Class::Network, 28, 0);
        metrics.listens("docker", "engine", 1);
        metrics.changed("docker");
        let gathered: BTreeMap<String, _> =
            metrics.registry().gather().into_iter().map(|family| (family.name().to_owned(), family)).collect();
        let ours: BTreeMap<String, &Family> = FAMILIES
            .iter()
            .filter(|family| family.level == Level::Daemon)
            .map(|family| (family.name.to_owned(), family))
            .collect();
        assert_eq!(gathered.keys().collect::<Vec<_>>(), ours.keys().collect::<Vec<_>>());
        for (name, family) in ours {
            let seen = &gathered[&name];
            let kind = match family.kind {
                Kind::Gauge => MetricType::GAUGE,
                Kind::Counter => MetricType::COUNTER,
                Kind::Histogram => MetricType::HISTOGRAM,
            };
            assert_eq!((seen.get_field_type(), seen.help()), (kind, family.help), "{name}");
            for metric in seen.get_metric() {
                let mut labels: Vec<&str> = metric.get_label().iter().map(|label| label.name()).collect();
                let mut expected = family.labels.to_vec();
                labels.sort_unstable();
                expected.sort_unstable();
                assert_eq!(labels, expected, "{name}");
            }
        }
    }
}
