//! What pages people, from a broken server to the message: real servers, the daemon, Prometheus and
//! Alertmanager, with the shipped rules. One fault is one page; what hangs on it says nothing.

mod database;
mod demo;
mod deployment;
mod edge;
mod exporter;
mod fault;
mod receiver;
mod record;
mod shorter;
mod watch;

use std::thread;

use crate::support::control_plane::ControlPlane;
use crate::support::etcd::Cluster;
use crate::support::redis;
use fault::Lane;
use record::Row;
use watch::Watch;

/// Faults of one group of messages come one after the other; those of others run beside them.
#[test]
fn one_fault_is_one_page() {
    let exporter = thread::spawn(exporter::run);
    let places = [(); 4].map(|()| tempfile::tempdir().expect("directory"));
    let edge = {
        let (cluster, nginx) = (places[0].path().to_owned(), places[1].path().to_owned());
        thread::spawn(move || edge::Public::start(&cluster, &nginx))
    };
    let mut servers = database::Servers::start();
    let (cluster, cp) = (Cluster::start(places[2].path(), 1, false), ControlPlane::start());
    let mut redis = redis::Server::start(places[3].path());
    let mut public = edge.join().expect("the servers of the edge");

    let data_at = database::deployment(&servers, &cluster, &cp, &redis);
    let (edge_at, mut front, mut host) = edge::deployment(&public);
    let (data, edge) = (data_at.launch().start(), edge_at.launch().start());
    let watch = Watch::start(&[("data", &data.address), ("edge", &edge.address)]);

    let mut rows: Vec<Row> = Vec::new();
    let lane = |daemon, job| Lane::new(&watch, daemon, job);
    thread::scope(|scope| {
        let lanes = [
            scope.spawn(|| lane(&data, "data").run(|lane| database::postgres(lane, &mut servers))),
            scope.spawn(|| lane(&data, "data").run(|lane| database::cache(lane, &mut redis))),
            scope.spawn(|| lane(&edge, "edge").run(|lane| edge::shipped(lane, &mut public))),
            scope.spawn(|| lane(&edge, "edge").run(|lane| edge::front(lane, &mut front))),
            scope.spawn(|| lane(&edge, "edge").run(|lane| edge::host(lane, &mut host))),
        ];
        for lane in lanes {
            rows.extend(lane.join().expect("a lane"));
        }
    });
    let expected: usize = rows.iter().map(Row::pages).sum();
    assert_eq!(watch.pages(), expected, "pages beside those of the faults: {:#?}", watch.told());
    let (more, pages) = exporter.join().expect("the lane of the exporter");
    assert_eq!(pages, more.iter().map(Row::pages).sum::<usize>(), "pages beside those of the exporter");
    rows.extend(more);
    record::table(&rows);
}
