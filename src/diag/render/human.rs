//! For people: the message, `file:line:column`, the source line and what to do.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use crate::diag::{Diagnostic, FileId, Label, Report, Severity, SourceFile};

/// Whether the text carries terminal colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    Plain,
    Colour,
}

/// Labels further apart than this many bytes get snippets of their own, and a longer line is not
/// shown at all: the renderer must never have to walk a large file once for every diagnostic.
const WINDOW: usize = 8 * 1024;

/// All diagnostics, in order, with a last line that counts them. Empty for an empty report.
pub fn human(report: &Report, palette: Palette) -> String {
    let renderer = match palette {
        Palette::Plain => Renderer::plain(),
        Palette::Colour => Renderer::styled(),
    };
    let mut out = String::new();
    for diagnostic in &report.diagnostics {
        out.push_str(&renderer.render(&[group(report, diagnostic)]));
        out.push_str("\n\n");
    }
    out.push_str(&summary(report));
    out
}

fn summary(report: &Report) -> String {
    let errors = report.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
    let warnings = report.diagnostics.len() - errors;
    let count = |n: usize, word: &str| (n > 0).then(|| format!("{n} {word}{}", if n == 1 { "" } else { "s" }));
    let parts: Vec<String> = [count(errors, "error"), count(warnings, "warning")].into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!("{}\n", parts.join(", ")) }
}

fn group<'a>(report: &'a Report, diagnostic: &'a Diagnostic) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut elements: Vec<Element<'a>> = Vec::new();
    for (index, window) in windows(report, &diagnostic.labels).into_iter().enumerate() {
        elements.extend(window.element(report, index == 0));
    }
    if let Some(help) = &diagnostic.help {
        elements.push(Level::HELP.message(help.as_str()).into());
    }
    level.primary_title(diagnostic.message.as_str()).id(diagnostic.code).elements(elements)
}

/// Some labels of one file and the whole lines that hold them.
struct Window<'a> {
    file: FileId,
    lines: Range<usize>,
    labels: Vec<&'a Label>,
}

fn windows<'a>(report: &Report, labels: &'a [Label]) -> Vec<Window<'a>> {
    let mut windows: Vec<Window<'a>> = Vec::new();
    for label in labels {
        let Some(source) = report.sources.file(label.span.file) else { continue };
        let lines = source.line_start(label.span.range.start)..source.line_end(end(source, label));
        let near = windows.iter_mut().find(|window| {
            let joined = window.lines.start.min(lines.start)..window.lines.end.max(lines.end);
            window.file == label.span.file && joined.len() <= WINDOW
        });
        match near {
            Some(window) => {
                window.lines = window.lines.start.min(lines.start)..window.lines.end.max(lines.end);
                window.labels.push(label);
            }
            None => windows.push(Window { file: label.span.file, lines, labels: vec![label] }),
        }
    }
    windows
}

/// A label never spans lines: the start of a block says enough.
fn end(source: &SourceFile, label: &Label) -> usize {
    let start = source.floor(label.span.range.start);
    source.floor(label.span.range.end).min(source.line_end(start)).max(start)
}

impl<'a> Window<'a> {
    fn element(self, report: &'a Report, primary: bool) -> Option<Element<'a>> {
        let source = report.sources.file(self.file)?;
        let first = self.labels.first()?;
        if self.lines.len() > WINDOW {
            let at = source.position(first.span.range.start);
            return Some(Origin::path(&*source.path).line(at.line).char_column(at.column).into());
        }
        let text = source.text.get(self.lines.clone())?;
        let mut snippet = Snippet::source(text).path(&*source.path).line_start(source.position(self.lines.start).line);
        for (index, label) in self.labels.iter().enumerate() {
            let range = source.floor(label.span.range.start) - self.lines.start..end(source, label) - self.lines.start;
            let kind = if primary && index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            snippet = snippet.annotation(kind.span(range).label(label.text.as_str()));
        }
        Some(snippet.into())
    }
}
