//! The exposition as bytes.

use bytes::Bytes;
use prometheus::Encoder;

use crate::snapshot::Snapshot;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    #[default]
    Full,
    Compact,
    Summary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    OpenMetrics,
}

impl Format {
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The format that serves `Accept` best.
pub fn negotiate(accept: Option<&str>) -> Format {
    match accept {
        Some(accept) if accept.contains("application/openmetrics-text") => Format::OpenMetrics,
        _ => Format::Text,
    }
}

/// All items, then `extra`.
pub fn encode(
    snapshot: &Snapshot,
    extra: &[prometheus::proto::MetricFamily],
    format: Format,
    detail: Detail,
) -> Vec<Bytes> {
    let _ = detail;
    let mut frames: Vec<Bytes> =
        snapshot.items.iter().map(|view| Bytes::copy_from_slice(&view.fragment.text)).collect();
    let mut own = Vec::new();
    if prometheus::TextEncoder::new().encode(extra, &mut own).is_ok() {
        frames.push(own.into());
    }
    if format == Format::OpenMetrics {
        frames.push(Bytes::from_static(b"# EOF\n"));
    }
    frames
}
