//! One report, three forms.

mod github;
mod human;
mod json;

pub use github::github;
pub use human::{Palette, human};
pub use json::json;
