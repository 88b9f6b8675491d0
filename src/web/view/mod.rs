//! What pages and API show, made by pure functions from a snapshot.

mod board;
mod claim;
mod item;
mod links;
mod look;
mod notice;
mod row;
mod sentence;
mod when;

pub(super) use board::{BoardView, admitted, blockers, gate_count};
pub(super) use item::{ItemDetail, Past};
pub(super) use links::{Links, safe_url};
pub(super) use notice::{Notice, notices};
pub(super) use row::Blocking;
pub(super) use sentence::sentence;
