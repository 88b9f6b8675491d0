//! A request with an id of its own, and the wait for its trace.

use std::time::Duration;

use aws_lc_rs::rand;
use tokio::time::{Instant, sleep};

use super::facts::Sampled;
use super::look::Store;
use super::structure::sum_up;
use super::{Jaeger, Request};
use crate::model::Reason;
use crate::probe::kinds::http::Http;
use crate::probe::kinds::http::request::parse_url;
use crate::probe::{ProbeCx, ProbeError};

/// A trace to which nothing was added for so long is the whole one.
const SETTLES: Duration = Duration::from_secs(10);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// Of the deadline, left when the wait ends.
const RESERVE: Duration = Duration::from_millis(500);

pub(super) async fn ask(
    leg: &Jaeger,
    request: &Request,
    store: &Store<'_>,
    cx: &ProbeCx,
) -> Result<Sampled, ProbeError> {
    let mut bytes = [0; 24];
    rand::fill(&mut bytes).map_err(|_| ProbeError::internal("there is no randomness"))?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let (id, span) = digits.split_at(32);
    let url = parse_url(&request.url).map_err(ProbeError::unconfigured)?;
    let mut http = Http { bearer: request.bearer.clone(), follow_redirects: 0, ..Http::default() };
    http.headers.insert("traceparent".to_owned(), format!("00-{id}-{span}-01"));
    let begun = Instant::now();
    // What it is asked of is another check's matter: without an answer there is no trace to look for.
    let answer = http.ask(cx, url).await.map_err(|error| ProbeError::observer(error.reason, error.detail))?.answer;
    let status = answer.status.as_u16();
    if !answer.status.is_success() {
        let text = format!("expected status 2xx from the request that is to leave a trace, saw {status}");
        return Err(ProbeError::observer(Reason::Status, text));
    }
    let mut sampled = Sampled { id: id.to_owned(), status, ..Sampled::default() };
    let mut grown = Instant::now();
    loop {
        if let Some(mut spans) = store.one(id).await? {
            // The caller's span is ours, and nobody records it.
            for one in spans.iter_mut().filter(|one| one.parent.as_deref().is_some_and(|id| is_same_id(id, span))) {
                one.parent = None;
            }
            let trace = sum_up(id, &spans, leg.structure.as_ref());
            if sampled.trace.as_ref().is_none_or(|before| before.span_count != trace.span_count) {
                grown = Instant::now();
            }
            sampled.trace = Some(trace);
        }
        sampled.waited_s = begun.elapsed().as_secs_f64();
        let done = sampled.trace.as_ref().is_some_and(|trace| is_complete(request, trace) || grown.elapsed() > SETTLES);
        if done || cx.remaining() < PAUSE + RESERVE {
            return Ok(sampled);
        }
        sleep(PAUSE).await;
    }
}

/// Ids are hexadecimal in one API and may be base64 in the other.
fn is_same_id(id: &str, hexadecimal: &str) -> bool {
    use base64::Engine as _;
    let decoded = base64::engine::general_purpose::STANDARD.decode(id).unwrap_or_default();
    let decoded: String = decoded.iter().map(|byte| format!("{byte:02x}")).collect();
    id.eq_ignore_ascii_case(hexadecimal) || decoded == hexadecimal
}

pub(super) fn is_complete(request: &Request, trace: &super::facts::Trace) -> bool {
    let services = u32::try_from(trace.services.len()).unwrap_or(u32::MAX);
    services >= request.min_services && trace.root_count == 1 && trace.orphan_count == 0
}
