//! The synthetic alert. Whatever happens after it was posted, it is ended; and it was posted with an
//! end, so that it is gone even if the exporter is.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Synthetic;
use super::facts::Canary;
use super::look::alert;
use super::matcher::{Labels, parse};
use crate::model::Reason;
use crate::probe::kinds::http::api::{Api, Who, list};
use crate::probe::{ProbeCx, ProbeError};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// An attempt is counted a moment before its failure is.
const SETTLES: Duration = Duration::from_millis(200);
/// Of the deadline, kept for the end of the alert.
const RESERVE: Duration = Duration::from_secs(3);

/// Attempts of Alertmanager after which no other is waited for.
const FAILURES: u64 = 5;

/// Notifications by integration.
type Counts = BTreeMap<String, u64>;

/// Of all attempts that ended, and of those that failed. Not of notifications: such a one is counted
/// before its first attempt, and has failed only when no other follows.
#[derive(Default)]
struct Counters {
    tried: Counts,
    failed: Counts,
}

pub(super) async fn send(canary: &Synthetic, api: &Api<'_>, cx: &ProbeCx) -> Result<Canary, ProbeError> {
    let before = counters(api).await?;
    if before.tried.is_empty() || before.failed.is_empty() {
        let text = "expected Alertmanager to count its attempts to notify, saw a version that does not";
        return Err(ProbeError::observer(Reason::NoData, text));
    }
    let run = cx.now().0.to_string();
    let mut labels = canary.labels.clone();
    for (name, value) in [("alertname", "ReadinessCanary"), ("readiness_canary", "true"), ("readiness_run", &run)] {
        labels.insert(name.to_owned(), value.to_owned());
    }
    let begun = Instant::now();
    let lasts = SignedDuration::from_secs(i64::from(canary.lasts_s));
    let posted = match api.post("api/v2/alerts", &body(&labels, cx, lasts), Who::Target).await {
        Ok(reply) if reply.is_ok() => Ok(()),
        Ok(reply) => return Err(reply.refusal()),
        // It may have arrived all the same.
        Err(error) => Err(error),
    };
    let mut seen = Canary::default();
    let waited = match posted {
        Ok(()) => wait(canary, api, cx, &run, &before, &mut seen).await,
        Err(error) => Err(error),
    };
    seen.waited_s = begun.elapsed().as_secs_f64();
    let elapsed = SignedDuration::try_from(begun.elapsed()).unwrap_or(SignedDuration::ZERO);
    let end = body(&labels, cx, elapsed);
    for _ in 0..2 {
        seen.resolved |= !seen.resolved && api.post("api/v2/alerts", &end, Who::Target).await.is_ok_and(|r| r.is_ok());
    }
    cx.note("canary", format_args!("{} after {:.1} s, ended: {}", seen.state, seen.waited_s, seen.resolved));
    seen.problem = waited.err().map(|error| error.detail);
    Ok(seen)
}

/// Until it is delivered, or the time is up.
async fn wait(
    canary: &Synthetic,
    api: &Api<'_>,
    cx: &ProbeCx,
    run: &str,
    before: &Counters,
    seen: &mut Canary,
) -> Result<(), ProbeError> {
    let path = format!("api/v2/alerts?filter=readiness_run%3D%22{run}%22");
    while cx.remaining() > RESERVE {
        for json in list(api.get(&path, Who::Target).await?.into_json()?, "", "alerts")? {
            let alert = alert(&json, cx)?;
            (seen.state, seen.receivers) = (alert.state, alert.receivers);
        }
        let tried = counters(api).await?.tried;
        sleep(SETTLES).await;
        // Of those attempts, each that failed is counted by now.
        let now = Counters { tried, failed: counters(api).await?.failed };
        let grown = |now: &Counts, before: &Counts, name: &str| {
            now.get(name).copied().unwrap_or(0).saturating_sub(before.get(name).copied().unwrap_or(0))
        };
        (seen.failed, seen.delivered) = (0, BTreeMap::new());
        for name in &canary.integrations {
            let failed = grown(&now.failed, &before.failed, name);
            seen.failed = seen.failed.saturating_add(failed);
            let delivered = grown(&now.tried, &before.tried, name).saturating_sub(failed);
            if delivered > 0 {
                seen.delivered.insert(name.clone(), delivered);
            }
        }
        let delivered = !seen.delivered.is_empty() && !seen.state.is_empty();
        if delivered || seen.failed >= FAILURES {
            return Ok(());
        }
        sleep(PAUSE.min(cx.remaining())).await;
    }
    Ok(())
}

/// The alert, which ends so long after the beginning of the run.
fn body(labels: &Labels, cx: &ProbeCx, lasts: SignedDuration) -> Value {
    let begin = jiff::Timestamp::from_millisecond(cx.now().0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let end = begin.checked_add(lasts).unwrap_or(begin);
    json!([{
        "labels": labels,
        "annotations": { "summary": "A synthetic alert of the readiness exporter; nothing is wrong." },
        "startsAt": begin.to_string(),
        "endsAt": end.to_string(),
    }])
}

async fn counters(api: &Api<'_>) -> Result<Counters, ProbeError> {
    let reply = api.get("metrics", Who::Target).await?;
    if !reply.is_ok() {
        return Err(reply.refusal());
    }
    Ok(read(&String::from_utf8_lossy(&reply.body)))
}

/// Sums over whatever other labels a version has.
fn read(text: &str) -> Counters {
    let mut counters = Counters::default();
    for line in text.lines() {
        let Some((name, rest)) = line.split_once('{') else { continue };
        let counts = match name {
            "alertmanager_notification_requests_total" => &mut counters.tried,
            "alertmanager_notification_requests_failed_total" => &mut counters.failed,
            _ => continue,
        };
        let Some((labels, value)) = rest.rsplit_once('}') else { continue };
        let integration = parse(labels).ok().and_then(|all| {
            let own = all.into_iter().find(|matcher| matcher.name == "integration")?;
            Some(own.value().to_owned())
        });
        let value = value.split_ascii_whitespace().next().and_then(|value| value.parse::<f64>().ok());
        if let (Some(integration), Some(value)) = (integration, value) {
            let count = counts.entry(integration).or_default();
            *count = count.saturating_add(value as u64);
        }
    }
    counters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_summed_by_integration() {
        let text = "# TYPE alertmanager_notification_requests_total counter\n\
            alertmanager_notification_requests_total{integration=\"webhook\",receiver_name=\"a,b\"} 2\n\
            alertmanager_notification_requests_total{integration=\"webhook\",receiver_name=\"c\"} 3\n\
            alertmanager_notification_requests_failed_total{integration=\"webhook\",reason=\"other\"} 1\n\
            alertmanager_notifications_total{integration=\"webhook\"} 7\n\
            other{integration=\"webhook\"} 9\nalertmanager_notification_requests_total{integration=\"x\"} NaNa\n";
        let counters = read(text);
        assert_eq!(counters.tried, Counts::from([("webhook".to_owned(), 5)]));
        assert_eq!(counters.failed, Counts::from([("webhook".to_owned(), 1)]));
    }
}
