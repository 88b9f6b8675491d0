//! What is said about connections that are held, and what was seen of them.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facts::Latency;
use crate::probe::{Findings, ProbeError};

/// Connections of WebSocket that are opened one after the other, and then held all at the same time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sockets {
    /// How many are held at the same time; 1 to 20000. Each takes a file of the exporter, whose limit of open
    /// files must be larger than this by 512 (`LimitNOFILE`, `ulimit -n`): otherwise none is opened.
    pub(super) connections: u32,
    /// How many are opened a second, at even distances; at most 1000.
    pub(super) rate: f64,
    /// How long they are held after the last was due, in seconds; 1 to 3600.
    pub(super) hold_s: u32,
    /// Each must receive something, at least once in so many seconds; 1 to 600.
    pub(super) heartbeat_s: u32,
    /// Each is sent a ping twice in that time, so that its pong is something.
    pub(super) ping: bool,
    /// This text is sent besides; it must come back as it is, and its time counts instead of that of the pong.
    pub(super) echo: Option<String>,
    /// Bytes of one message, beyond which a connection counts as dropped.
    pub(super) max_message: u32,
    /// Share of the connections that must be established.
    pub(super) min_established: f64,
    /// Share of those that may be lost while they are held.
    pub(super) max_dropped: f64,
    /// 95th percentile of the time until a connection was upgraded, in seconds from when it was due.
    pub(super) max_connect_p95_s: Option<f64>,
    /// 95th percentile from a ping to its pong, or from a text to its echo, in seconds.
    pub(super) max_round_trip_p95_s: Option<f64>,
    /// A gauge of the server that counts its connections, by its name. It must grow by as many as are held.
    pub(super) gauge: Option<String>,
    /// The page of metrics that has it.
    pub(super) gauge_url: Option<String>,
    /// How far the gauge may be off, as a share of `connections`.
    pub(super) gauge_within: f64,
}

impl Default for Sockets {
    fn default() -> Self {
        Self {
            connections: 100,
            rate: 50.0,
            hold_s: 60,
            heartbeat_s: 30,
            ping: true,
            echo: None,
            max_message: 16 << 10,
            min_established: 0.999,
            max_dropped: 0.001,
            max_connect_p95_s: None,
            max_round_trip_p95_s: None,
            gauge: None,
            gauge_url: None,
            gauge_within: 0.01,
        }
    }
}

/// What was seen of connections that were held.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Held {
    /// Connections that were due.
    pub(super) wanted: u64,
    /// Those that were tried.
    pub(super) tried: u64,
    pub(super) established: u64,
    /// Those that were not established, by reason.
    pub(super) failed: BTreeMap<String, u64>,
    /// Those that were lost while they were held, by reason.
    pub(super) dropped: BTreeMap<String, u64>,
    /// What the first of these met.
    pub(super) first_error: Option<String>,
    /// Tried later than `late_s` after they were due: the exporter was too slow.
    pub(super) late: u64,
    /// The most that were held at the same instant.
    pub(super) peak: u64,
    /// True if too many failures ended the run.
    pub(super) aborted: bool,
    /// Until each was upgraded, from when it was due; null if none was.
    pub(super) connect: Option<Latency>,
    /// From a ping to its pong, or from a text to its echo; null if none came.
    pub(super) round_trip: Option<Latency>,
    /// Messages, pings and pongs that came.
    pub(super) frames: u64,
    /// Connections that the server closed as it was asked to, at the end.
    pub(super) closed: u64,
    /// The gauge before the first, and in the middle of the time they were held; null if it is not there.
    pub(super) gauge_before: Option<f64>,
    pub(super) gauge: Option<f64>,
    /// Length of the run.
    pub(super) seconds: f64,
}

impl Held {
    /// How many failed, and how many were lost.
    pub(super) fn bad(&self) -> (u64, u64) {
        (self.failed.values().sum(), self.dropped.values().sum())
    }
}

/// Files that the exporter needs besides the connections.
const OTHER_FILES: u64 = 512;
const TEXT: usize = 1024;

impl Sockets {
    pub(super) fn check(&self, findings: &mut Findings) {
        for (field, value, most) in [
            ("websocket.connections", self.connections, 20_000),
            ("websocket.hold_s", self.hold_s, 3600),
            ("websocket.heartbeat_s", self.heartbeat_s, 600),
            ("websocket.max_message", self.max_message, 1 << 20),
        ] {
            if value == 0 || value > most {
                findings.error(field, format!("expected 1 to {most}"));
            }
        }
        if !(self.rate > 0.0 && self.rate <= 1000.0) {
            findings.error("websocket.rate", "expected more than 0 and at most 1000 connections a second");
        }
        for (field, share) in [
            ("websocket.min_established", self.min_established),
            ("websocket.max_dropped", self.max_dropped),
            ("websocket.gauge_within", self.gauge_within),
        ] {
            if !(0.0..=1.0).contains(&share) {
                findings.error(field, "expected a share from 0 to 1");
            }
        }
        if (1..=self.heartbeat_s).contains(&self.hold_s) {
            let text = "connections are not held long enough for a silence of `heartbeat_s` to be seen";
            findings.error("websocket.hold_s", text);
        }
        if self.gauge.is_some() != self.gauge_url.is_some() {
            findings.error("websocket.gauge", "`gauge` and `gauge_url` belong together");
        }
        if self.echo.as_ref().is_some_and(|text| text.is_empty() || text.len() > TEXT) {
            findings.error("websocket.echo", format!("expected 1 to {TEXT} bytes"));
        }
    }

    /// When the last is due, from the first.
    pub(super) fn ramp(&self) -> Duration {
        self.due(u64::from(self.connections))
    }

    pub(super) fn due(&self, number: u64) -> Duration {
        Duration::try_from_secs_f64(number as f64 / self.rate).unwrap_or(Duration::MAX)
    }

    pub(super) fn heartbeat(&self) -> Duration {
        Duration::from_secs(self.heartbeat_s.into())
    }

    /// Nothing is opened where not all could be.
    pub(super) fn check_files(&self) -> Result<(), ProbeError> {
        let needed = u64::from(self.connections) + OTHER_FILES;
        match rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
            Some(limit) if limit < needed => Err(ProbeError::unconfigured(format!(
                "{} connections need a limit of {needed} open files, and that of the exporter is {limit}: raise \
                 LimitNOFILE of its unit, or `ulimit -n` before it starts",
                self.connections
            ))),
            _ => Ok(()),
        }
    }
}

/// The sum of all samples of a gauge on a page of metrics; `None` if it has none.
pub(super) fn gauge(page: &str, name: &str) -> Option<f64> {
    let value = |line: &str| {
        let rest = line.strip_prefix(name)?;
        let rest = match rest.strip_prefix('{') {
            Some(labels) => labels.rsplit_once('}')?.1,
            None => rest.strip_prefix([' ', '\t'])?,
        };
        rest.split_ascii_whitespace().next()?.parse::<f64>().ok().filter(|value| value.is_finite())
    };
    page.lines().filter_map(value).fold(None, |sum, value| Some(sum.unwrap_or_default() + value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_is_the_sum_of_its_samples() {
        let page = "# TYPE ws gauge\nws{pod=\"a}\"} 3\nws{pod=\"b\"} 4 1700000000\nws_total 9\nws 1e1\n";
        assert_eq!((gauge(page, "ws"), gauge(page, "wss"), gauge("", "ws")), (Some(17.0), None, None));
    }

    #[test]
    fn files_are_counted_before_anything_is_opened() {
        let few = Sockets { connections: 1, ..Sockets::default() };
        assert!(few.check_files().is_ok());
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
        if let Ok(connections) = u32::try_from(limit) {
            let error = Sockets { connections, ..Sockets::default() }.check_files().unwrap_err();
            assert!(error.detail.contains("LimitNOFILE"), "{}", error.detail);
        }
    }
}
