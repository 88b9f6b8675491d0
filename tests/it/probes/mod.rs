//! Kinds against real servers, and one against a recording.

mod alertmanager;
mod dns;
mod docker;
mod etcd;
mod git;
mod grafana;
mod logs;
mod look;
mod postgres;
mod prometheus;
mod redis;
mod scenario;
mod scratch;
