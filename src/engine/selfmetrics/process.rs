//! `process_*`, from `/proc/self`, read at each scrape. Off Linux the samples are absent.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge};

use crate::families::table;

pub(super) struct Process {
    cpu: Counter,
    open_fds: Gauge,
    max_fds: Gauge,
    resident: Gauge,
    virtual_memory: Gauge,
    threads: Gauge,
    start: Gauge,
}

impl Process {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let gauge = |family: table::Family| Gauge::new(family.name, family.help);
        Ok(Self {
            cpu: Counter::new(table::CPU.name, table::CPU.help)?,
            open_fds: gauge(table::OPEN_FDS)?,
            max_fds: gauge(table::MAX_FDS)?,
            resident: gauge(table::RESIDENT_MEMORY)?,
            virtual_memory: gauge(table::VIRTUAL_MEMORY)?,
            threads: gauge(table::THREADS)?,
            start: gauge(table::START_TIME)?,
        })
    }

    /// What could be read just now; a gap in `/proc` is a gap here.
    fn read(&self) -> Option<()> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // The command may hold spaces and brackets; the fields after it are plain.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |n: usize| fields.get(n - 3).and_then(|text| text.parse::<f64>().ok());
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let cpu = (field(14)? + field(15)?) / ticks;
        self.cpu.inc_by((cpu - self.cpu.get()).max(0.0));
        self.threads.set(field(20)?);
        self.virtual_memory.set(field(23)?);
        self.resident.set(field(24)? * rustix::param::page_size() as f64);
        self.start.set(boot_time()? + field(22)? / ticks);
        self.open_fds.set(std::fs::read_dir("/proc/self/fd").ok()?.count() as f64);
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        self.max_fds.set(limit.map_or(f64::INFINITY, |limit| limit as f64));
        Some(())
    }

    fn gauges(&self) -> [&Gauge; 6] {
        [&self.open_fds, &self.max_fds, &self.resident, &self.virtual_memory, &self.threads, &self.start]
    }
}

fn boot_time() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.gauges().into_iter().flat_map(Collector::desc).chain(self.cpu.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        if self.read().is_none() {
            return Vec::new();
        }
        self.gauges().into_iter().flat_map(Collector::collect).chain(self.cpu.collect()).collect()
    }
}
