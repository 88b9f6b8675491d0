//! Rule files as Prometheus reads them.

use std::fmt::Write;
use std::time::Duration;

use super::super::HEAD;
use super::{Alert, Group, Record, Rule};

pub(super) fn file(about: &str, groups: &[Group]) -> String {
    let mut text = format!("{HEAD}# {about}\n\ngroups:\n");
    for group in groups {
        // Writing to a text cannot fail.
        let _ = write!(text, "  # {}\n  - name: {}\n    rules:\n", group.about, group.name);
        for rule in &group.rules {
            match rule {
                Rule::Record(record) => self::record(&mut text, record),
                Rule::Alert(alert) => self::alert(&mut text, alert),
            }
        }
    }
    text
}

fn record(text: &mut String, Record { name, expr }: &Record) {
    let _ = writeln!(text, "      - record: {name}");
    block(text, "expr", expr.text());
}

fn alert(text: &mut String, alert: &Alert) {
    let Alert { name, severity, after, expr, summary, description, more } = alert;
    let _ = writeln!(text, "      - alert: {name}");
    block(text, "expr", expr.text());
    if !after.is_zero() {
        let _ = writeln!(text, "        for: {}", duration(*after));
    }
    let _ = writeln!(text, "        labels:\n          severity: {}\n        annotations:", severity.as_str());
    for (key, value) in [("summary", &(*summary).to_owned()), ("description", description)]
        .into_iter()
        .chain(more.iter().map(|(key, value)| (*key, value)))
    {
        let _ = writeln!(text, "          {key}: {}", quoted(value));
    }
}

fn block(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "        {key}: |-\n          {}", value.replace('\n', "\n          "));
}

/// In double quotes YAML is JSON.
fn quoted(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// As Prometheus writes it, in the largest unit that fits.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(super::D, "d"), (super::H, "h"), (super::M, "m"), (1, "s")];
    units
        .into_iter()
        .find(|(unit, _)| seconds.is_multiple_of(*unit))
        .map_or_else(String::new, |(unit, name)| format!("{}{name}", seconds / unit))
}
