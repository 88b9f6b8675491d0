//! One step: a check of another kind, as it stands in the catalogue and as it is once values are filled
//! in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use regex::{Captures, Regex};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::expect::{Conditions, ExpressionError, Params, Query};
use crate::model::Access;
use crate::probe::{Descriptor, DynProbe, Findings, Parsed, kinds};

/// A check of another kind, with what is expected and captured.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Step {
    /// How sentences call it.
    pub(super) name: String,
    /// One kind with its parameters, as under `check`: `http: { path: /things/{id} }`. Not `scenario`,
    /// `load`, or one that looks at other legs.
    #[serde(rename = "do")]
    pub(super) what: BTreeMap<String, Value>,
    /// Name of a target of its own, instead of that of the scenario: one and the same thing can be looked at
    /// from two sides.
    pub(super) target: Option<String>,
    /// Conditions over the facts of the kind; they see no `params`.
    pub(super) expect: Vec<String>,
    /// Values for later steps: a name, and an expression over the facts that yields a text of at most 200
    /// letters, digits and `.` `_` `~` `:` `@` `-`, or a whole number. They are shown: no secrets.
    pub(super) capture: BTreeMap<String, String>,
    /// How long one attempt may take, in seconds; 1 to 300.
    pub(super) timeout_s: u32,
    /// So long it is tried again until it passes, in seconds. For steps that wait for something and
    /// change nothing. 0: it runs once.
    pub(super) within_s: u32,
}

impl Default for Step {
    fn default() -> Self {
        let (name, what, target, expect, capture) = Default::default();
        Self { name, what, target, expect, capture, timeout_s: 5, within_s: 0 }
    }
}

/// A step whose values are filled in.
pub(super) struct Ready {
    pub(super) probe: Arc<dyn DynProbe>,
    pub(super) conditions: Conditions,
    pub(super) captures: Vec<(String, Query)>,
}

/// Why a step cannot run.
pub(super) enum Unready {
    /// This value was never captured.
    Missing(String),
    Broken(String),
}

/// Names that steps capture, besides `run`.
pub(super) type Known = BTreeSet<String>;
pub(super) type Values = BTreeMap<String, String>;

pub(super) const RUN: &str = "run";
/// What a captured value may be: the text of a number, and long enough for a name.
pub(super) const STAND_IN: &str = "1000000000";

static PLACEHOLDER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\{([a-z][a-z0-9_]*)\}").ok());
static VALUE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[A-Za-z0-9._~:@-]{1,200}$").ok());
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[a-z][a-z0-9_]{0,31}$").ok());

fn matches(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

/// The text of a captured value, if it is one that may stand in parameters.
pub(super) fn plain(value: &Value) -> Result<String, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err("it is neither a text nor a number".to_owned()),
    };
    // Nothing that means something in a URL, in JSON or in SQL: it comes from the target.
    if matches(&VALUE, &text) { Ok(text) } else { Err("it has other characters than a name, or too many".to_owned()) }
}

impl Step {
    pub(super) fn kind(&self) -> Result<(&'static Descriptor, &Value), String> {
        let mut kinds = self.what.iter();
        let (Some((name, parameters)), None) = (kinds.next(), kinds.next()) else {
            return Err("write one kind with its parameters".to_owned());
        };
        let kind = kinds::find(name).ok_or_else(|| format!("`{name}` is not a kind"))?;
        Ok((kind, parameters))
    }

    /// Whether it can make something: by its kind, and by what is sent.
    pub(super) fn makes(&self, target: Option<&str>) -> bool {
        let Ok((kind, parameters)) = self.kind() else { return true };
        match kind.name {
            "http" => {
                !matches!(parameters.get("method").and_then(Value::as_str), None | Some("GET" | "HEAD" | "OPTIONS"))
            }
            // What these send is as they are told.
            "command" | "http_each" | "http_requests" | "login" | "websocket" => true,
            _ => {
                let parsed = self.parse(target, &Known::new(), &Values::new());
                parsed.map_or(true, |parsed| parsed.access == Access::Mutates)
            }
        }
    }

    /// `stand_ins`: a value for each name that is captured somewhere.
    pub(super) fn check(&self, at: &str, target: Option<&str>, stand_ins: &Values, findings: &mut Findings) {
        if self.name.is_empty() {
            findings.error(&format!("{at}.name"), "a step needs a name");
        }
        if !(1..=300).contains(&self.timeout_s) || self.within_s > 3600 {
            findings.error(at, "expected a `timeout_s` of 1 to 300 and a `within_s` of at most 3600");
        }
        for name in self.capture.keys() {
            if name == RUN || !matches(&NAME, name) {
                let message = "a value is named by lower-case letters, digits and _, and not `run`";
                findings.error(&format!("{at}.capture.{name}"), message);
            }
        }
        let place = format!("{at}.do");
        let parsed = match self.parse(target, &Known::new(), stand_ins) {
            Ok(parsed) => parsed,
            Err(Unready::Missing(_)) => return,
            Err(Unready::Broken(why)) => return findings.error(&place, why),
        };
        for found in parsed.findings.0 {
            let field = match found.field.as_str() {
                "" => place.clone(),
                field => format!("{place}.{}.{field}", parsed.probe.kind()),
            };
            findings.0.push(crate::probe::Finding { field, ..found });
        }
        if matches!(parsed.access, Access::Loads) || parsed.probe.kind() == "scenario" || !parsed.legs.is_empty() {
            findings.error(&place, format!("`{}` cannot be a step", parsed.probe.kind()));
        }
        if parsed.target.as_deref().is_some_and(|named| Some(named) != self.aim(target)) {
            findings.error(&place, "the target of a step is that of the scenario, or a `target` beside `do`");
        }
        if parsed.target.is_none() && self.target.is_some() {
            findings.error(&format!("{at}.target"), format!("`{}` does not look at it", parsed.probe.kind()));
        }
        if let Err(Unready::Broken(why)) = self.ready(target, &Known::new(), stand_ins) {
            findings.error(at, why);
        }
    }

    /// What it looks at, if the scenario looks at `target`.
    fn aim<'a>(&'a self, target: Option<&'a str>) -> Option<&'a str> {
        self.target.as_deref().or(target)
    }

    /// The kind with its parameters, placeholders of known names filled in.
    pub(super) fn parse(&self, target: Option<&str>, known: &Known, values: &Values) -> Result<Parsed, Unready> {
        let (kind, parameters) = self.kind().map_err(Unready::Broken)?;
        let mut parameters = match filled(parameters, known, values)? {
            Value::Object(fields) => fields,
            Value::Null => Map::new(),
            _ => return Err(Unready::Broken(format!("`{}` takes a mapping of parameters", kind.name))),
        };
        let elsewhere = ["target", "url", "address"].iter().any(|key| parameters.contains_key(*key));
        if let Some(target) = self.aim(target).filter(|_| !elsewhere)
            && (kind.parameters)().as_value().pointer("/properties/target").is_some()
        {
            parameters.insert("target".to_owned(), target.into());
        }
        kind.parse(Value::Object(parameters))
            .map_err(|error| Unready::Broken(format!("`{}` at `{}`: {}", kind.name, error.path, error.message)))
    }

    pub(super) fn ready(&self, target: Option<&str>, known: &Known, values: &Values) -> Result<Ready, Unready> {
        let parsed = self.parse(target, known, values)?;
        if let Some(found) = parsed.findings.0.first() {
            return Err(Unready::Broken(format!("`{}`: {}", found.field, found.message)));
        }
        let (kind, _) = self.kind().map_err(Unready::Broken)?;
        let schema = (kind.facts)();
        let fill = |text: &String| fill(text, known, values);
        let expect = self.expect.iter().map(fill).collect::<Result<Vec<_>, _>>()?;
        let conditions = Conditions::compile(&expect, &[], schema.as_value(), &Params::default())
            .map_err(|errors| Unready::Broken(said("expect", &errors)))?;
        let mut captures = Vec::new();
        for (name, source) in &self.capture {
            let query = Query::compile(&fill(source)?, schema.as_value())
                .map_err(|errors| Unready::Broken(said(&format!("capture.{name}"), &errors)))?;
            captures.push((name.clone(), query));
        }
        Ok(Ready { probe: parsed.probe, conditions, captures })
    }
}

fn said(field: &str, errors: &[ExpressionError]) -> String {
    let first = errors.first();
    let hint = first.and_then(|error| error.hint.as_ref()).map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("`{field}`: {}{hint}", first.map(|error| error.message.as_str()).unwrap_or_default())
}

fn fill(text: &str, known: &Known, values: &Values) -> Result<String, Unready> {
    let Some(pattern) = PLACEHOLDER.as_ref() else { return Err(Unready::Broken("no placeholders".to_owned())) };
    let mut missing = None;
    let done = pattern.replace_all(text, |found: &Captures<'_>| {
        let name = found.get(1).map_or("", |name| name.as_str());
        match values.get(name) {
            Some(value) => value.clone(),
            None => {
                if known.contains(name) {
                    missing.get_or_insert_with(|| name.to_owned());
                }
                found.get(0).map_or_else(String::new, |whole| whole.as_str().to_owned())
            }
        }
    });
    let done = done.into_owned();
    missing.map_or(Ok(done), |name| Err(Unready::Missing(name)))
}

fn filled(value: &Value, known: &Known, values: &Values) -> Result<Value, Unready> {
    Ok(match value {
        Value::String(text) => Value::String(fill(text, known, values)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| filled(item, known, values)).collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let fill = |(name, value): (&String, &Value)| Ok((name.clone(), filled(value, known, values)?));
            Value::Object(fields.iter().map(fill).collect::<Result<_, Unready>>()?)
        }
        other => other.clone(),
    })
}
