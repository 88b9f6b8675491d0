//! Streams of changes, in the form in which a real server wrote them (`watch-configmaps`, `expired-watch`).
//! What changes is what a test changes: the lists before and after are compared, and what differs is told.
//! Nothing is kept of the past: who asks for a version from before the last change is told that it is too old.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::{Value, json};

use super::{State, has_fields, has_labels, status};
use crate::support::http_server::{Answer, Asked};

/// What happens on a stream.
#[derive(Clone)]
pub(crate) enum Piece {
    /// As it is, with its end of line.
    Text(String),
    /// It ends as it does after its time.
    End,
    /// The connection is closed in the middle.
    Break,
    /// Nothing more comes, whatever changes.
    Hang,
}

/// Somebody who listens.
#[derive(Clone)]
pub(super) struct Watcher {
    path: String,
    labels: String,
    fields: String,
    metadata_only: bool,
    send: Sender<Piece>,
}

type Seen = BTreeMap<(String, String), Value>;

impl State {
    /// The answer to `watch=1`.
    pub(super) fn watch(&mut self, asked: &Asked) -> Answer {
        let metadata_only = asked.header("accept").contains("PartialObjectMetadata");
        let of = |name: &str| asked.query(name).unwrap_or_default();
        if self.list(asked.path(), metadata_only).is_none() {
            return status(404, "NotFound", "the server could not find the requested resource");
        }
        let (send, receive) = channel();
        let plural = asked.path().rsplit('/').next().unwrap_or_default();
        let changed = self.changed_at.get(plural).copied().unwrap_or_default().max(self.floor);
        if of("resourceVersion").parse().is_ok_and(|version: u64| version >= changed) {
            let (path, labels, fields) = (asked.path().to_owned(), of("labelSelector"), of("fieldSelector"));
            self.watchers.push(Watcher { path, labels, fields, metadata_only, send });
        } else {
            let record = self.record_of("expired-watch");
            let text = record.response["body"].as_str().expect("lines").to_owned();
            let _ = send.send(Piece::Text(text)).and_then(|()| send.send(Piece::End));
        }
        let receive = Mutex::new(receive);
        Answer {
            by: Some(Arc::new(move |stream| stream_to(stream, &receive.lock().expect("one at a time")))),
            ..Answer::json(200, Value::Null)
        }
    }

    /// What each listener sees now.
    pub(super) fn sights(&self) -> Vec<Seen> {
        self.watchers.iter().map(|watcher| self.sight(watcher)).collect()
    }

    fn sight(&self, watcher: &Watcher) -> Seen {
        let items = self.list(&watcher.path, watcher.metadata_only).unwrap_or_default();
        let meant =
            items.into_iter().filter(|item| has_labels(item, &watcher.labels) && has_fields(item, &watcher.fields));
        let text = |item: &Value, key: &str| item["metadata"][key].as_str().unwrap_or_default().to_owned();
        meant.map(|item| ((text(&item, "namespace"), text(&item, "name")), item)).collect()
    }

    /// Tells every listener what is no longer as it was before.
    pub(super) fn tell(&mut self, before: &[Seen]) {
        let after = self.sights();
        for ((watcher, before), after) in self.watchers.iter().zip(before).zip(&after) {
            let gone = before.iter().filter(|(id, _)| !after.contains_key(*id)).map(|(_, item)| ("DELETED", item));
            let new = after.iter().filter_map(|(id, item)| match before.get(id) {
                None => Some(("ADDED", item)),
                Some(old) if old != item => Some(("MODIFIED", item)),
                Some(_) => None,
            });
            for (kind, item) in gone.chain(new) {
                self.version += 1;
                let mut object = item.clone();
                object["metadata"]["resourceVersion"] = json!(self.version.to_string());
                if watcher.metadata_only {
                    object = json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] });
                }
                let event = json!({ "type": kind, "object": object });
                let _ = watcher.send.send(Piece::Text(format!("{event}\n")));
            }
        }
    }

    /// To everybody who listens; who is no longer told anything is forgotten.
    pub(super) fn broadcast(&mut self, piece: &Piece) {
        self.watchers.retain(|watcher| watcher.send.send(piece.clone()).is_ok() && matches!(piece, Piece::Text(_)));
    }

    /// Time passes, and nothing else.
    pub(super) fn bookmark(&mut self) {
        self.version += 1;
        let version = self.version.to_string();
        let event = json!({ "type": "BOOKMARK", "object": { "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1", "metadata": { "resourceVersion": version } } });
        self.broadcast(&Piece::Text(format!("{event}\n")));
    }
}

fn stream_to(mut stream: &TcpStream, pieces: &Receiver<Piece>) -> std::io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: no-cache, private\r\ntransfer-encoding: chunked\r\n\r\n",
    )?;
    while let Ok(piece) = pieces.recv() {
        match piece {
            Piece::Text(text) => write!(stream, "{:x}\r\n{text}\r\n", text.len())?,
            Piece::End => return stream.write_all(b"0\r\n\r\n"),
            Piece::Break => break,
            Piece::Hang => {
                // Until the other side gives up.
                return std::io::copy(&mut stream, &mut std::io::sink()).map(drop);
            }
        }
    }
    Ok(())
}
