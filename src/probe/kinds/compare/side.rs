//! Where values stand among the facts of another leg.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::Reason;
use crate::probe::kinds::process::pattern;
use crate::probe::{Findings, ProbeCx, ProbeError};

/// Values among the facts of another leg of the item.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::probe::kinds) struct Side {
    /// Its name. It stands before this one.
    pub(in crate::probe::kinds) leg: String,
    /// Fields down to the values, such as `keys.json.id`. Of a list every element counts.
    path: String,
    /// Where `path` leads to objects: fields of each down to the value, such as `headers.sunset`. `having` and `key`
    /// are then those of the object.
    below: Option<String>,
    /// Only from objects whose fields have these texts; a field may be one of a field, such as
    /// `conditions.ready`.
    having: BTreeMap<String, String>,
    /// Regular expression with one group, which is the value; texts that it does not match are left out.
    pattern: Option<String>,
    /// For `pairs`: fields beside the value, such as `table_name` or `labels.variant`, that name what it is of.
    /// None where each side is one number.
    pub(in crate::probe::kinds) key: Vec<String>,
}

/// A value with what its neighbours say: an empty key without `key`.
type Found<'a> = (Vec<String>, &'a Value);

/// A number, null where it is not known, with its key.
type Keyed = (Vec<String>, Option<f64>);

/// Values of one side, each at most so long.
const MAX_VALUES: usize = 100_000;
const MAX_TEXT: usize = 1024;

impl Side {
    pub(in crate::probe::kinds) fn check(&self, name: &str, findings: &mut Findings) {
        if self.leg.is_empty() {
            findings.error(&format!("{name}.leg"), "expected the name of another check of the item");
        }
        if self.path.split('.').any(str::is_empty) {
            findings.error(&format!("{name}.path"), "expected fields joined by `.`, such as `keys.json.id`");
        }
        match self.pattern.as_deref().map(pattern) {
            Some(Err(why)) => findings.error(&format!("{name}.pattern"), why),
            Some(Ok(found)) if found.captures_len() != 2 => {
                findings.error(&format!("{name}.pattern"), "exactly one group is needed");
            }
            _ => {}
        }
        if self.below.as_deref().is_some_and(|below| below.split('.').any(str::is_empty)) {
            findings.error(&format!("{name}.below"), "expected fields joined by `.`, such as `headers.sunset`");
        }
        if self.key.iter().any(|field| field.split('.').any(str::is_empty)) {
            findings.error(&format!("{name}.key"), "expected fields beside the value, such as `labels.variant`");
        }
    }

    /// Different texts; numbers and truth values as texts. What is missing is the observer's fault: it
    /// proves nothing about the systems behind the legs.
    pub(in crate::probe::kinds) fn values(&self, cx: &ProbeCx) -> Result<BTreeSet<String>, ProbeError> {
        Ok(self.keyed(cx)?.into_iter().map(|(_, text)| text).collect())
    }

    /// The same with the key of each, its fields joined by spaces.
    pub(in crate::probe::kinds) fn keyed(&self, cx: &ProbeCx) -> Result<BTreeSet<(String, String)>, ProbeError> {
        let texts = self.found(cx)?.into_iter().map(|(key, value)| Some((key.join(" "), text(value)?)));
        let texts: BTreeSet<_> = texts.collect::<Option<_>>().ok_or_else(|| self.missing())?;
        let Some(source) = &self.pattern else { return Ok(texts) };
        let wanted = pattern(source).map_err(ProbeError::unconfigured)?;
        let group = |text: &str| Some(wanted.captures(text)?.get(1)?.as_str().to_owned());
        Ok(texts.into_iter().filter_map(|(key, text)| Some((key, group(&text)?))).collect())
    }

    /// What it looks for, in words that stay the same.
    pub(in crate::probe::kinds) fn sought(&self) -> String {
        let Self { leg: _, path, below, having, pattern, key } = self;
        let having: Vec<String> = having.iter().map(|(name, text)| format!("{name:?} is {text:?}")).collect();
        let (below, pattern) = (below.as_deref().unwrap_or_default(), pattern.as_deref().unwrap_or_default());
        format!("{path:?} below {below:?} having [{}] like {pattern:?} by {}", having.join(", "), key.join(" "))
    }

    /// Numbers with their keys. Null where the number is not known.
    pub(super) fn numbers(&self, cx: &ProbeCx) -> Result<Vec<Keyed>, ProbeError> {
        let number = |value: &Value| match value {
            Value::Null => Ok(None),
            // Such as the numeric of a database, which is more exact than a number of JSON.
            Value::String(text) => {
                let text = text.trim();
                text.parse().ok().or_else(|| seconds(text)).map(Some).ok_or_else(|| self.missing())
            }
            value => value.as_f64().map(Some).ok_or_else(|| self.missing()),
        };
        let pairs = self.found(cx)?.into_iter().map(|(key, value)| Ok((key, number(value)?.filter(|n| n.is_finite()))));
        pairs.collect()
    }

    fn missing(&self) -> ProbeError {
        self.no_data(format!("`{}` is not known of every value of {}", self.path, self.leg))
    }

    fn no_data(&self, text: String) -> ProbeError {
        ProbeError::observer(Reason::NoData, text)
    }

    fn found<'a>(&self, cx: &'a ProbeCx) -> Result<Vec<Found<'a>>, ProbeError> {
        let leg = &self.leg;
        let nothing = || self.no_data(format!("expected something to compare, {leg} saw nothing"));
        let facts = cx.leg(leg).ok_or_else(nothing)?;
        let mut found = Vec::new();
        let fields: Vec<&str> = self.path.split('.').collect();
        self.collect(facts, &fields, &[], &mut found)?;
        Ok(found)
    }

    fn collect<'a>(
        &self,
        at: &'a Value,
        fields: &[&str],
        key: &[String],
        found: &mut Vec<Found<'a>>,
    ) -> Result<(), ProbeError> {
        if found.len() > MAX_VALUES {
            return Err(self.no_data(format!("{} has more than {MAX_VALUES} values", self.leg)));
        }
        match (at, fields) {
            (Value::Array(items), _) => items.iter().try_for_each(|item| self.collect(item, fields, key, found)),
            (Value::Object(object), []) if self.below.is_some() => {
                if self.is_meant(object)? {
                    let mut below = self.below.iter().flat_map(|below| below.split('.'));
                    let value = below.try_fold(at, |at, field| at.get(field)).ok_or_else(|| self.missing())?;
                    found.push((self.key(object)?, value));
                }
                Ok(())
            }
            (Value::Object(object), [field, rest @ ..]) => {
                let own;
                let key = if rest.is_empty() && self.below.is_none() {
                    if !self.is_meant(object)? {
                        return Ok(());
                    }
                    own = self.key(object)?;
                    &own
                } else {
                    key
                };
                self.collect(object.get(*field).ok_or_else(|| self.missing())?, rest, key, found)
            }
            (Value::Object(_), []) | (_, [_, ..]) => Err(self.missing()),
            (value, []) => {
                found.push((key.to_vec(), value));
                Ok(())
            }
        }
    }

    /// Whoever does not say what `having` asks for can neither be counted nor left out.
    fn is_meant(&self, object: &Map<String, Value>) -> Result<bool, ProbeError> {
        for (name, wanted) in &self.having {
            let unknown = || self.no_data(format!("not every value of {} has `{name}`", self.leg));
            let mut parts = name.split('.');
            let first = parts.next().and_then(|first| object.get(first));
            let seen = first.and_then(|first| parts.try_fold(first, |at, part| at.get(part))).ok_or_else(unknown)?;
            if seen.as_str().map_or_else(|| seen.to_string(), str::to_owned) != *wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn key(&self, object: &Map<String, Value>) -> Result<Vec<String>, ProbeError> {
        let one = |field: &String| {
            let (first, rest) = field.split_once('.').map_or((field.as_str(), None), |(one, rest)| (one, Some(rest)));
            let value =
                rest.into_iter().flat_map(|rest| rest.split('.')).try_fold(object.get(first)?, |at, name| at.get(name));
            value.and_then(text)
        };
        let part =
            |field| one(field).ok_or_else(|| self.no_data(format!("not every value of {} has `{field}`", self.leg)));
        self.key.iter().map(part).collect()
    }
}

/// A time as a header of HTTP tells it, in seconds since 1970.
fn seconds(text: &str) -> Option<f64> {
    let at = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(at.timestamp().as_millisecond() as f64 / 1e3)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (text.len() <= MAX_TEXT).then(|| text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}
