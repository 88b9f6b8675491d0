//! Tasks, channels and time around the pure core.

mod clock;
mod handle;

pub use clock::Clock;
pub use handle::{Busy, Command, Handle, ReloadOutcome};
