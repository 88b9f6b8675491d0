//! The semantics, as pure functions: no async, no clock, no I/O.
//!
//! `absorb` is the only thing that changes a memory, `derive` the only thing that makes a state,
//! and `World::apply(event, now) -> effects` is the whole program minus I/O.

mod claim;
mod rollup;
mod world;

pub use claim::{Drift, drift};
pub use rollup::{GateCount, Rollups, SectionCount};
pub use world::{Effects, Event, World};
