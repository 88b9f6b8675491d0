//! Real servers for tests, each private to its test process and stopped by it.

pub(crate) mod postgres;
