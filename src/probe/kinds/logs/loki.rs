//! The newest lines of Loki, by one question to `query_range`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Logs;
use super::sample::{Line, Lines};
use crate::model::Reason;
use crate::probe::kinds::http::api::{Api, Inside, Who, list};
use crate::probe::line::line;
use crate::probe::{ProbeCx, ProbeError};

/// Seconds that are asked about if the leg does not say.
const WINDOW_S: u32 = 3600;
/// Bytes of a label's value in a name.
const NAME: usize = 100;
/// Sources that are told apart.
const SOURCES: usize = 100;

pub(super) async fn read(leg: &Logs, cx: &ProbeCx) -> Result<Vec<Lines>, ProbeError> {
    let api = Api::of_target(cx, leg.user.as_deref())?;
    if !leg.apart {
        let streams = ask(leg, cx, &api, &leg.query).await?;
        return sources(leg, &streams);
    }
    let by = leg.by.as_deref().unwrap_or_default();
    let mut read = Vec::new();
    for name in &leg.each {
        // Quoted as in JSON, which LogQL reads as well.
        let query = format!("{} | {by}={}", leg.query, Value::from(name.as_str()));
        let streams = ask(leg, cx, &api, &query).await?;
        read.extend(sources(leg, &streams)?.into_iter().filter(|one| one.name == *name));
    }
    Ok(read)
}

async fn ask(leg: &Logs, cx: &ProbeCx, api: &Api<'_>, query: &str) -> Result<Vec<Value>, ProbeError> {
    let window = i64::from(leg.since_s.unwrap_or(WINDOW_S));
    let end = cx.now().0 / 1000 + 1;
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("query", query)
        .append_pair("limit", &leg.lines.to_string())
        .append_pair("start", &format!("{}000000000", end - window))
        .append_pair("end", &format!("{end}000000000"))
        .append_pair("direction", "backward")
        .finish();
    let reply = api.get(&format!("/loki/api/v1/query_range?{query}"), Who::Target).await?;
    if reply.status == 400 {
        // Loki quotes the query, which is ours.
        return Err(ProbeError::observer(Reason::Query, format!("Loki refused the query: {}", reply.message())));
    }
    let mut json = reply.into_json()?;
    let kind = json.at("data").at("resultType").as_str().unwrap_or_default().to_owned();
    if kind != "streams" {
        let detail =
            format!("expected streams of lines from Loki, saw `{}`: the query must select lines", line(&kind, NAME));
        return Err(ProbeError::observer(Reason::Query, detail));
    }
    let result = json.get_mut("data").map(Value::take).unwrap_or_default();
    list(result, "result", "Loki")
}

fn sources(leg: &Logs, streams: &[Value]) -> Result<Vec<Lines>, ProbeError> {
    let mut by_name: BTreeMap<String, Vec<Line>> = leg.each.iter().map(|name| (name.clone(), Vec::new())).collect();
    let mut total = 0;
    for stream in streams {
        let label = leg.by.as_deref().map(|by| stream.at("stream").at(by).as_str().unwrap_or_default());
        let name = label.map_or_else(|| "loki".to_owned(), |label| line(label, NAME));
        let lines = by_name.entry(name).or_default();
        for value in stream.at("values").as_array().into_iter().flatten() {
            let (at, text) = (value.nth(0).as_str(), value.nth(1).as_str());
            let (Some(at), Some(text)) = (at.and_then(|at| at.parse::<f64>().ok()), text) else {
                return Err(ProbeError::target(Reason::Protocol, "expected lines with a time from Loki, saw others"));
            };
            total += 1;
            lines.push(Line { at_s: Some(at / 1e9), text: text.to_owned() });
        }
    }
    if by_name.len() > SOURCES {
        let detail = format!("there are more than {SOURCES} values of the label");
        return Err(ProbeError::observer(Reason::TooLarge, detail));
    }
    if by_name.is_empty() {
        by_name.insert("loki".to_owned(), Vec::new());
    }
    // The limit is for all streams together: one that writes much hides the others.
    let more = total >= leg.lines;
    let sorted = |mut lines: Vec<Line>| {
        lines.sort_by(|a, b| a.at_s.unwrap_or_default().total_cmp(&b.at_s.unwrap_or_default()));
        lines
    };
    Ok(by_name.into_iter().map(|(name, lines)| Lines { name, lines: sorted(lines), more }).collect())
}
