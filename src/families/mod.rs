//! The metric families: one table, and the encoder that renders them.
//!
//! `encode` makes a scrape from the rows of a snapshot. A scrape never computes an item.

mod docs;
mod encode;
mod format;
mod gathered;
mod item;
mod rollup;
mod sample;
mod series;
pub mod table;

pub use docs::docs;
pub use encode::{Exposition, encode};
pub use format::{Format, negotiate};
pub use item::rows;
pub use series::{Detail, SERIES_WARNING, series, series_of};
pub use table::{FAMILIES, Family, Kind, Level};
