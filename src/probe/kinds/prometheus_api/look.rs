//! One look: each part that is asked for, one after the other over one connection.

use serde_json::Value;

use super::facts::Facts;
use super::{PrometheusApi, committed, parts, personal, rules, targets, vital};
use crate::model::Reason;
use crate::probe::kinds::promql::answer::Said;
use crate::probe::kinds::promql::api::Api;
use crate::probe::{ProbeCx, ProbeError};

pub(super) async fn look(leg: &PrometheusApi, cx: &ProbeCx) -> Result<Facts, ProbeError> {
    let api = leg.place().open(cx)?;
    let mut looking = Looking { cx, facts: Facts { server: api.name(), ..Facts::default() }, api };
    if leg.ready {
        looking.facts.ready_status = Some(looking.api.raw("/-/ready", &[]).await?.status.as_u16());
    }
    if let Some(part) = &leg.targets {
        let said = looking.get("targets", &[("state", "active")]).await?;
        let now = looking.now(&said);
        targets::read(part, &said.data, now, &mut looking.facts).map_err(|why| looking.malformed("targets", why))?;
    }
    if let Some(part) = &leg.rules {
        let said = looking.get("rules", &[]).await?;
        let now = looking.now(&said);
        let mut found = rules::read(part, &said.data, now).map_err(|why| looking.malformed("rules", why))?;
        if part.alive {
            let warnings = vital::examine(part, &looking.api, &mut found.meant).await?;
            looking.facts.warnings.extend(warnings);
        }
        found.into_facts(&mut looking.facts);
    }
    if let Some(from) = &leg.committed {
        committed::look(from, &mut looking, cx).await?;
    }
    parts::look(leg, &mut looking).await?;
    if let Some(part) = &leg.personal {
        personal::look(part, &mut looking).await?;
    }
    Ok(looking.facts)
}

pub(super) struct Looking<'a> {
    cx: &'a ProbeCx,
    pub(super) api: Api<'a>,
    pub(super) facts: Facts,
}

impl Looking<'_> {
    pub(super) async fn get(&mut self, path: &str, pairs: &[(&str, &str)]) -> Result<Said, ProbeError> {
        let mut said = self.api.get(path, pairs).await?;
        self.facts.warnings.append(&mut said.warnings);
        Ok(said)
    }

    /// Seconds since the epoch by the clock of the server: ages of what it says are not those of ours.
    pub(super) fn now(&self, said: &Said) -> f64 {
        said.at.unwrap_or(self.cx.now().0 as f64 / 1000.0)
    }

    pub(super) fn malformed(&self, what: &str, why: String) -> ProbeError {
        let text = format!("the answer of {} about {what} cannot be read: {why}", self.facts.server);
        ProbeError::observer(Reason::Protocol, text)
    }
}

/// Seconds from a time such as `2026-11-21T23:48:50.7Z` to `now`. None for the year 1, which stands
/// for never, and for what lies ahead: of such a clock no age is known.
pub(super) fn age(time: Option<&Value>, now: f64) -> Option<f64> {
    let time: jiff::Timestamp = time?.as_str()?.parse().ok()?;
    let at = time.as_millisecond() as f64 / 1000.0;
    (at > 0.0 && now - at > -CLOCK_GRAIN_S).then_some((now - at).max(0.0))
}

/// The clock of an answer has no fractions, so that what just happened may seem to lie ahead.
const CLOCK_GRAIN_S: f64 = 1.5;

pub(super) fn text(of: &Value, field: &str) -> String {
    of.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

pub(super) fn list<'v>(of: &'v Value, field: &str) -> Result<&'v [Value], String> {
    match of.get(field) {
        Some(Value::Array(list)) => Ok(list),
        // An empty list of Go.
        Some(Value::Null) => Ok(&[]),
        _ => Err(format!("there is no list `{field}`")),
    }
}
