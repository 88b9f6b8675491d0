//! The exporter and Prometheus themselves: killed, hung, restarted in the middle of a page.

use std::time::{Duration, Instant};

use serde_json::json;

use super::deployment::Deployment;
use super::fault::{check, firing, regressed, settle};
use super::receiver::Group;
use super::record::Row;
use super::shorter::short;
use super::watch::Watch;
use crate::support::daemon::{Daemon, Launch};

const JOB: &str = "shop";
const ITEM: &str = "shop/all.file";
const SHOWS: Duration = Duration::from_secs(60);
/// What the rules wait is over, and a scrape.
const RULES: Duration = Duration::from_secs(3 * 60);
/// So is the time of Alertmanager's next word, whatever was restarted before.
const ALL: Duration = Duration::from_secs(8 * 60);

struct Shop {
    here: Deployment,
    launch: Launch,
    watch: Watch,
    rows: Vec<Row>,
}

/// With a Prometheus of its own, because it is restarted.
pub(super) fn run() -> (Vec<Row>, usize) {
    let mut here = Deployment::new();
    let file = here.write("looked-at", "here");
    here.checklist("shop", &[("file", &[], json!({ "file": { "path": file } }))]);
    let launch = here.launch();
    let daemon = launch.start();
    let watch = Watch::start(&[(JOB, &daemon.address)]);
    let mut shop = Shop { here, launch, watch, rows: Vec::new() };
    settle(&daemon, &[ITEM]);
    let daemon = shop.restarts_in_the_middle(daemon);
    let daemon = shop.is_gone("the exporter is killed", daemon, Daemon::kill, |shop, ()| shop.launch.start());
    let hang = |daemon: Daemon| {
        daemon.signal("STOP");
        daemon
    };
    let daemon = shop.is_gone("the exporter hangs (SIGSTOP)", daemon, hang, |_, daemon| {
        daemon.signal("CONT");
        daemon
    });
    assert!(daemon.stop().success());
    (shop.rows, shop.watch.pages())
}

impl Shop {
    /// One page is open all the time: nothing that is restarted ends it or makes another.
    fn restarts_in_the_middle(&mut self, daemon: Daemon) -> Daemon {
        let group = regressed(JOB, ITEM);
        let file = self.here.path("looked-at");
        let began = Instant::now();
        std::fs::remove_file(&file).expect("file");
        daemon.wait_for(ITEM, "fail", SHOWS);
        let gauge = began.elapsed();
        let page = self.watch.wait(began, &group, true, Some(&daemon));
        check(&page, ITEM, &daemon);
        self.broken_catalogue(&daemon);

        assert!(daemon.stop().success());
        let daemon = self.stays("the exporter is restarted (SIGTERM) while a page is open", page.at, RULES, |shop| {
            shop.launch.start()
        });
        daemon.kill();
        let daemon = self.stays("the exporter is restarted (SIGKILL) while a page is open", page.at, RULES, |shop| {
            shop.launch.start()
        });
        self.stays("Prometheus is restarted while a page is open", page.at, ALL, |shop| {
            shop.watch.restart_prometheus()
        });

        std::fs::write(&file, "here").expect("file");
        let mended = Instant::now();
        let end = self.watch.wait(mended, &group, false, Some(&daemon));
        assert_eq!(firing(&self.watch, began, &group).len(), 1, "one page in all");
        self.row(Row::page("a file is removed, and all is restarted", ITEM, gauge, page.at - began, end.at - mended));
        daemon
    }

    /// After `restart`, and since the page itself, nothing was said.
    fn stays<T>(&mut self, what: &str, then: Instant, waits: Duration, restart: impl FnOnce(&mut Self) -> T) -> T {
        let group = regressed(JOB, ITEM);
        let began = Instant::now();
        let done = restart(self);
        let gauge = began.elapsed();
        std::thread::sleep(short(waits));
        let said: Vec<String> =
            self.watch.since(then, &group).iter().filter(|said| said.at > then).map(|said| said.told()).collect();
        assert_eq!(said, Vec::<String>::new(), "{what}: {}", self.watch.alerts());
        self.row(Row::quiet(what, ITEM, gauge));
        done
    }

    /// A ticket, and no page.
    fn broken_catalogue(&mut self, daemon: &Daemon) {
        let group = Group { alert: "ReadinessReloadFailed", job: JOB, checklist: String::new() };
        let root = self.here.root();
        let good = std::fs::read_to_string(&root).expect("root");
        let began = Instant::now();
        std::fs::write(&root, "checklists: [").expect("root");
        assert_ne!(daemon.post("/-/reload").status, 200);
        let gauge = began.elapsed();
        let ticket = self.watch.wait(began, &group, true, Some(daemon));
        assert_eq!(ticket.path, "/ticket", "{}", ticket.told());
        std::fs::write(&root, good).expect("root");
        assert_eq!(daemon.post("/-/reload").status, 200);
        self.row(Row::quiet("the catalogue on disk is broken (a ticket)", "ReadinessReloadFailed", gauge));
    }

    /// Its own outage is louder than any item's.
    fn is_gone<T>(
        &mut self,
        fault: &str,
        daemon: Daemon,
        bring: impl FnOnce(Daemon) -> T,
        mend: impl FnOnce(&mut Self, T) -> Daemon,
    ) -> Daemon {
        let group = Group { alert: "ReadinessExporterDown", job: JOB, checklist: String::new() };
        let address = daemon.address.clone();
        let began = Instant::now();
        let rest = bring(daemon);
        let gauge = self.watch.wait_until_down(JOB, SHOWS);
        let page = self.watch.wait(began, &group, true, None);
        assert_eq!((page.path.as_str(), page.alerts().len()), ("/page", 1), "{}", page.told());
        let said = page.alerts()[0]["annotations"].clone();
        assert_eq!(said["runbook_url"], format!("http://{address}/runbooks/ReadinessExporterDown"));
        assert!(said["summary"].is_string() && said["description"].as_str().is_some_and(|text| text.contains(JOB)));
        std::thread::sleep(short(RULES));
        let daemon = mend(self, rest);
        let mended = Instant::now();
        let end = self.watch.wait(mended, &group, false, Some(&daemon));
        assert_eq!(firing(&self.watch, began, &group).len(), 1, "{fault}");
        settle(&daemon, &[ITEM]);
        self.row(Row::page(fault, "ReadinessExporterDown", gauge, page.at - began, end.at - mended));
        daemon
    }

    fn row(&mut self, row: Row) {
        row.print();
        self.rows.push(row);
    }
}
