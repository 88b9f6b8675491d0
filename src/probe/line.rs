//! Text of a peer, made fit for a sentence.

/// One line of at most `limit` bytes, with a mark where more was cut off.
pub(in crate::probe) fn line(text: &str, limit: usize) -> String {
    let cut = text.get(..text.floor_char_boundary(limit)).unwrap_or_default();
    let mut line: String = cut.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cut.len() < text.len() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(line("a\nb\u{1b}[0m", 200), "a b [0m");
        assert_eq!((line("ääää", 5), line("ä", 2)), ("ää…".to_owned(), "ä".to_owned()));
    }
}
