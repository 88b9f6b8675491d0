//! Vocabulary: plain data with no behaviour beyond construction and comparison.
//!
//! Nothing here reads a clock, a file or a socket, and nothing here is serializable: each
//! boundary (catalogue file, store row, API) has types of its own.

mod attestation;
mod check;
mod effective;
mod evaluation;
mod id;
mod item;
mod measurement;
mod memory;
mod plan;
mod policy;
mod proof;
mod reason;
mod schedule;
mod secret;
mod state;
mod target;
mod time;
mod verdict;
mod waiver;

pub use attestation::Attestation;
pub use check::{Check, Leg, LegIndex};
pub use effective::{Cause, Effective, Standing, Transition};
pub use evaluation::{Evaluation, LegRun};
pub use id::{ChecklistId, Digest, ItemId, SectionPath, Slot};
pub use item::{
    Access, Applicability, CREDENTIAL_PERIOD, Claim, Class, Coverage, Digests, Item, Mode, Priority, Source,
};
pub use measurement::{Measurement, MeasurementName};
pub use memory::{Confirmed, FlapRing, ItemMemory, LastRun, LegMemory, Remembered, SeenValue};
pub use plan::{Checklist, Gate, Plan, Section};
pub use policy::{FlapPolicy, Hysteresis, Policy};
pub use proof::{Assertion, Assertions, Proof};
pub use reason::Reason;
pub use schedule::Schedule;
pub use secret::Secret;
pub use state::State;
pub use target::{Target, TlsFiles};
pub use time::{Span, Timestamp};
pub(crate) use verdict::cut;
pub use verdict::{Outcome, Verdict};
pub use waiver::Waiver;
