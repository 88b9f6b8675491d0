//! The answer to one query: as series and tables (up to version 7), or as frames (later).

use std::collections::BTreeMap;

use crate::probe::kinds::http::api::Inside;
use serde_json::Value;

use super::facts::State;
use crate::probe::line::line;

const MESSAGE_LIMIT: usize = 200;

/// What came back for one query.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Data {
    pub(super) series: u32,
    /// Milliseconds since the epoch.
    pub(super) newest_ms: Option<i64>,
    /// Values that have no time.
    undated: bool,
    /// Something is in a form that cannot be read.
    unreadable: bool,
    error: Option<String>,
}

impl Data {
    /// `labels`: a series that has one of them with another value does not count.
    pub(super) fn read(result: &Value, labels: &BTreeMap<String, String>) -> Self {
        let mut data = Self::default();
        let list = |key: &str| result.at(key).as_array().map_or(&[][..], Vec::as_slice);
        let failed = result.at("status").as_u64().is_some_and(|status| status >= 400);
        let error = result.at("error").as_str().filter(|text| !text.is_empty());
        if error.is_some() || failed {
            data.error = Some(line(error.unwrap_or("the query failed"), MESSAGE_LIMIT));
        }
        for series in list("series").iter().filter(|series| counts(series.at("tags"), labels)) {
            data.add_points(series.at("points").as_array().map_or(&[], Vec::as_slice));
        }
        for table in list("tables") {
            let rows = table.at("rows").as_array().map_or(&[][..], Vec::as_slice);
            let full = rows.iter().any(|row| row.as_array().is_some_and(|cells| cells.iter().any(Value::is_number)));
            data.add_undated(full);
        }
        for frame in list("frames") {
            data.add_frame(frame, labels);
        }
        // Arrow in base64, which version 7 uses for some sources.
        data.unreadable |= !list("dataframes").is_empty();
        data
    }

    pub(super) fn failed(message: String) -> Self {
        Self { error: Some(message), ..Self::default() }
    }

    pub(super) fn unreadable() -> Self {
        Self { unreadable: true, ..Self::default() }
    }

    /// `oldest_ms`: values before that are too old.
    pub(super) fn state(&self, oldest_ms: Option<i64>) -> State {
        match (oldest_ms, self.newest_ms) {
            _ if self.error.is_some() => State::Error,
            (Some(oldest), Some(newest)) if self.series > 0 && newest >= oldest => State::Data,
            (None, _) if self.series > 0 => State::Data,
            _ if self.unreadable => State::Unreadable,
            _ if self.undated => State::Undated,
            _ if self.series > 0 => State::Stale,
            _ => State::Empty,
        }
    }

    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Each is a value and its time.
    fn add_points(&mut self, points: &[Value]) {
        let full = points.iter().filter(|point| point.nth(0).is_number());
        let newest = full.filter_map(|point| milliseconds(point.nth(1))).max();
        if newest.is_some() {
            self.series = self.series.saturating_add(1);
            self.newest_ms = self.newest_ms.max(newest);
        }
    }

    fn add_undated(&mut self, full: bool) {
        self.series = self.series.saturating_add(u32::from(full));
        self.undated |= full;
    }

    /// The values stand by field; a field of times, if there is one, dates them.
    fn add_frame(&mut self, frame: &Value, labels: &BTreeMap<String, String>) {
        let fields = frame.at("schema").at("fields").as_array().map_or(&[][..], Vec::as_slice);
        let columns = frame.at("data").at("values").as_array().map_or(&[][..], Vec::as_slice);
        if !frame.at("schema").is_object() || fields.len() != columns.len() {
            self.unreadable = true;
            return;
        }
        let kind = |field: &Value| field.at("type").as_str().unwrap_or_default().to_owned();
        let times = fields.iter().zip(columns).find(|(field, _)| kind(field) == "time").map(|(_, column)| column);
        for (field, column) in fields.iter().zip(columns) {
            let own = kind(field);
            if own == "time" || !counts(field.at("labels"), labels) {
                continue;
            }
            let values = column.as_array().map_or(&[][..], Vec::as_slice);
            // A field of text beside numbers names them; alone, such as a log line, it is the data.
            let alone = fields.iter().all(|field| !matches!(kind(field).as_str(), "number" | "boolean"));
            if own != "number" && own != "boolean" && !alone {
                continue;
            }
            let places = values.iter().enumerate().filter(|(_, value)| !value.is_null()).map(|(place, _)| place);
            match times {
                Some(times) => {
                    let newest = places.filter_map(|place| milliseconds(times.nth(place))).max();
                    if newest.is_some() {
                        self.series = self.series.saturating_add(1);
                        self.newest_ms = self.newest_ms.max(newest);
                    }
                }
                None => self.add_undated(places.count() > 0),
            }
        }
    }
}

fn counts(of: &Value, labels: &BTreeMap<String, String>) -> bool {
    labels.iter().all(|(name, value)| of.at(name).as_str().is_none_or(|seen| seen == value))
}

fn milliseconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().map(|ms| ms as i64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn none() -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    #[test]
    fn series_of_version_7_are_read() {
        let result = json!({"series": [
            {"name": "a", "points": [[1, 1000], [null, 3000], [2, 2000]], "tags": {"job": "x"}},
            {"name": "b", "points": [[null, 4000]], "tags": null},
        ], "tables": null, "dataframes": null});
        let data = Data::read(&result, &none());
        assert_eq!((data.series, data.newest_ms), (1, Some(2000)));
        assert_eq!(
            (data.state(None), data.state(Some(2000)), data.state(Some(2001))),
            (State::Data, State::Data, State::Stale)
        );
        let other = BTreeMap::from([("job".to_owned(), "y".to_owned())]);
        assert_eq!(Data::read(&result, &other).state(None), State::Empty);
        let empty = json!({"series": [], "tables": null, "dataframes": null});
        assert_eq!(Data::read(&empty, &none()).state(None), State::Empty);
        let arrow = json!({"series": null, "dataframes": ["QVJST1cx"]});
        assert_eq!(Data::read(&arrow, &none()).state(None), State::Unreadable);
        let table = json!({"tables": [{"columns": [{"text": "n"}], "rows": [[1]]}]});
        assert_eq!(Data::read(&table, &none()).state(None), State::Data);
        assert_eq!(Data::read(&table, &none()).state(Some(1)), State::Undated);
    }

    /// Written from the documentation of the client library: no recorded answer has this form.
    #[test]
    fn frames_of_later_versions_are_read() {
        let frame = |values: Value| {
            json!({"status": 200, "frames": [{
                "schema": {"refId": "A", "fields": [
                    {"name": "Time", "type": "time", "typeInfo": {"frame": "time.Time"}},
                    {"name": "Value", "type": "number", "labels": {"job": "x"}},
                ]},
                "data": {"values": values},
            }]})
        };
        let data = Data::read(&frame(json!([[1000, 2000, 3000], [1.5, 2, null]])), &none());
        assert_eq!((data.series, data.newest_ms), (1, Some(2000)));
        assert_eq!(Data::read(&frame(json!([[], []])), &none()).state(None), State::Empty);
        assert_eq!(Data::read(&frame(json!([[1000], [null]])), &none()).state(None), State::Empty);
        assert_eq!(Data::read(&frame(json!([[1000]])), &none()).state(None), State::Unreadable);
        assert_eq!(Data::read(&json!({"frames": [{}]}), &none()).state(None), State::Unreadable);
        let other = BTreeMap::from([("job".to_owned(), "y".to_owned())]);
        assert_eq!(Data::read(&frame(json!([[1000], [1]])), &other).state(None), State::Empty);
        let failed = json!({"status": 400, "error": "bad_data: parse error", "frames": []});
        assert_eq!(Data::read(&failed, &none()).error(), Some("bad_data: parse error"));
        assert_eq!(Data::read(&json!({"status": 500}), &none()).state(None), State::Error);
        let bare =
            json!({"frames": [{"schema": {"fields": [{"name": "n", "type": "number"}]}, "data": {"values": [[7]]}}]});
        assert_eq!(Data::read(&bare, &none()).state(Some(1)), State::Undated);
        let lines = json!({"frames": [{"schema": {"fields": [{"type": "time"}, {"type": "string"}]},
            "data": {"values": [[5], ["a line"]]}}]});
        assert_eq!(Data::read(&lines, &none()).state(Some(5)), State::Data);
        let empty = json!({"frames": [{"schema": {"fields": []}, "data": {"values": []}}]});
        assert_eq!(Data::read(&empty, &none()).state(None), State::Empty);
    }
}
