//! From byte offsets to lines and columns.

use std::ops::Range;

use super::{FileId, SourceFile, SourceMap, Span};

/// A place as an editor shows it. Both numbers start at 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl SourceMap {
    pub fn add(&mut self, path: &str, text: &str) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile { path: path.into(), text: text.into() });
        id
    }

    pub fn file(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// The text a span covers; empty if the span does not fit the file.
    pub fn slice(&self, span: &Span) -> &str {
        self.file(span.file).and_then(|file| file.text.get(span.range.clone())).unwrap_or("")
    }

    /// Where a span starts; line 1, column 1 if the file is unknown.
    pub fn position(&self, span: &Span) -> Position {
        self.file(span.file).map_or(Position { line: 1, column: 1 }, |file| file.position(span.range.start))
    }

    /// Overwrites a range with stars of the same length, so that all other spans stay right.
    pub fn mask(&mut self, file: FileId, ranges: &[Range<usize>]) {
        let Some(source) = self.files.get_mut(file.0 as usize) else { return };
        if ranges.is_empty() {
            return;
        }
        let mut text = source.text.to_string();
        for range in ranges {
            if let Some(secret) = text.get(range.clone()) {
                // Line breaks stay, or lines would shift.
                let stars: String =
                    secret.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { byte.into() } else { '*' }).collect();
                text.replace_range(range.clone(), &stars);
            }
        }
        source.text = text.into();
    }
}

impl SourceFile {
    pub fn position(&self, offset: usize) -> Position {
        let start = self.line_start(offset);
        let line = 1 + self.text.get(..start).unwrap_or("").bytes().filter(|byte| *byte == b'\n').count();
        let column = 1 + self.text.get(start..self.floor(offset)).unwrap_or("").chars().count();
        Position { line, column }
    }

    /// Offset of the first byte of the line that holds `offset`.
    pub(super) fn line_start(&self, offset: usize) -> usize {
        self.text.get(..self.floor(offset)).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1)
    }

    /// Offset just behind the last byte of the line that holds `offset`, without its break.
    pub(super) fn line_end(&self, offset: usize) -> usize {
        let from = self.floor(offset);
        self.text.get(from..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |at| from + at)
    }

    /// The nearest character boundary at or before `offset`.
    pub(super) fn floor(&self, offset: usize) -> usize {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_never_panic() {
        let mut map = SourceMap::default();
        let file = map.add("a.yaml", "é: 1\nbc: 2\n");
        let at = |offset| map.position(&Span { file, range: offset..offset });
        assert_eq!(at(0), Position { line: 1, column: 1 });
        assert_eq!(at(1), Position { line: 1, column: 1 });
        assert_eq!(at(2), Position { line: 1, column: 2 });
        assert_eq!(at(7), Position { line: 2, column: 2 });
        assert_eq!(at(999), Position { line: 3, column: 1 });
    }

    #[test]
    fn masking_keeps_lengths_and_lines() {
        let mut map = SourceMap::default();
        let file = map.add("a.yaml", "x: sécret\ny: 1\n");
        map.mask(file, std::slice::from_ref(&(3..10)));
        assert_eq!(&*map.files[0].text, "x: *******\ny: 1\n");
    }
}
