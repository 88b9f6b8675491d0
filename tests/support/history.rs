//! The past of series in a few words, for Prometheus.

use std::fmt::Write;

use serde_json::Value;

/// Samples of `{ last: 2h, until: 0s, step: 15s, values: [0, 100] }` up to `now`, in seconds since the
/// epoch: the values stand at equal distances over that time, with straight lines between them. A
/// value may be a time, `now` or `now-2h`; one value is a level; null is a gap up to the next.
pub(crate) fn samples(series: &str, past: &Value, now: f64) -> Result<String, String> {
    let span = |field: &str| -> Result<Option<f64>, String> {
        past[field].as_str().map(|text| seconds(text).map_err(|why| format!("{series}: {field}: {why}"))).transpose()
    };
    let last = span("last")?.ok_or_else(|| format!("{series}: write how long it lasts, such as `last: 2h`"))?;
    let until = span("until")?.unwrap_or(0.0);
    let usual = if last > 172_800.0 {
        300.0
    } else if last > 10_800.0 {
        60.0
    } else {
        15.0
    };
    let step = span("step")?.unwrap_or(usual).max(1.0);
    let values: Vec<Option<f64>> = match &past["values"] {
        Value::Array(values) => values.iter().map(|one| value(one, now)).collect::<Result<_, _>>()?,
        one => vec![value(one, now)?],
    };
    let mut text = String::new();
    let mut at = now - last;
    while at <= now - until {
        let place = (at - (now - last)) / (last - until).max(1.0);
        if let Some(number) = between(&values, place) {
            let _ = writeln!(text, "{series} {number} {at:.3}");
        }
        at += step;
    }
    Ok(text)
}

/// The number at this place from 0 to 1.
fn between(values: &[Option<f64>], place: f64) -> Option<f64> {
    let [_, .., _] = values else { return values.first().copied().flatten() };
    let position = place.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let before = (position as usize).min(values.len() - 2);
    let (from, to) = (values.get(before).copied()??, values.get(before + 1).copied().flatten());
    Some(to.map_or(from, |to| from + (to - from) * (position - before as f64)))
}

fn value(value: &Value, now: f64) -> Result<Option<f64>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => Ok(number.as_f64()),
        Value::String(text) => match text.strip_prefix("now") {
            Some("") => Ok(Some(now)),
            Some(ago) => Ok(Some(now - seconds(ago.trim_start_matches('-'))?)),
            None => Err(format!("`{text}` is no number and no time")),
        },
        other => Err(format!("{other} is no value")),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    humantime::parse_duration(text).map(|span| span.as_secs_f64()).map_err(|error| error.to_string())
}
