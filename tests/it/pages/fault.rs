//! One fault: brought about, paged once, mended, resolved.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::receiver::{Group, Message};
use super::record::Row;
use super::shorter::short;
use super::watch::Watch;
use crate::support::daemon::Daemon;

/// Until a fault, or its end, shows in a gauge.
pub(super) const SHOWS: Duration = Duration::from_secs(120);
/// How long the fault goes on after its page: as long as it takes a dependant to page too, with what
/// the rules wait.
const AFTERMATH: Duration = Duration::from_secs(2 * 60);
/// Longer than what would page takes to.
const QUIET: Duration = Duration::from_secs(4 * 60);

/// Everything that is in order before the first fault.
pub(super) fn settle(daemon: &Daemon, items: &[&str]) {
    for item in items {
        daemon.wait_for(item, "pass", SHOWS);
    }
}

/// The faults of one checklist in one deployment, one after the other.
pub(super) struct Lane<'a> {
    watch: &'a Watch,
    pub(super) daemon: &'a Daemon,
    job: &'static str,
    rows: Vec<Row>,
}

impl<'a> Lane<'a> {
    pub(super) fn new(watch: &'a Watch, daemon: &'a Daemon, job: &'static str) -> Self {
        Self { watch, daemon, job, rows: Vec::new() }
    }

    pub(super) fn run(mut self, faults: impl FnOnce(&mut Self)) -> Vec<Row> {
        faults(&mut self);
        self.rows
    }

    /// `item` is the root cause: it pages once, and nothing else of its checklist does.
    pub(super) fn pages<S>(
        &mut self,
        fault: &str,
        item: &str,
        server: &mut S,
        bring: impl FnOnce(&mut S),
        mend: impl FnOnce(&mut S),
    ) {
        let group = regressed(self.job, item);
        self.daemon.wait_for(item, "pass", SHOWS);
        let began = Instant::now();
        bring(server);
        self.daemon.wait_for(item, "fail", SHOWS);
        let gauge = began.elapsed();
        let page = self.watch.wait(began, &group, true, Some(self.daemon));
        let after = page.at - began;
        check(&page, item, self.daemon);
        std::thread::sleep(short(AFTERMATH));
        mend(server);
        let mended = Instant::now();
        self.daemon.wait_for(item, "pass", SHOWS);
        let end = self.watch.wait(mended, &group, false, Some(self.daemon));
        // Alertmanager may name what ended a while before once more.
        assert!(names(&end).iter().any(|name| name == item), "{fault}: what ended: {}", end.told());
        let pages = firing(self.watch, began, &group);
        assert_eq!(pages.len(), 1, "{fault}: {pages:#?}");
        self.row(Row::page(fault, item, gauge, after, end.at - mended));
    }

    /// It is over before anybody need be woken up.
    pub(super) fn is_quiet<S>(&mut self, fault: &str, item: &str, server: &mut S, passes: impl FnOnce(&mut S)) {
        let group = regressed(self.job, item);
        self.daemon.wait_for(item, "pass", SHOWS);
        let began = Instant::now();
        passes(server);
        let lasted = began.elapsed();
        std::thread::sleep(short(QUIET));
        assert_eq!(firing(self.watch, began, &group), Vec::<String>::new(), "{fault}");
        self.daemon.wait_for(item, "pass", SHOWS);
        self.row(Row::quiet(fault, item, lasted));
    }

    pub(super) fn row(&mut self, row: Row) {
        row.print();
        self.rows.push(row);
    }
}

/// Of the page about an item.
pub(super) fn regressed(job: &'static str, item: &str) -> Group {
    let checklist = item.split('/').next().unwrap_or_default().to_owned();
    Group { path: "/page", alert: "ReadinessItemRegressed", job, checklist }
}

/// What was said of a group since then that was no end.
pub(super) fn firing(watch: &Watch, then: Instant, group: &Group) -> Vec<String> {
    watch.since(then, group).iter().filter(|message| message.is_firing()).map(Message::told).collect()
}

fn names(message: &Message) -> Vec<String> {
    let text = |alert: &Value, name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
    message.alerts().iter().map(|alert| format!("{}/{}", text(alert, "checklist"), text(alert, "item"))).collect()
}

/// A page says what broke, since when and why, and where to read on.
pub(super) fn check(page: &Message, item: &str, daemon: &Daemon) {
    assert_eq!((page.path.as_str(), page.body["receiver"].as_str()), ("/page", Some("readiness-page")));
    assert_eq!(names(page), [item], "{}", page.body);
    let alert = page.alerts()[0];
    assert_eq!(alert["labels"]["root_cause"], item, "{alert}");
    let said = |name: &str| alert["annotations"][name].as_str().unwrap_or_default().to_owned();
    for name in ["summary", "description", "since", "reason", "last_pass"] {
        assert!(!said(name).is_empty(), "{item}: no {name}: {alert}");
    }
    assert!(said("description").contains(item), "{alert}");
    let board = format!("http://{}", daemon.address);
    let path = said("item_url").strip_prefix(&board).map(str::to_owned).expect("an address of the board");
    assert_eq!(daemon.get(&path).status, 200, "{path}");
    let runbook = said("runbook_url").strip_prefix(&format!("{board}/runbooks/")).map(str::to_owned);
    let runbook = runbook.unwrap_or_else(|| panic!("{alert}"));
    let page = daemon.get(&format!("/runbooks/{runbook}"));
    assert!(page.status == 200 && page.body.contains("What to do"), "{runbook}: {}", page.status);
}
