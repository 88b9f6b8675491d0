//! Results of queries as series of numbers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::facts::{Found, Point, Series};
use crate::probe::line::line;

/// Series of one query that are kept; what is said of all of them counts the others too.
const KEPT_SERIES: usize = 500;
/// Points of one query that are kept.
const KEPT_POINTS: usize = 20_000;
const LABEL_BYTES: usize = 256;

/// One result in the words of the API. The error says what of it is none.
pub(super) fn read(data: &Value, of: Option<&str>, into: &mut Found) -> Result<(), String> {
    let kind = data.get("resultType").and_then(Value::as_str).unwrap_or_default();
    let result = data.get("result").ok_or("it has no result")?;
    match kind {
        "scalar" => {
            let point = sample(result).ok_or("a scalar is not a pair of a time and a number")?;
            into.add(of, BTreeMap::new(), &[point], false);
        }
        "vector" | "matrix" => {
            for series in result.as_array().ok_or("the result is no list")? {
                if series.get("histogram").or_else(|| series.get("histograms")).is_some() {
                    return Err("a histogram is no number; take a quantile, a sum or a count of it".to_owned());
                }
                let labels = labels(series.get("metric")).ok_or("a series has no labels")?;
                if kind == "vector" {
                    let point = series.get("value").and_then(sample).ok_or("a sample is not a pair")?;
                    into.add(of, labels, &[point], false);
                } else {
                    let values = series.get("values").and_then(Value::as_array).ok_or("a series has no values")?;
                    let points: Option<Vec<(f64, f64)>> = values.iter().map(sample).collect();
                    into.add(of, labels, &points.ok_or("a sample is not a pair")?, true);
                }
            }
        }
        "string" => return Err("a text is no number".to_owned()),
        other => return Err(format!("`{}` is no type of a result", line(other, 40))),
    }
    Ok(())
}

/// `[time, "number"]`.
fn sample(pair: &Value) -> Option<(f64, f64)> {
    let [at, value] = pair.as_array()?.as_slice() else { return None };
    Some((at.as_f64()?, value.as_str()?.parse().ok()?))
}

fn labels(metric: Option<&Value>) -> Option<BTreeMap<String, String>> {
    let label = |(name, value): (&String, &Value)| Some((name.clone(), line(value.as_str()?, LABEL_BYTES)));
    metric?.as_object()?.iter().map(label).collect()
}

impl Found {
    /// Points without a number are left out of a range: nothing was measured there. At this moment,
    /// where they are infinite, and where a series has no others, they spoil the answer.
    fn add(&mut self, of: Option<&str>, labels: BTreeMap<String, String>, points: &[(f64, f64)], range: bool) {
        let spoils = |value: f64| if range { value.is_infinite() } else { !value.is_finite() };
        if let Some((_, value)) = points.iter().find(|(_, value)| spoils(*value)) {
            let shown = if value.is_nan() { "NaN" } else { "an infinite number" };
            self.spoiled.get_or_insert_with(|| format!("{shown} for {}", shown_labels(&labels)));
            return;
        }
        let numbers: Vec<Point> =
            points.iter().filter(|(_, value)| value.is_finite()).map(|&(at, value)| Point { at, value }).collect();
        let (Some(first), Some(last)) = (numbers.first().copied(), numbers.last().copied()) else {
            self.spoiled.get_or_insert_with(|| format!("only NaN for {}", shown_labels(&labels)));
            self.fewest_points = Some(0);
            self.series_count = self.series_count.saturating_add(1);
            self.value = None;
            return;
        };
        let mut series = Series {
            of: of.map(str::to_owned),
            labels,
            value: last.value,
            first: first.value,
            min: first.value,
            max: first.value,
            point_count: numbers.len() as u64,
            ..Series::default()
        };
        let mut sum = 0.0;
        let mut before = first;
        for &point in &numbers {
            series.min = series.min.min(point.value);
            series.max = series.max.max(point.value);
            series.largest_rise = series.largest_rise.max(point.value - before.value);
            series.largest_fall = series.largest_fall.max(before.value - point.value);
            series.largest_gap_s = series.largest_gap_s.max(point.at - before.at);
            sum += point.value;
            before = point;
        }
        series.avg = sum / numbers.len() as f64;
        self.count(&series);
        if range {
            self.points_kept = self.points_kept.saturating_add(numbers.len());
            series.points = if self.points_kept > KEPT_POINTS { Vec::new() } else { numbers };
            self.cut |= self.points_kept > KEPT_POINTS;
        }
        if self.series.len() < KEPT_SERIES {
            self.series.push(series);
        } else {
            self.cut = true;
        }
    }

    fn count(&mut self, series: &Series) {
        self.min = Some(self.min.map_or(series.min, |least| least.min(series.min)));
        self.max = Some(self.max.map_or(series.max, |most| most.max(series.max)));
        self.sum = Some(self.sum.unwrap_or_default() + series.value);
        let fewest = self.fewest_points;
        self.fewest_points = Some(fewest.map_or(series.point_count, |fewest| fewest.min(series.point_count)));
        self.series_count = self.series_count.saturating_add(1);
        self.value = (self.series_count == 1).then_some(series.value);
    }

    /// The number that the check takes for an empty answer.
    pub(super) fn stand_in(&mut self, of: Option<&str>, value: f64) {
        self.absent = true;
        self.add(of, BTreeMap::new(), &[(0.0, value)], false);
    }
}

fn shown_labels(labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return "the whole query".to_owned();
    }
    let pairs: Vec<String> = labels.iter().take(4).map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    line(&format!("{{{}}}", pairs.join(",")), LABEL_BYTES)
}
