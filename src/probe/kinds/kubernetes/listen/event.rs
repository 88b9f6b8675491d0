//! The lines of a watch: one event each, as JSON.

use bytes::{Buf, BytesMut};
use serde::Deserialize;

/// Longer than the metadata of any object: annotations alone may have 256 KiB, and what an object is in its
/// store 1.5 MiB.
const LONGEST: usize = 2 << 20;

/// What a line says, as far as it concerns who only listens.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// An object was added, changed or taken away; the version to go on from.
    Change(String),
    /// Nothing happened; the version to go on from.
    Bookmark(String),
    /// The server does not go on; its code and what it says.
    Error(u16, String),
}

/// Why bytes are no event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    TooLong,
    /// So many bytes.
    NotAnEvent(usize),
}

/// What came and was not yet a whole line.
#[derive(Default)]
pub(super) struct Lines {
    rest: BytesMut,
    /// Of which so many bytes hold no end of a line.
    searched: usize,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    code: u16,
    #[serde(default)]
    message: String,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default, rename = "resourceVersion")]
    version: String,
}

impl Lines {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// The next event; `None` until its line is whole.
    pub(super) fn next(&mut self) -> Option<Result<Event, Unreadable>> {
        loop {
            let unseen = self.rest.get(self.searched..).unwrap_or_default();
            let Some(end) = unseen.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.rest.len();
                return (self.searched > LONGEST).then_some(Err(Unreadable::TooLong));
            };
            let line = self.rest.split_to(self.searched + end);
            self.rest.advance(1);
            self.searched = 0;
            if line.len() > LONGEST {
                return Some(Err(Unreadable::TooLong));
            }
            if !line.trim_ascii().is_empty() {
                return Some(event(&line));
            }
        }
    }
}

fn event(line: &[u8]) -> Result<Event, Unreadable> {
    let Ok(Line { kind, object }) = serde_json::from_slice(line) else {
        return Err(Unreadable::NotAnEvent(line.len()));
    };
    let version = object.metadata.version;
    match kind.as_str() {
        "ERROR" => Ok(Event::Error(object.code, object.message)),
        _ if version.is_empty() => Err(Unreadable::NotAnEvent(line.len())),
        "ADDED" | "MODIFIED" | "DELETED" => Ok(Event::Change(version)),
        "BOOKMARK" => Ok(Event::Bookmark(version)),
        _ => Err(Unreadable::NotAnEvent(line.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<Result<Event, Unreadable>> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for piece in pieces {
            lines.add(piece);
            found.extend(std::iter::from_fn(|| lines.next()).take(10));
        }
        found
    }

    #[test]
    fn lines_are_events_wherever_they_are_cut() {
        let line = br#"{"type":"MODIFIED","object":{"kind":"PartialObjectMetadata","metadata":{"name":"a","resourceVersion":"7"}}}"#;
        let bookmark = br#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9","annotations":{}}}}"#;
        let whole = [line.as_slice(), b"\n\n", bookmark, b"\r\n", br#"{"type":"#].concat();
        let expected = [Ok(Event::Change("7".to_owned())), Ok(Event::Bookmark("9".to_owned()))];
        for cut in 0..whole.len() {
            let (first, rest) = whole.split_at(cut);
            assert_eq!(all(&[first, rest]), expected, "{cut}");
        }
    }

    #[test]
    fn what_was_recorded_is_understood() {
        let record = |text: &str| -> String {
            let record: serde_json::Value = serde_json::from_str(text).unwrap();
            record["response"]["body"].as_str().unwrap().to_owned()
        };
        let seen = all(&[record(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/recordings/kubernetes/ready/watch-configmaps.json"
        )))
        .as_bytes()]);
        let change = |version: &str| Ok(Event::Change(version.to_owned()));
        let end = Ok(Event::Bookmark("1005".to_owned()));
        assert_eq!(seen, [change("1003"), change("1004"), change("1005"), end]);
        let seen = all(&[record(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/recordings/kubernetes/not-ready/expired-watch.json"
        )))
        .as_bytes()]);
        assert_eq!(seen, [Ok(Event::Error(410, "too old resource version: 867 (878)".to_owned()))]);
    }

    #[test]
    fn what_is_no_event_is_not_taken_for_one() {
        for text in [
            "<html>\n",
            "{}\n",
            "{\"type\":\"ADDED\",\"object\":{}}\n",
            "[]\n",
            "{\"type\":\"X\",\"object\":{\"metadata\":{\"resourceVersion\":\"1\"}}}\n",
        ] {
            assert_eq!(all(&[text.as_bytes()]), [Err(Unreadable::NotAnEvent(text.len() - 1))], "{text}");
        }
        let long = vec![b'x'; LONGEST + 1];
        assert_eq!(all(&[&long]).first(), Some(&Err(Unreadable::TooLong)));
        assert_eq!(all(&[&long[..LONGEST], b"xx\n"]).first(), Some(&Err(Unreadable::TooLong)));
    }
}
