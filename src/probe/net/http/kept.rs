//! Connections kept for `connection: reuse`, at most one idle per peer and TLS profile.
//!
//! Nobody polls an idle connection; whether it still lives shows on the next request, which is
//! sent again over a fresh one if not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::channel::Channel;
use crate::probe::net::tls::{Certificate, TlsProfile};

const MAX_IDLE: Duration = Duration::from_secs(90);
/// So that a changed certificate or address is noticed also where connections are kept.
const MAX_AGE: Duration = Duration::from_secs(600);
const MAX_KEPT: usize = 1024;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) host: String,
    pub(super) port: u16,
    /// Absent for plain HTTP.
    pub(super) tls: Option<(TlsProfile, String)>,
}

/// A connection and what is known of it.
pub(super) struct Line {
    pub(super) opened: Instant,
    pub(super) channel: Channel,
    pub(super) tls: Option<Arc<TlsSeen>>,
}

/// What the handshake of a connection showed.
#[derive(Debug)]
pub(crate) struct TlsSeen {
    pub(crate) version: &'static str,
    pub(crate) certificate: Option<Certificate>,
}

#[derive(Default)]
pub(crate) struct Kept(Mutex<HashMap<Key, (Instant, Line)>>);

impl Kept {
    pub(super) fn take(&self, key: &Key) -> Option<Line> {
        let (since, line) = self.lock().remove(key)?;
        (since.elapsed() < MAX_IDLE && line.opened.elapsed() < MAX_AGE).then_some(line)
    }

    pub(super) fn put(&self, key: Key, line: Line) {
        let mut kept = self.lock();
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, (since, _)| since.elapsed() < MAX_IDLE);
        }
        if kept.len() < MAX_KEPT {
            kept.insert(key, (Instant::now(), line));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, (Instant, Line)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
