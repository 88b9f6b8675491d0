//! The panels of a dashboard, and the queries of each.

use serde_json::{Value, json};

use super::Panels;
use super::answer::Data;
use super::facts::{Panel, State};
use super::source::{Meant, Sources};
use super::variables::{Variables, interval_s};
use crate::probe::kinds::http::api::{Api, Inside, Who};
use crate::probe::line::line;
use crate::probe::{ProbeCx, ProbeError};

const TITLE_LIMIT: usize = 100;

/// Kinds of panels that show nothing of a data source.
const WITHOUT_QUERIES: [&str; 9] =
    ["row", "text", "news", "dashlist", "alertlist", "pluginlist", "gettingstarted", "welcome", "annolist"];

/// All panels that have queries, those of rows included, whether these are folded or not.
pub(super) fn of_dashboard(dashboard: &Value) -> Vec<&Value> {
    let mut panels = Vec::new();
    // Before version 5 they stood below rows.
    for place in [dashboard.at("panels"), dashboard.at("rows")] {
        for panel in place.as_array().into_iter().flatten() {
            panels.push(panel);
            panels.extend(panel.at("panels").as_array().into_iter().flatten());
        }
    }
    let shows = |panel: &&Value| {
        let kind = panel.at("type").as_str().unwrap_or("row");
        !WITHOUT_QUERIES.contains(&kind)
    };
    panels.into_iter().filter(shows).collect()
}

/// What is sent of one panel.
#[derive(Debug, Default)]
struct Queries {
    sent: Vec<Value>,
    /// Of those, the ones that are shown.
    shown: Vec<String>,
    /// Why one cannot be sent.
    problem: Option<String>,
}

/// Sends the queries of a panel; nothing if it has none of a data source.
pub(super) async fn ask(
    panel: &Value,
    wanted: &Panels,
    (sources, variables): (&Sources, &Variables),
    api: &Api<'_>,
    cx: &ProbeCx,
) -> Result<Option<Panel>, ProbeError> {
    let title = line(&variables.fill_text(panel.at("title").as_str().unwrap_or_default()), TITLE_LIMIT);
    let queries = queries(panel, wanted, sources, variables);
    if let Some(problem) = queries.problem {
        return Ok(Some(Panel { title, state: State::Error, message: problem, ..Panel::default() }));
    }
    if queries.shown.is_empty() {
        // Its queries may stand in a panel of the library, which cannot be looked into.
        let library = panel.at("libraryPanel").is_object() && panel.at("targets").is_null();
        let message = "its queries are in the library".to_owned();
        return Ok(library.then(|| Panel { title, message, ..Panel::default() }));
    }
    let now_ms = cx.now().0;
    let from_ms = now_ms.saturating_sub(i64::from(wanted.range_s).saturating_mul(1000));
    let body = json!({ "from": from_ms.to_string(), "to": now_ms.to_string(), "queries": queries.sent });
    let reply = api.post("api/ds/query", &body, Who::Target).await?;
    let results = reply.json.as_ref().map_or(&Value::Null, |json| json.at("results"));
    let read = |name: &String| match (results.is_object(), reply.status) {
        (true, _) => Data::read(results.at(name), &wanted.require_label),
        // The whole request failed: one of its queries did, or the source. A request that the version
        // does not understand says nothing about the panel.
        (false, 500..) => Data::failed(format!("{} {}", reply.status, reply.message())),
        (false, _) => Data::unreadable(),
    };
    if !results.is_object() && matches!(reply.status, 401 | 403 | 429) {
        return Err(reply.refusal());
    }
    let answers: Vec<Data> = queries.shown.iter().map(read).collect();
    let oldest_ms = wanted.max_age_s.map(|age| now_ms.saturating_sub(i64::from(age).saturating_mul(1000)));
    Ok(Some(seen(title, &answers, oldest_ms, now_ms)))
}

fn seen(title: String, answers: &[Data], oldest_ms: Option<i64>, now_ms: i64) -> Panel {
    let state = answers.iter().map(|data| data.state(oldest_ms)).max().unwrap_or_default();
    let newest = answers.iter().filter_map(|data| data.newest_ms).min();
    Panel {
        title,
        state,
        series: answers.iter().fold(0, |sum, data| sum.saturating_add(data.series)),
        newest_age_s: newest.map(|newest| now_ms.saturating_sub(newest) as f64 / 1000.0),
        message: answers.iter().find_map(|data| data.error()).unwrap_or_default().to_owned(),
    }
}

fn queries(panel: &Value, wanted: &Panels, sources: &Sources, variables: &Variables) -> Queries {
    let of_panel = sources.meant(panel.at("datasource"), variables);
    let mut queries = Queries::default();
    let interval_ms = u64::from(interval_s(wanted.range_s)) * 1000;
    for (place, target) in panel.at("targets").as_array().into_iter().flatten().enumerate() {
        let own = match (&of_panel, target.at("datasource")) {
            (Meant::Internal, _) => continue,
            // A panel on one source asks that one, unless the query names another, as it does in later versions.
            (Meant::Mixed, reference) | (_, reference @ Value::Object(_)) => sources.meant(reference, variables),
            _ => sources.meant(panel.at("datasource"), variables),
        };
        let hidden = target.at("hide").as_bool() == Some(true);
        let (source, id) = match own {
            Meant::Source(source, id) => (source, id),
            Meant::Expression => (json!({ "type": "__expr__", "uid": "__expr__" }), -100),
            Meant::Internal | Meant::Mixed => continue,
            Meant::Nothing(_) if hidden => continue,
            Meant::Nothing(why) => {
                queries.problem.get_or_insert(why);
                continue;
            }
        };
        let mut query = variables.fill(target);
        let Some(fields) = query.as_object_mut() else { continue };
        let name = fields.get("refId").and_then(Value::as_str).map_or_else(|| format!("Q{place}"), str::to_owned);
        // Older versions want the number, later ones the rest.
        let set = [
            ("refId", json!(name)),
            ("datasource", source),
            ("datasourceId", json!(id)),
            ("intervalMs", json!(interval_ms)),
            ("maxDataPoints", json!(200)),
        ];
        fields.extend(set.map(|(name, value)| (name.to_owned(), value)));
        queries.sent.push(query);
        if !hidden {
            queries.shown.push(name);
        }
    }
    queries
}
