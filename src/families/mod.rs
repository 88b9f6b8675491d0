//! The metric families: one table, and the encoder that renders them.
//!
//! `render` makes the samples of one item when something about it changed; `encode` makes a scrape
//! by joining what was rendered. A scrape never computes an item.

mod docs;
mod encode;
mod format;
mod gathered;
mod render;
mod rollup;
mod sample;
mod series;
pub mod table;

pub use docs::docs;
pub use encode::{Exposition, encode};
pub use format::{Format, negotiate};
pub use render::render;
pub use series::{Detail, SERIES_WARNING, series};
pub use table::{FAMILIES, Family, Kind, Level};
