//! For programs: one object a line.

use serde_json::{Value, json};

use crate::diag::{Label, Report};

/// One JSON object a line and diagnostic: `code`, `severity`, `message`, `labels` (each `file`,
/// `line`, `column`, `end_line`, `end_column`, `text`) and `help`.
pub fn json(report: &Report) -> String {
    report.diagnostics.iter().fold(String::new(), |out, diagnostic| {
        let object = json!({
            "code": diagnostic.code,
            "severity": diagnostic.severity.as_str(),
            "message": diagnostic.message,
            "labels": diagnostic.labels.iter().map(|label| place(report, label)).collect::<Vec<_>>(),
            "help": diagnostic.help,
        });
        out + &object.to_string() + "\n"
    })
}

fn place(report: &Report, label: &Label) -> Value {
    let Some(source) = report.sources.file(label.span.file) else { return Value::Null };
    let (start, end) = (source.position(label.span.range.start), source.position(label.span.range.end));
    json!({
        "file": &*source.path,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "text": label.text,
    })
}
