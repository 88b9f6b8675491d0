//! What containers wrote, as far as the engine kept it: those that run, and those that have ended.

use bollard::models::ContainerSummary;
use schemars::JsonSchema;
use serde::Deserialize;

use super::containers::{self, names};
use super::fault::Fault;
use super::parameters::Containers;
use super::session::Session;
use crate::model::Reason;
use crate::probe::kinds::logs::sample::{Line, Lines, Newest, stamped};
use crate::probe::{Findings, ProbeCx, ProbeError};

/// Which containers, by all that is given.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::probe::kinds) struct LogContainers {
    /// Their name; `*` stands for any text.
    name: Option<String>,
    /// Labels that they have, such as `app=web`, or `app` with whatever value.
    labels: Vec<String>,
    /// Their Compose project.
    project: Option<String>,
    /// Their service in it.
    service: Option<String>,
}

/// Containers of one leg.
const CONTAINERS: usize = 50;
/// Bytes before each part of what is written without a terminal.
const HEADER: usize = 8;
/// The stream in which the engine tells its own errors.
const ENGINE: u8 = 3;

impl LogContainers {
    pub(in crate::probe::kinds) fn check(&self, findings: &mut Findings) {
        if self.name.is_none() && self.labels.is_empty() && self.project.is_none() && self.service.is_none() {
            findings.error("containers", "say which, by `name`, `labels`, `project` or `service`");
        }
    }

    fn meant(&self) -> Containers {
        let (name, project, service) = (self.name.clone(), self.project.clone(), self.service.clone());
        Containers { name, labels: self.labels.clone(), project, service, ..Containers::default() }
    }
}

/// One source for each container, or for each value of the label `wanted.by`.
pub(in crate::probe::kinds) async fn read(
    cx: &ProbeCx,
    chosen: &LogContainers,
    wanted: &Newest<'_>,
) -> Result<Vec<Lines>, ProbeError> {
    let mut session = Session::open(cx).await?;
    let (all, meant) = (containers::all(&mut session).await?, chosen.meant());
    let meant: Vec<&ContainerSummary> =
        all.iter().filter(|container| containers::is_meant(&meant, container)).collect();
    if meant.len() > CONTAINERS {
        let text = format!("{} containers are meant, and the lines of {CONTAINERS} at most are read", meant.len());
        return Err(ProbeError::observer(Reason::TooLarge, text));
    }
    let mut read = Vec::new();
    for container in meant {
        let name = names(container).next().unwrap_or_default().to_owned();
        if let Some((lines, more)) = of(&mut session, container, &name, wanted).await? {
            let label = wanted.by.map(|by| container.labels.as_ref().and_then(|labels| labels.get(by)));
            let name = label.map_or(name, |value| value.cloned().unwrap_or_default());
            read.push(Lines { name, lines, more });
        }
    }
    if read.is_empty() {
        // What runs where is ours to know.
        let text = format!("expected containers whose lines can be read at {}, saw none that is meant", session.what());
        return Err(ProbeError::observer(Reason::Missing, text));
    }
    Ok(read)
}

/// `None` if it was removed meanwhile.
async fn of(
    session: &mut Session<'_>,
    container: &ContainerSummary,
    name: &str,
    wanted: &Newest<'_>,
) -> Result<Option<(Vec<Line>, bool)>, ProbeError> {
    let id = container.id.clone().unwrap_or_default();
    let asked = id.clone();
    let ask =
        session.call("GET /containers/{id}/json", |docker| async move { docker.inspect_container(&asked, None).await });
    let inspected = match ask.await {
        Ok(inspected) => inspected,
        Err(Fault::Absent) => return Ok(None),
        Err(Fault::Error(error)) => return Err(error),
    };
    let driver = inspected.host_config.and_then(|host| host.log_config).and_then(|log| log.typ).unwrap_or_default();
    let unreadable = || {
        let driver = crate::probe::line::line(&driver, 40);
        ProbeError::unconfigured(format!("the engine cannot read the lines of {name} back: its log driver is {driver}"))
    };
    if driver == "none" {
        return Err(unreadable());
    }
    // One more, to know whether there are more.
    let mut path = format!("/containers/{id}/logs?stdout=1&stderr=1&timestamps=1&tail={}", wanted.lines + 1);
    if let Some(since) = wanted.since_s {
        path.push_str(&format!("&since={}", session.cx().now().0 / 1000 - i64::from(since)));
    }
    let bytes = match session.bytes(&path, "GET /containers/{id}/logs").await {
        Ok(bytes) => bytes,
        Err(Fault::Absent) => return Ok(None),
        // Status 501, or 500 of older engines.
        Err(Fault::Error(error)) if error.detail.contains("does not support reading") => return Err(unreadable()),
        Err(Fault::Error(error)) => return Err(error),
    };
    let has_terminal = inspected.config.and_then(|config| config.tty).unwrap_or(false);
    // Nobody writes on what is there then.
    let ended = inspected.state.and_then(|state| state.running) == Some(false);
    let parts =
        if has_terminal { plain(&bytes, ended) } else { framed(&bytes, ended).map_err(|why| broken(name, why))? };
    let more = parts.count > wanted.lines;
    let mut lines = parts.lines;
    // The oldest may have begun before.
    let over = lines.len().saturating_sub(wanted.lines).max(usize::from(more)).min(lines.len());
    lines.drain(..over);
    Ok(Some((lines, more)))
}

fn broken(name: &str, why: &str) -> ProbeError {
    ProbeError::target(Reason::Protocol, format!("expected the lines of {name}, saw {why}"))
}

#[derive(Debug, Default)]
struct Parts {
    lines: Vec<Line>,
    /// What the engine counts as lines: a long one comes in several parts.
    count: usize,
}

/// With a terminal there is one stream, as it was written. What comes after the last line break is a line if
/// its container has ended; else it is still being written. The engine counts it in either case.
fn plain(bytes: &[u8], ended: bool) -> Parts {
    let text = String::from_utf8_lossy(bytes);
    let is_open = !text.is_empty() && !text.ends_with('\n') && !ended;
    let mut lines: Vec<Line> = text.lines().map(|line| stamped(line.trim_end_matches('\r'))).collect();
    let count = lines.len();
    lines.truncate(count.saturating_sub(usize::from(is_open)));
    Parts { lines: lines.into_iter().filter(|line| !line.text.trim().is_empty()).collect(), count }
}

/// Without one each part has a header: the stream, three zeros, and its length in four bytes. Long lines
/// come in parts, each with a time of its own before it; those of two streams may lie between each other.
fn framed(mut bytes: &[u8], ended: bool) -> Result<Parts, &'static str> {
    let mut parts = Parts::default();
    let mut begun: [Option<Line>; 3] = Default::default();
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_at_checked(HEADER).ok_or("a header that ends early")?;
        let &[stream, 0, 0, 0, a, b, c, d] = head else { return Err("a part without a header") };
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let (part, rest) = rest.split_at_checked(length).ok_or("a part that ends early")?;
        bytes = rest;
        if stream == ENGINE {
            return Err("that the engine met an error while it read them");
        }
        let open = begun.get_mut(usize::from(stream)).ok_or("a part of an unknown stream")?;
        parts.count += 1;
        let text = String::from_utf8_lossy(part);
        let new = stamped(text.strip_suffix('\n').unwrap_or(&text));
        let line = match open.take() {
            Some(mut line) => {
                line.text.push_str(&new.text);
                line
            }
            None => new,
        };
        // What comes after the last line break is still being written.
        if !text.ends_with('\n') {
            *open = Some(line);
        } else if !line.text.trim().is_empty() {
            parts.lines.push(line);
        }
    }
    if ended {
        parts.lines.extend(begun.into_iter().flatten().filter(|line| !line.text.trim().is_empty()));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-11-22T10:00:00.000000000Z";

    fn part(stream: u8, text: &str) -> Vec<u8> {
        let mut bytes = vec![stream, 0, 0, 0];
        bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend(text.bytes());
        bytes
    }

    fn texts(parts: &Parts) -> Vec<&str> {
        parts.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn long_lines_of_two_streams_are_put_together() {
        let bytes = [
            part(1, &format!("{AT} {{\"a\":")),
            part(2, &format!("{AT} error\n")),
            part(1, &format!("{AT} 1}}\n")),
            part(1, &format!("{AT} half")),
        ]
        .concat();
        let parts = framed(&bytes, false).unwrap();
        assert_eq!((texts(&parts), parts.count), (vec!["error", "{\"a\":1}"], 4));
        assert!(parts.lines.iter().all(|line| line.at_s.is_some()));
        let parts = framed(&bytes, true).unwrap();
        assert_eq!((texts(&parts), parts.count), (vec!["error", "{\"a\":1}", "half"], 4), "nobody ends it any more");
    }

    #[test]
    fn what_is_cut_or_no_frame_is_refused() {
        let whole = part(1, &format!("{AT} text\n"));
        for end in [3, 12] {
            assert!(framed(&whole[..end], false).is_err());
        }
        for wrong in [b"plain text, and more of it".to_vec(), part(7, "x\n"), part(3, "cannot read\n")] {
            assert!(framed(&wrong, false).is_err());
        }
        assert_eq!(framed(&[], false).unwrap().count, 0);
    }

    #[test]
    fn a_terminal_writes_as_it_comes() {
        let open = format!("{AT} one\r\n{AT} \r\n{AT} two\r\n{AT} panic: ");
        let parts = plain(open.as_bytes(), false);
        assert_eq!((texts(&parts), parts.count), (vec!["one", "two"], 4), "it is still being written");
        let parts = plain(open.as_bytes(), true);
        assert_eq!((texts(&parts), parts.count), (vec!["one", "two", "panic: "], 4), "it was the last");
        let parts = plain(format!("{AT} one\r\n").as_bytes(), false);
        assert_eq!((texts(&parts), parts.count), (vec!["one"], 1));
        assert_eq!(plain(b"", false).count, 0);
    }
}
