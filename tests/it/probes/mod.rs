//! Kinds against real servers.

mod etcd;
mod postgres;
