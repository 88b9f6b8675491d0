//! The metric families: one table, and the encoder that renders them.

mod fragment;

pub use fragment::Fragment;
