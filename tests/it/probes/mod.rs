//! Kinds against real servers.

mod postgres;
mod redis;
