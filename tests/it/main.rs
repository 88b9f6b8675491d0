//! The one integration binary: everything that needs the whole program, a real server, or the
//! source tree.

// Test code may unwrap; clippy knows it only by this attribute.
#![cfg(test)]
#![allow(clippy::disallowed_methods, reason = "whole programs run in real time")]

mod catalogue;
mod cli;
mod daemon;
mod dashboards;
mod deploy;
mod generated;
mod layers;
mod metrics;
mod pages;
mod probes;
mod rows;
mod rules;
mod sizes;
mod source;
mod store;
#[path = "../support/mod.rs"]
mod support;
mod watched;
