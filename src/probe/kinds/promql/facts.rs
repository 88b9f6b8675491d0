//! What the queries yielded.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Promql;
use crate::expect::Gap;

/// The answer to `query`, and those to `queries` by their names.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// The number, if there is just one series; of a range the last one.
    pub(super) value: Option<f64>,
    pub(super) series_count: u64,
    /// The least and the greatest number of all series, of a range over all its time.
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    /// Of the numbers of all series, of a range of the last ones.
    pub(super) sum: Option<f64>,
    /// True if it had no data and `absent_value` stands for it.
    pub(super) absent: bool,
    pub(super) series: Vec<Series>,
    pub(super) named: BTreeMap<String, Found>,
    /// What the server says of answers that may not be whole.
    pub(super) warnings: Vec<String>,
    /// The first guard that had no data; the queries were not asked then.
    pub(super) unguarded: Option<String>,
    /// Queries that had no data.
    pub(super) empty: Vec<String>,
    /// What of the answers is no finite number.
    pub(super) spoiled: Vec<String>,
    /// The fewest points of a series of a range.
    pub(super) fewest_points: Option<u64>,
    /// There are more series or points than are kept.
    pub(super) cut: bool,
}

/// The answer to one query.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Found {
    /// The number, if there is just one series; of a range the last one.
    pub(super) value: Option<f64>,
    pub(super) series_count: u64,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) sum: Option<f64>,
    /// True if it had no data and `absent_value` stands for it.
    pub(super) absent: bool,
    pub(super) series: Vec<Series>,
    #[serde(skip)]
    pub(super) spoiled: Option<String>,
    #[serde(skip)]
    pub(super) fewest_points: Option<u64>,
    #[serde(skip)]
    pub(super) points_kept: usize,
    #[serde(skip)]
    pub(super) cut: bool,
}

/// One series.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Series {
    /// The value of `each` it was asked for.
    pub(super) of: Option<String>,
    pub(super) labels: BTreeMap<String, String>,
    /// The number; of a range the last one.
    pub(super) value: f64,
    /// Of a range, as all that follows; at one moment they are the number.
    pub(super) first: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) avg: f64,
    pub(super) point_count: u64,
    /// From one point to the next; not below 0.
    pub(super) largest_rise: f64,
    pub(super) largest_fall: f64,
    /// Seconds between two points.
    pub(super) largest_gap_s: f64,
    /// Empty at one moment.
    pub(super) points: Vec<Point>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Point {
    /// Seconds since the epoch.
    pub(super) at: f64,
    pub(super) value: f64,
}

const OF_QUERY: [&str; 7] = ["value", "series_count", "min", "max", "sum", "absent", "series"];

impl Facts {
    /// Notes what is wrong with an answer, and keeps the rest of it.
    pub(super) fn take(&mut self, name: Option<&str>, found: Found) {
        let called = name.map(|name| format!("{name}: ")).unwrap_or_default();
        self.spoiled.extend(found.spoiled.as_ref().map(|what| format!("{called}{what}")));
        self.cut |= found.cut;
        self.fewest_points = match (self.fewest_points, found.fewest_points) {
            (Some(before), Some(now)) => Some(before.min(now)),
            (before, now) => before.or(now),
        };
        match name {
            Some(name) => {
                self.named.insert(name.to_owned(), found);
            }
            None => {
                (self.value, self.series_count) = (found.value, found.series_count);
                (self.min, self.max, self.sum) = (found.min, found.max, found.sum);
                (self.absent, self.series) = (found.absent, found.series);
            }
        }
    }

    /// What was not asked is not nothing, and a part is not the whole.
    pub(super) fn gaps(&self, leg: &Promql) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut hide = |fields: &[&'static str], why: &str| {
            gaps.extend(fields.iter().map(|field| Gap { field, why: why.to_owned(), hides: true }));
        };
        if self.unguarded.is_some() {
            hide(&OF_QUERY, "a guard has no data");
            hide(&["named"], "a guard has no data");
            return gaps;
        }
        if leg.query.is_none() {
            hide(&OF_QUERY, "there is no `query`");
        } else if self.series_count == 0 {
            hide(&["value", "min", "max", "sum"], "the query has no data");
        } else if self.series_count > 1 {
            hide(&["value"], "the query has more than one series; `series`, `min`, `max` and `sum` are of all");
        }
        if self.cut {
            hide(&["series"], "there are more series or points than are kept");
            gaps.push(Gap {
                field: "named",
                why: "there are more series or points than are kept".to_owned(),
                hides: false,
            });
        }
        gaps
    }
}
