//! Families that the `prometheus` crate gathered: the daemon about itself. That crate writes text
//! 0.0.4 only, so both formats are written here.

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

use super::Format;
use super::sample::{Value, escape};

/// The units that a `# UNIT` line is written for.
const UNITS: [&str; 3] = ["seconds", "bytes", "ratio"];

/// The name without `_total`: what OpenMetrics calls the family of a counter.
pub(super) fn base(name: &str) -> &str {
    name.strip_suffix("_total").unwrap_or(name)
}

/// `# HELP`, `# TYPE` and, in OpenMetrics, `# UNIT`.
pub(super) fn header(out: &mut Vec<u8>, name: &str, kind: &str, unit: &str, help: &str, format: Format) {
    if !help.is_empty() {
        start(out, "HELP", name);
        match format {
            Format::OpenMetrics => escape(out, help),
            // Here a quote is a quote.
            Format::Text => {
                for (at, part) in help.split('"').enumerate() {
                    if at > 0 {
                        out.push(b'"');
                    }
                    escape(out, part);
                }
            }
        }
        out.push(b'\n');
    }
    start(out, "TYPE", name);
    out.extend_from_slice(kind.as_bytes());
    out.push(b'\n');
    if format == Format::OpenMetrics && !unit.is_empty() {
        start(out, "UNIT", name);
        out.extend_from_slice(unit.as_bytes());
        out.push(b'\n');
    }
}

fn start(out: &mut Vec<u8>, what: &str, name: &str) {
    for part in ["# ", what, " ", name, " "] {
        out.extend_from_slice(part.as_bytes());
    }
}

pub(super) fn write(out: &mut Vec<u8>, family: &MetricFamily, format: Format) {
    let open = format == Format::OpenMetrics;
    let kind = family.get_field_type();
    let base = base(family.name());
    // In OpenMetrics a counter's samples end with `_total`, whatever the family was called.
    let (name, suffix) = match kind {
        MetricType::COUNTER if open => (base, "_total"),
        _ => (family.name(), ""),
    };
    let unit = UNITS.into_iter().find(|unit| base.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')));
    header(out, name, kind_name(kind, open), unit.unwrap_or(""), family.help(), format);
    for metric in family.get_metric() {
        let mut line = Line { out, name, labels: metric.get_label() };
        match kind {
            MetricType::COUNTER => line.sample(suffix, None, metric.get_counter().get_value()),
            MetricType::GAUGE => line.sample(suffix, None, metric.get_gauge().get_value()),
            MetricType::UNTYPED => {}
            MetricType::HISTOGRAM => histogram(&mut line, metric),
            MetricType::SUMMARY => {
                let summary = metric.get_summary();
                for quantile in summary.get_quantile() {
                    line.sample("", Some(("quantile", quantile.quantile())), quantile.value());
                }
                line.sample("_sum", None, summary.sample_sum());
                line.sample("_count", None, summary.sample_count());
            }
        }
    }
}

fn kind_name(kind: MetricType, open: bool) -> &'static str {
    match kind {
        MetricType::COUNTER => "counter",
        MetricType::GAUGE => "gauge",
        MetricType::HISTOGRAM => "histogram",
        MetricType::SUMMARY => "summary",
        MetricType::UNTYPED if open => "unknown",
        MetricType::UNTYPED => "untyped",
    }
}

fn histogram(line: &mut Line<'_>, metric: &Metric) {
    let histogram = metric.get_histogram();
    let count = histogram.get_sample_count();
    for bucket in histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite()) {
        line.sample("_bucket", Some(("le", bucket.upper_bound())), bucket.cumulative_count());
    }
    line.sample("_bucket", Some(("le", f64::INFINITY)), count);
    line.sample("_sum", None, histogram.get_sample_sum());
    line.sample("_count", None, count);
}

struct Line<'a> {
    out: &'a mut Vec<u8>,
    name: &'a str,
    labels: &'a [LabelPair],
}

impl Line<'_> {
    fn sample(&mut self, suffix: &str, bound: Option<(&str, f64)>, value: impl Value) {
        self.out.extend_from_slice(self.name.as_bytes());
        self.out.extend_from_slice(suffix.as_bytes());
        let mut open = false;
        for pair in self.labels {
            self.name_of(pair.name(), &mut open);
            escape(self.out, pair.value());
            self.out.push(b'"');
        }
        if let Some((name, bound)) = bound {
            self.name_of(name, &mut open);
            bound.write(self.out);
            // `1.0` in both formats, so that a change of format does not make a new series.
            if bound.is_finite() && bound.fract() == 0.0 && bound.abs() < 1e17 {
                self.out.extend_from_slice(b".0");
            }
            self.out.push(b'"');
        }
        self.out.extend_from_slice(if open { b"} " } else { b" " });
        value.write(self.out);
        self.out.push(b'\n');
    }

    fn name_of(&mut self, name: &str, open: &mut bool) {
        self.out.push(if *open { b',' } else { b'{' });
        *open = true;
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"=\"");
    }
}
