//! Kinds against real servers.

mod dns;
mod etcd;
mod postgres;
mod prometheus;
mod redis;
