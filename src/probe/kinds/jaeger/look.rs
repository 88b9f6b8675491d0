//! The questions, in their order, of either API.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::facts::{Age, Execution, Facts, Trace};
use super::structure::{Span, sum_up};
use super::{Flavor, Jaeger, jaeger_api, sample, tempo_api};
use crate::model::Reason;
use crate::probe::kinds::http::api::{Api, Inside};
use crate::probe::{ProbeCx, ProbeError};

/// Operations with the prefix that are searched one by one.
const MAX_OPERATIONS: usize = 20;
/// Seconds by which the clocks of a database and of a service may differ.
const SLACK_S: f64 = 5.0;

/// The store behind its API.
pub(super) struct Store<'a> {
    api: Api<'a>,
    flavor: Flavor,
}

impl Store<'_> {
    async fn services(&self) -> Result<Vec<String>, ProbeError> {
        match self.flavor {
            Flavor::Jaeger => jaeger_api::services(&self.api).await,
            Flavor::Tempo => tempo_api::services(&self.api).await,
        }
    }

    async fn search(
        &self,
        service: &str,
        operation: Option<&str>,
        span: (f64, f64),
        limit: u32,
    ) -> Result<Vec<(String, Vec<Span>)>, ProbeError> {
        let found = match self.flavor {
            Flavor::Jaeger => jaeger_api::search(&self.api, service, operation, span, limit).await?,
            Flavor::Tempo => tempo_api::search(&self.api, service, operation, span, limit).await?,
        };
        let timed = |spans: &[Span]| !spans.is_empty() && spans.iter().all(|span| span.start_s > 0.0);
        if let Some((id, _)) = found.iter().find(|(_, spans)| !timed(spans)) {
            let text = format!("expected spans with the times of their starts, saw the trace {id} without");
            return Err(ProbeError::observer(Reason::Protocol, text));
        }
        Ok(found)
    }

    pub(super) async fn one(&self, id: &str) -> Result<Option<Vec<Span>>, ProbeError> {
        match self.flavor {
            Flavor::Jaeger => jaeger_api::one(&self.api, id).await,
            Flavor::Tempo => tempo_api::one(&self.api, id).await,
        }
    }
}

pub(super) async fn look(leg: &Jaeger, cx: &ProbeCx) -> Result<Facts, ProbeError> {
    let store = Store { api: Api::of_target(cx, leg.user.as_deref())?, flavor: leg.flavor };
    let mut facts = Facts { services: store.services().await?, ..Facts::default() };
    let now_s = cx.now().as_secs_f64();
    let known = |service: &String| facts.services.contains(service);
    if let Some(max_age_s) = leg.max_age_s {
        for service in leg.services.iter().filter(|service| known(service)) {
            let found = store.search(service, None, (now_s - f64::from(max_age_s), now_s), 1).await?;
            let newest = found.iter().flat_map(|(_, spans)| spans).map(|span| span.start_s).reduce(f64::max);
            let newest_age_s = newest.map(|newest| now_s - newest);
            facts.ages.push(Age { service: service.clone(), newest_age_s });
        }
    }
    if let Some(service) = leg.service.as_ref().filter(|service| facts.services.contains(service)) {
        of_service(leg, service, &store, cx, &mut facts).await?;
    }
    let total = |count: fn(&Trace) -> u32| facts.traces.iter().map(count).fold(0, u32::saturating_add);
    (facts.span_count, facts.error_count) = (total(|trace| trace.span_count), total(|trace| trace.error_count));
    if let Some(request) = &leg.request {
        facts.request = Some(sample::ask(leg, request, &store, cx).await?);
    }
    Ok(facts)
}

async fn of_service(
    leg: &Jaeger,
    service: &str,
    store: &Store<'_>,
    cx: &ProbeCx,
    facts: &mut Facts,
) -> Result<(), ProbeError> {
    if leg.flavor == Flavor::Jaeger && (!leg.operations.is_empty() || leg.operation_prefix.is_some()) {
        facts.operations = jaeger_api::operations(&store.api, service).await?;
    }
    if let Some(name) = &leg.execution {
        let mut execution = execution(name, cx)?;
        let span = (execution.start_s - SLACK_S, execution.end_s + SLACK_S);
        let found = store.search(service, Some(&execution.operation), span, leg.limit).await?;
        let overlaps =
            |trace: &Trace| trace.start_s <= execution.end_s + SLACK_S && trace.end_s >= execution.start_s - SLACK_S;
        facts.traces = found.iter().map(|(id, spans)| sum_up(id, spans, None)).collect();
        execution.trace = facts.traces.iter().find(|trace| overlaps(trace)).map(|trace| trace.id.clone());
        facts.execution = Some(execution);
        return Ok(());
    }
    if !leg.searches() {
        return Ok(());
    }
    let end_s = cx.now().as_secs_f64() - f64::from(leg.lag_s);
    let span = (end_s - f64::from(leg.window_s), end_s);
    let prefix = leg.operation_prefix.as_deref().unwrap_or_default();
    let mut found = Vec::new();
    let limit = usize::try_from(leg.limit).unwrap_or(usize::MAX);
    let mut is_whole = true;
    if leg.flavor == Flavor::Jaeger && leg.operation_prefix.is_some() {
        let operations: Vec<&String> = facts.operations.iter().filter(|name| name.starts_with(prefix)).collect();
        is_whole &= operations.len() <= MAX_OPERATIONS;
        for operation in operations.into_iter().take(MAX_OPERATIONS) {
            let of_one = store.search(service, Some(operation), span, leg.limit).await?;
            is_whole &= of_one.len() < limit;
            found.extend(of_one);
        }
    } else {
        found = store.search(service, None, span, leg.limit).await?;
        is_whole &= found.len() < limit;
        found.retain(|(_, spans)| spans.iter().any(|span| span.operation.starts_with(prefix)));
    }
    let mut traces: Vec<Trace> = found.iter().map(|(id, spans)| sum_up(id, spans, leg.structure.as_ref())).collect();
    // A trace can have several of the operations.
    traces.sort_by(|a, b| b.start_s.total_cmp(&a.start_s).then_with(|| a.id.cmp(&b.id)));
    traces.dedup_by(|a, b| a.id == b.id);
    // Whatever the store makes of the times it was asked for.
    traces.retain(|trace| trace.start_s <= span.1 && trace.end_s >= span.0);
    facts.trace_count = u32::try_from(traces.len()).ok().filter(|_| is_whole);
    traces.truncate(limit);
    facts.traces = traces;
    Ok(())
}

/// What the other check of the item saw. What is missing there proves nothing about traces.
fn execution(leg: &str, cx: &ProbeCx) -> Result<Execution, ProbeError> {
    let nothing = |what: &str| {
        ProbeError::observer(
            Reason::NoData,
            format!("expected something that must have left a trace, {leg} saw {what}"),
        )
    };
    let facts = cx.leg(leg).ok_or_else(|| nothing("nothing"))?;
    let row = facts.at("rows").nth(0);
    let number = |name: &str| row[name].as_f64();
    match (row.at("operation").as_str(), number("start_s"), number("end_s")) {
        _ if row.is_null() => Err(nothing("no row")),
        (Some(operation), Some(start_s), Some(end_s)) => {
            Ok(Execution { operation: operation.to_owned(), start_s, end_s, trace: None })
        }
        _ if *row.get("operation").unwrap_or(&Value::Null) == Value::Null => Err(nothing("none")),
        _ => Err(nothing("a row without `operation`, `start_s` and `end_s`")),
    }
}

/// A part of a path or of a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
