//! Kinds against real servers.

mod dns;
mod postgres;
mod redis;
