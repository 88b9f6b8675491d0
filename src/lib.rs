//! The readiness exporter.
//!
//! A module may use only modules of a lower row, in rows 1 and 5 also those to its left; the test `layers` holds this table against the
//! code.
//!
//! | row | modules | may do |
//! |---|---|---|
//! | 6 | `cli` (and `main.rs`) | process: arguments, exit codes, signals, tracing set-up |
//! | 5 | `web`, `generate` | HTTP server; writing files |
//! | 4 | `engine` | tasks, channels, time; performs effects |
//! | 3 | `catalog`, `settings` | read files; turn text into model values or diagnostics |
//! | 2 | `probe`, `store` | talk to the world, each behind one trait; do not know each other |
//! | 1 | `diag`, `expect`, `core`, `snapshot`, `families` | pure functions and plain data |
//! | 0 | `model` | vocabulary types |

pub mod catalog;
pub mod cli;
pub mod core;
pub mod diag;
pub mod engine;
pub mod expect;
pub mod families;
pub mod generate;
pub mod model;
pub mod probe;
pub mod settings;
pub mod snapshot;
pub mod store;
pub mod web;
