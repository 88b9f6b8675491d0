//! Workflow commands that GitHub turns into annotations of a pull request.

use crate::diag::Report;

/// One `::error …` or `::warning …` line a diagnostic.
pub fn github(report: &Report) -> String {
    let mut out = String::new();
    for diagnostic in &report.diagnostics {
        let level = diagnostic.severity.as_str();
        let mut place = String::new();
        if let Some(label) = diagnostic.labels.first()
            && let Some(source) = report.sources.file(label.span.file)
        {
            let at = source.position(label.span.range.start);
            place = format!("file={},line={},col={},", property(&source.path), at.line, at.column);
        }
        let mut message = diagnostic.message.clone();
        if let Some(help) = &diagnostic.help {
            message = format!("{message}\n{help}");
        }
        out.push_str(&format!("::{level} {place}title={}::{}\n", diagnostic.code, data(&message)));
    }
    out
}

/// Escapes the text of a command, as its runner documents.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property, in which `:` and `,` mean something too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_start_a_command_of_its_own() {
        assert_eq!(data("a\n::error::b 100%"), "a%0A::error::b 100%25");
        assert_eq!(property("a:b,c"), "a%3Ab%2Cc");
    }
}
