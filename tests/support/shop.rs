//! A daemon that watches the checklist of `shop.yaml`, which has something of everything, and a real
//! Prometheus that scrapes it: for boards and pictures.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::daemon::{Daemon, Launch};
use super::prometheus::Prometheus;

pub(crate) struct Shop {
    pub(crate) daemon: Daemon,
    pub(crate) prometheus: Prometheus,
    things: PathBuf,
}

impl Shop {
    /// Everything that can be in order is.
    pub(crate) fn open(directory: &Path) -> Self {
        let things = directory.join("things");
        std::fs::create_dir_all(&things).expect("folder");
        for name in ["database", "certificate", "queue"] {
            std::fs::write(things.join(name), "here").expect("thing");
        }
        let config = directory.join("readiness.yaml");
        let launch = Launch::new(directory, &config);
        let days = |days: i64| {
            let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
            at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
        };
        let catalogue = include_str!("shop.yaml")
            .replace("@DIR@", &things.display().to_string())
            .replace("@BOARD@", &format!("http://127.0.0.1:{}", launch.port))
            .replace("@YESTERDAY@", &days(-1))
            .replace("@NEXT-WEEK@", &days(7));
        std::fs::write(&config, catalogue).expect("catalogue");
        let daemon = launch.start();

        let mut prometheus = Prometheus::new(directory);
        prometheus.configure(&format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             scrape_configs: [ {{ job_name: readiness, static_configs: [ {{ targets: [\"{}\"] }} ] }} ]\n",
            daemon.address
        ));
        prometheus.start();
        prometheus.wait_for_targets(1, Duration::from_secs(30));
        Self { daemon, prometheus, things }
    }

    /// Takes one of its things away.
    pub(crate) fn lose(&self, thing: &str) {
        std::fs::remove_file(self.things.join(thing)).expect("thing");
    }
}
