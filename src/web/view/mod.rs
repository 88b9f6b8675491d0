//! What pages and API show, made by pure functions from a snapshot.

mod board;
mod item;
mod links;
mod look;
mod notice;
mod row;
mod tally;
mod when;

pub(super) use board::{BoardView, admitted, blockers, gate_count};
pub(super) use item::{HISTORY_LIMIT, ItemDetail, Past};
pub(super) use links::{Links, encode, safe_url};
pub(super) use look::is_unset;
pub(super) use notice::{Notice, notices};
pub(super) use row::Blocking;
