//! One HTTP exchange over a connection of our own, with the time of each phase.
//!
//! No redirects, no decoding, no retries but one: a kept connection that turns out to be dead.

mod body;
mod channel;
mod chunked;
mod exchange;
mod head;
mod kept;
mod once;
mod request;

pub(crate) use exchange::{Answer, Call, Phases};
pub(crate) use kept::Kept;
