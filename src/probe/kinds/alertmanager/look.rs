//! The questions, and their answers as facts.

use serde_json::Value;

use super::Alertmanager;
use super::canary;
use super::facts::{Alert, Facts, Silence, Way};
use super::matcher::{Labels, Matcher};
use super::routing::Config;
use crate::model::Reason;
use crate::probe::kinds::http::api::{Api, Inside, Who, list};
use crate::probe::{ProbeCx, ProbeError};

/// Alerts that are kept, and characters of one text.
const MAX_ALERTS: usize = 1000;
const MAX_TEXT: usize = 256;
/// A value that no matcher was written for.
const ANY_VALUE: &str = "readiness-any-value";

pub(super) async fn look(leg: &Alertmanager, cx: &ProbeCx) -> Result<Facts, ProbeError> {
    let api = Api::of_target(cx, leg.user.as_deref())?;
    let status = api.get("api/v2/status", Who::Target).await?.into_json()?;
    let mut facts = of_status(&status, cx)?;
    match Config::read(status.at("config").at("original").as_str().unwrap_or_default()) {
        Ok(config) => {
            let way = |labels: &Labels| Way { labels: labels.clone(), reached: config.reached(labels) };
            facts.routes = leg.routes.iter().map(|route| way(&route.labels)).collect();
            facts.receivers = config.receivers;
        }
        Err(why) => facts.unreadable = Some(why),
    }
    if leg.reads_alerts() {
        let alerts = list(api.get("api/v2/alerts", Who::Target).await?.into_json()?, "", "alerts")?;
        facts.alert_count = u32::try_from(alerts.len()).unwrap_or(u32::MAX);
        facts.alerts = alerts.iter().take(MAX_ALERTS).map(|json| alert(json, cx)).collect::<Result<_, _>>()?;
    }
    if leg.reads_silences() {
        let all = list(api.get("api/v2/silences", Who::Target).await?.into_json()?, "", "silences")?;
        let active = all.iter().filter(|json| json.at("status").at("state") == "active");
        facts.silences = active.map(|json| silence(leg, json, cx)).collect();
    }
    if let Some(canary) = &leg.canary {
        facts.canary = Some(canary::send(canary, &api, cx).await?);
    }
    Ok(facts)
}

fn of_status(status: &Value, cx: &ProbeCx) -> Result<Facts, ProbeError> {
    let Some(version) = status.at("versionInfo").at("version").as_str() else {
        let text = "expected the status of an Alertmanager, saw JSON without a version";
        return Err(ProbeError::target(Reason::Protocol, text));
    };
    let peers = status.at("cluster").at("peers").as_array().map_or(0, Vec::len);
    Ok(Facts {
        version: cut(version),
        uptime_s: seconds(status.at("uptime")).map_or(0.0, |at| cx.now().as_secs_f64() - at),
        cluster: cut(status.at("cluster").at("status").as_str().unwrap_or_default()),
        peer_count: u32::try_from(peers).unwrap_or(u32::MAX),
        ..Facts::default()
    })
}

pub(super) fn alert(json: &Value, cx: &ProbeCx) -> Result<Alert, ProbeError> {
    let (Some(labels), Some(state)) = (json.at("labels").as_object(), json.at("status").at("state").as_str()) else {
        let text = "expected alerts with labels and a state, saw one without";
        return Err(ProbeError::target(Reason::Protocol, text));
    };
    let label = |(name, value): (&String, &Value)| (cut(name), cut(value.as_str().unwrap_or_default()));
    let some = |key: &str| json.at("status").at(key).as_array().is_some_and(|list| !list.is_empty());
    let receivers = json.at("receivers").as_array().into_iter().flatten();
    Ok(Alert {
        labels: labels.iter().map(label).collect(),
        annotations: json.at("annotations").as_object().into_iter().flatten().map(|(name, _)| cut(name)).collect(),
        state: cut(state),
        // One without a beginning is taken for an old one: it must not pass for a young one.
        age_s: seconds(json.at("startsAt")).map_or(f64::MAX, |at| cx.now().as_secs_f64() - at),
        receivers: receivers.filter_map(|receiver| receiver.at("name").as_str().map(cut)).collect(),
        silenced: some("silencedBy"),
        inhibited: some("inhibitedBy"),
    })
}

fn silence(leg: &Alertmanager, json: &Value, cx: &ProbeCx) -> Silence {
    let matchers = json.at("matchers").as_array().into_iter().flatten().map(Matcher::of_silence);
    let (matchers, unreadable) = match matchers.collect::<Result<Vec<_>, _>>() {
        Ok(matchers) => (matchers, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let places = |wanted: Mutes| {
        let places = leg.unmuted.iter().enumerate();
        let fits = |labels: &Labels| unreadable.is_none() && mutes(labels, &matchers) == wanted;
        places.filter(|(_, labels)| fits(labels)).map(|(place, _)| place).collect()
    };
    Silence {
        id: cut(json.at("id").as_str().unwrap_or_default()),
        left_s: seconds(json.at("endsAt")).map_or(0.0, |at| at - cx.now().as_secs_f64()),
        mutes: places(Mutes::Yes),
        may_mute: places(Mutes::Perhaps),
        matchers: matchers.iter().map(Matcher::to_string).collect(),
        unreadable,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mutes {
    Yes,
    /// Those with another label, whose values nobody knows.
    Perhaps,
    No,
}

/// Whether a silence with these matchers is about alerts with these labels. One that never speaks of
/// them mutes them all the same, if it fits alerts without its labels, or with whatever value.
fn mutes(labels: &Labels, matchers: &[Matcher]) -> Mutes {
    let (own, others): (Vec<_>, Vec<_>) = matchers.iter().partition(|matcher| labels.contains_key(&matcher.name));
    if !own.iter().all(|matcher| matcher.fits_in(labels)) {
        return Mutes::No;
    }
    let narrow: Vec<_> = others.into_iter().filter(|matcher| !matcher.fits("") && !matcher.fits(ANY_VALUE)).collect();
    // By its name it is about one alert; if that fires, it shows there.
    if own.is_empty() && narrow.iter().any(|matcher| matcher.name == "alertname" && matcher.is_one_value()) {
        return Mutes::No;
    }
    if own.is_empty() && !narrow.is_empty() { Mutes::Perhaps } else { Mutes::Yes }
}

/// Seconds since the epoch of a time such as `2026-11-22T00:00:00Z`.
fn seconds(json: &Value) -> Option<f64> {
    let at: jiff::Timestamp = json.as_str()?.parse().ok()?;
    Some(at.as_millisecond() as f64 / 1000.0)
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}
