//! One look: the guards, then the queries.

use std::collections::BTreeSet;

use serde_json::Value;

use super::answer::Said;
use super::api::Api;
use super::facts::{Facts, Found};
use super::{Promql, QUERIES_CEILING, series};
use crate::model::Reason;
use crate::probe::line::line;
use crate::probe::{ProbeCx, ProbeError};

/// What stands in a query for a value of `each`.
pub(super) const PLACE: &str = "{value}";
/// Bytes of a query that a sentence shows.
pub(super) const SHOWN: usize = 120;

pub(super) async fn look(leg: &Promql, cx: &ProbeCx) -> Result<Facts, ProbeError> {
    let api = leg.place().open(cx)?;
    let looking = Looking { leg, cx, api };
    let mut facts = Facts::default();
    for guard in &leg.guards {
        let said = looking.api.query(guard).await?;
        facts.warnings.extend(said.warnings);
        if is_empty(&said.data) {
            facts.unguarded = Some(line(guard, SHOWN));
            return Ok(facts);
        }
    }
    if let Some(query) = &leg.query {
        let mut found = Found::default();
        let of_leg = values(leg, cx)?;
        let each: Vec<&String> = leg.each.iter().chain(&of_leg).collect();
        if each.is_empty() {
            looking.ask(query, None, &mut facts, &mut found).await?;
        }
        for value in each {
            // What is a query as a whole stands between no quotes.
            let query = if query == PLACE { value.clone() } else { query.replace(PLACE, &escaped(value)) };
            looking.ask(&query, Some(value), &mut facts, &mut found).await?;
        }
        facts.take(None, found);
    }
    for (name, query) in &leg.queries {
        let mut found = Found::default();
        looking.ask(query, None, &mut facts, &mut found).await?;
        facts.take(Some(name), found);
    }
    Ok(facts)
}

/// What another leg saw. Without any nothing is asked, and some of too many would not be all.
fn values(leg: &Promql, cx: &ProbeCx) -> Result<BTreeSet<String>, ProbeError> {
    let Some(side) = &leg.each_of else { return Ok(BTreeSet::new()) };
    let values = side.values(cx)?;
    if (1..=QUERIES_CEILING).contains(&values.len()) {
        return Ok(values);
    }
    let sentence = format!("expected 1 to {QUERIES_CEILING} values of {} to ask for, saw {}", side.leg, values.len());
    Err(ProbeError::observer(Reason::NoData, sentence))
}

struct Looking<'a> {
    leg: &'a Promql,
    cx: &'a ProbeCx,
    api: Api<'a>,
}

impl Looking<'_> {
    async fn ask(&self, query: &str, of: Option<&str>, facts: &mut Facts, found: &mut Found) -> Result<(), ProbeError> {
        let said = self.send(query).await?;
        facts.warnings.extend(said.warnings);
        let before = found.series_count;
        series::read(&said.data, of, found).map_err(|why| {
            let text =
                format!("{} answered `{}` with what cannot be judged: {why}", self.api.name(), line(query, SHOWN));
            ProbeError::observer(Reason::Query, text)
        })?;
        if found.series_count == before && found.spoiled.is_none() {
            match self.leg.absent_value {
                Some(value) => found.stand_in(of, value),
                None => facts.empty.push(line(query, SHOWN)),
            }
        }
        Ok(())
    }

    async fn send(&self, query: &str) -> Result<Said, ProbeError> {
        let Some(range) = self.leg.range else { return self.api.query(query).await };
        let end = self.cx.now().0 / 1000;
        let start = end.saturating_sub_unsigned(range.last_s);
        let (start, end, step) = (start.to_string(), end.to_string(), range.step_s.to_string());
        let patience = self.api.patience();
        let pairs =
            [("query", query), ("start", start.as_str()), ("end", &end), ("step", &step), ("timeout", &patience)];
        self.api.get("query_range", &pairs).await
    }
}

/// Whether a guard has no data. A scalar is some.
fn is_empty(data: &Value) -> bool {
    data.get("result").and_then(Value::as_array).is_none_or(Vec::is_empty)
}

/// As it may stand between double quotes.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
