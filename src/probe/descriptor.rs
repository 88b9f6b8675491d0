//! What the catalogue and the documentation need to know of a kind.

use std::sync::Arc;

use schemars::Schema;
use serde_json::Value;

use super::{DynProbe, Probe};
use crate::model::{Access, Class};

/// One entry of the table of kinds.
#[derive(Clone, Copy)]
pub struct Descriptor {
    pub name: &'static str,
    pub summary: &'static str,
    pub class: Class,
    /// JSON Schema of what is written under the kind's key.
    pub parameters: fn() -> Schema,
    /// JSON Schema of what conditions see.
    pub facts: fn() -> Schema,
    parse: fn(Value) -> Result<Parsed, ParseError>,
}

/// A parsed kind, with what compile has to resolve.
pub struct Parsed {
    pub probe: Arc<dyn DynProbe>,
    pub access: Access,
    pub target: Option<String>,
    /// Besides that one.
    pub more_targets: Vec<String>,
    pub address: String,
    pub credentials: Vec<String>,
    /// Legs of the same item.
    pub legs: Vec<String>,
    /// One of them, and what of its facts it remembers, if it does.
    pub remembers: Option<(String, String)>,
    /// Where it is written, and the name under which left-overs are kept.
    pub owns: Vec<(String, String)>,
    pub findings: Findings,
}

/// The first type error, at a path such as `headers.accept[0]`; `.` is the whole.
#[derive(Debug, PartialEq, Eq)]
pub struct ParseError {
    pub path: String,
    pub message: String,
}

/// What a kind's `check` found.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

/// One static error in the parameters of a kind.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// Dotted path under the kind's key, such as `headers.accept`; empty: the kind as a whole.
    pub field: String,
    pub message: String,
    pub hint: Option<String>,
}

impl Findings {
    pub fn error(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(Finding { field: field.to_owned(), message: message.into(), hint: None });
    }

    pub fn error_with_hint(&mut self, field: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Finding { field: field.to_owned(), message: message.into(), hint: Some(hint.into()) });
    }
}

impl Descriptor {
    pub const fn of<P: Probe>() -> Self {
        Self {
            name: P::NAME,
            summary: P::SUMMARY,
            class: P::CLASS,
            parameters: || schemars::schema_for!(P),
            facts: || schemars::schema_for!(P::Facts),
            parse: parse::<P>,
        }
    }

    /// Turns what is written under the kind's key into a probe, or says where it is wrong.
    pub fn parse(&self, parameters: Value) -> Result<Parsed, ParseError> {
        (self.parse)(parameters)
    }
}

fn parse<P: Probe>(parameters: Value) -> Result<Parsed, ParseError> {
    let probe: P = serde_path_to_error::deserialize(parameters)
        .map_err(|error| ParseError { path: error.path().to_string(), message: error.inner().to_string() })?;
    let mut findings = Findings::default();
    probe.check(&mut findings);
    Ok(Parsed {
        access: probe.access(),
        target: probe.target().map(str::to_owned),
        more_targets: probe.more_targets().into_iter().map(str::to_owned).collect(),
        address: probe.address(),
        credentials: probe.credentials().into_iter().map(str::to_owned).collect(),
        legs: probe.legs().into_iter().map(str::to_owned).collect(),
        remembers: probe.remembers().map(|(leg, what)| (leg.to_owned(), what)),
        owns: probe.owns(),
        findings,
        probe: Arc::new(probe),
    })
}
