//! From bytes to text: what is refused before the parser sees it.

use crate::catalog::sink::Sink;
use crate::diag::{Code, Diagnostic, FileId, SourceMap, Span};

/// Adds the file to the sources and says whether its text may be parsed.
pub(crate) fn decode(path: &str, bytes: &[u8], sources: &mut SourceMap, sink: &Sink) -> (FileId, bool) {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let file = sources.add(path, text);
    let at = |offset: usize, length: usize| Span { file, range: offset..offset + length };
    if std::str::from_utf8(bytes).is_err() {
        let offset = text.find('\u{fffd}').unwrap_or(0);
        sink.push(
            Diagnostic::error(Code::ENCODING, at(offset, 3), "the file is not UTF-8")
                .here("the first byte that is not")
                .help("save the file as UTF-8"),
        );
        return (file, false);
    }
    let control = |c: char| matches!(c, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}');
    if let Some((offset, found)) = text.char_indices().find(|(_, c)| control(*c)) {
        let message = format!("the file holds the control character U+{:04X}", u32::from(found));
        sink.push(
            Diagnostic::error(Code::ENCODING, at(offset, 1), message)
                .help("remove it; inside double quotes it can be written as an escape"),
        );
        return (file, false);
    }
    if let Some(offset) = indenting_tab(text) {
        sink.push(
            Diagnostic::error(Code::SYNTAX, at(offset, 1), "a tab is used for indentation")
                .here("here")
                .help("YAML allows only spaces for indentation; replace the tabs of the file by spaces"),
        );
        return (file, false);
    }
    (file, true)
}

/// A tab before the first other character of a line. Inside block texts it is allowed, so lines
/// that are indented by spaces first are left to the parser.
fn indenting_tab(text: &str) -> Option<usize> {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with('\t') && !line.trim().is_empty() && !line.trim_start().starts_with('#') {
            return Some(offset);
        }
        offset += line.len();
    }
    None
}
