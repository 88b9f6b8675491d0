//! Kinds against real servers.

mod postgres;
