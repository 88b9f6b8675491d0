//! Settings of the process: defaults, file, environment, flags, in this order. What a reload
//! changes is in the catalogue, not here.

mod dump;
mod layers;
mod length;
mod load;
mod sections;
mod template;
#[cfg(test)]
mod tests;
mod validate;
mod yaml;

pub use dump::dump;
pub use load::{Loaded, Origin, SettingsError};
pub use sections::{Catalogue, Engine, Log, LogFormat, MetricsDetail, Settings, StoreKind, StoreSettings, Web};
pub use template::default_file;
