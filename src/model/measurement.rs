//! Numbers behind a verdict.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A number in a base unit that its name ends with (`latency_seconds`).
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    pub name: MeasurementName,
    pub value: f64,
    /// What the value is compared with, if anything.
    pub threshold: Option<f64>,
}

/// A constant of a kind or an identifier from the catalogue, never text from outside.
#[derive(Clone)]
pub struct MeasurementName(Name);

#[derive(Clone)]
enum Name {
    /// Of a kind: not copied for each run.
    Constant(&'static str),
    Shared(Arc<str>),
}

impl MeasurementName {
    pub fn constant(name: &'static str) -> Self {
        Self(Name::Constant(name))
    }
}

impl Deref for MeasurementName {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Name::Constant(name) => name,
            Name::Shared(name) => name,
        }
    }
}

impl PartialEq for MeasurementName {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Into<Arc<str>>> From<T> for MeasurementName {
    fn from(name: T) -> Self {
        Self(Name::Shared(name.into()))
    }
}

impl fmt::Debug for MeasurementName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for MeasurementName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
