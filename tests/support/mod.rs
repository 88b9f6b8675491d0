//! Real servers for tests, each private to its test process and stopped by it, and the daemon.
//! Shared by the integration tests and the proofs.

#![allow(dead_code, reason = "not every binary uses every server")]

pub(crate) mod alertmanager;
pub(crate) mod client;
pub(crate) mod control_plane;
pub(crate) mod daemon;
pub(crate) mod dns;
pub(crate) mod docker;
pub(crate) mod etcd;
pub(crate) mod faster;
pub(crate) mod forge;
pub(crate) mod grafana;
pub(crate) mod history;
pub(crate) mod http_server;
pub(crate) mod kubernetes;
pub(crate) mod link;
pub(crate) mod nginx;
pub(crate) mod pages;
pub(crate) mod people;
pub(crate) mod pgbouncer;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod prometheus;
pub(crate) mod protocols;
pub(crate) mod redis;
pub(crate) mod shop;
pub(crate) mod stand_in;
pub(crate) mod timescaledb;
pub(crate) mod tokens;

use std::net::TcpListener;

/// A port of loopback that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Whether something listens on this port of loopback.
pub(crate) fn listens(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}
