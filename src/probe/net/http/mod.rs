//! One HTTP exchange over a connection of our own, with the time of each phase.
//!
//! No redirects, no decoding, no retries but one: a kept connection that turns out to be dead.

mod body;
mod channel;
mod exchange;
mod flow;
mod kept;
mod lent;
mod seat;
mod upgrade;

pub(crate) use exchange::{Answer, Call, Phases};
pub(crate) use flow::Flow;
pub(crate) use kept::{Kept, TlsSeen};
pub(crate) use lent::{LentLine, Sender};
pub(crate) use seat::Seat;
pub(crate) use upgrade::{Upgrade, Upgraded};
