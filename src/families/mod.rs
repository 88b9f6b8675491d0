//! The metric families: one table, and the encoder that renders them.

mod encode;
mod fragment;

pub use encode::{Detail, Format, encode, negotiate};
pub use fragment::Fragment;
