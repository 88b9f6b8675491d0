//! The semantics, as pure functions: no async, no clock, no I/O.
//!
//! `absorb` is the only thing that changes a memory, `derive` the only thing that makes a state,
//! and `World::apply(event, now) -> effects` is the whole program minus I/O.

mod absorb;
mod claim;
mod combine;
mod derive;
mod diff;
mod due;
mod explain;
mod flap;
mod graph;
mod regression;
mod rollup;
mod schedule;
mod waiver;
mod world;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod scripts;

pub use claim::{Drift, drift};
pub use diff::{Change, ChangeKind, PlanDiff};
pub use due::DueQueue;
pub use explain::{Lookup, explain, explain_with};
pub use graph::{Graph, inputs};
pub use rollup::{GateCount, Rollups, SectionCount};
pub use schedule::Timing;
pub use world::{Effects, Event, World};
