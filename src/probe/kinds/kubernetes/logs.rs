//! What the containers of pods wrote, as far as their nodes kept it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::client::Client;
use super::grants::of_logs;
use super::list::{self, Wanted};
use super::object::{age, at, each};
use super::project::Keep;
use super::resource;
use crate::model::{Reason, Span, Timestamp};
use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::logs::sample::{Line, Lines, Newest, stamped};
use crate::probe::{Findings, Grant, ProbeCx, ProbeError};

/// Which pods.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::probe::kinds) struct LogPods {
    namespace: String,
    /// By their labels, such as `app in (web, api)`; all of the namespace without it.
    selector: Option<String>,
    /// Only containers of this name. Without it all but those that only prepare the pod.
    container: Option<String>,
}

/// Containers of one leg.
const CONTAINERS: usize = 50;
/// Bytes of one container, and of all.
const MAX_BYTES: usize = 4 << 20;
const MAX_ALL: usize = 32 << 20;
/// No runtime writes a line that goes on in shorter parts.
const LEAST_PART: usize = 4 << 10;
/// Of pods that no other check has listed just now.
const MAX_AGE: Duration = Duration::from_secs(10);
const KEPT: [&str; 5] = [
    "metadata.name",
    "metadata.labels",
    "spec.containers.name",
    "status.containerStatuses.name",
    "status.containerStatuses.state.running.startedAt",
];

impl LogPods {
    pub(in crate::probe::kinds) fn check(&self, findings: &mut Findings) {
        if !resource::is_plain(&self.namespace) {
            findings.error("pods.namespace", "expected the name of a namespace");
        }
    }

    pub(in crate::probe::kinds) fn grants(&self) -> Vec<Grant> {
        of_logs(&self.namespace)
    }
}

/// One source for each container, or for each value of the label `wanted.by` of its pod.
pub(in crate::probe::kinds) async fn read(
    cx: &ProbeCx,
    chosen: &LogPods,
    wanted: &Newest<'_>,
) -> Result<Vec<Lines>, ProbeError> {
    let client = Client::of_target(cx).await?;
    let pods = Wanted {
        api_version: "v1",
        plural: "pods",
        namespace: Some(&chosen.namespace),
        name: None,
        labels: chosen.selector.as_deref(),
        fields: None,
        keep: Keep::of(KEPT).map_err(ProbeError::internal)?,
        metadata_only: false,
        max: CONTAINERS,
    };
    let listed = list::list(&client, &pods, MAX_AGE).await?;
    let containers: Vec<(&Value, &str)> = listed.items.iter().flat_map(|pod| containers(chosen, pod)).collect();
    if listed.cut || containers.len() > CONTAINERS {
        let text = format!("more than {CONTAINERS} containers of pods are meant, and no more are read");
        return Err(ProbeError::observer(Reason::TooLarge, text));
    }
    let (mut read, mut bytes) = (Vec::new(), 0);
    for (pod, container) in containers {
        let name = pod.at("metadata").at("name").as_str().unwrap_or_default();
        let Some(body) = lines(&client, &chosen.namespace, name, container, wanted).await? else { continue };
        bytes += body.len();
        if bytes > MAX_ALL {
            let text = format!("the lines of all pods are longer than {MAX_ALL} bytes; ask for fewer");
            return Err(ProbeError::observer(Reason::TooLarge, text));
        }
        let (lines, more) = newest(&body, wanted.lines);
        // A node gives the lines since its last rotation only, and does not say so.
        let more = more || wanted.since_s.is_some_and(|since| !is_younger(pod, container, since, client.cx.now()));
        let label = wanted.by.map(|by| pod.at("metadata").at("labels").at(by).as_str().unwrap_or_default());
        let name = label.map_or_else(|| format!("{name}/{container}"), str::to_owned);
        read.push(Lines { name, lines, more });
    }
    if read.is_empty() {
        let text = format!("expected pods in {} whose lines can be read, saw none that is meant", chosen.namespace);
        return Err(ProbeError::observer(Reason::Missing, text));
    }
    Ok(read)
}

fn containers<'p>(chosen: &LogPods, pod: &'p Value) -> Vec<(&'p Value, &'p str)> {
    let all = pod.at("spec").at("containers").as_array().into_iter().flatten();
    let names = all.filter_map(|container| container.at("name").as_str());
    names.filter(|name| chosen.container.as_deref().is_none_or(|only| only == *name)).map(|name| (pod, name)).collect()
}

/// Whether the container began to run within so many seconds: then nothing was written before.
fn is_younger(pod: &Value, container: &str, seconds: u32, now: Timestamp) -> bool {
    let status = each(pod, &["status", "containerStatuses"]).find(|status| status.at("name") == container);
    let began = status.map(|status| at(status, &["state", "running", "startedAt"]));
    began.and_then(|began| age(now, began)).is_some_and(|age| age <= Span::from_secs(seconds.into()))
}

/// `None` if the pod is gone meanwhile; empty if its container has never begun.
async fn lines(
    client: &Client<'_>,
    namespace: &str,
    pod: &str,
    container: &str,
    wanted: &Newest<'_>,
) -> Result<Option<String>, ProbeError> {
    if !resource::is_plain(pod) || !resource::is_plain(container) {
        return Err(ProbeError::target(Reason::Protocol, "expected names of pods and containers, saw others"));
    }
    let path = resource::path("v1", "pods", Some(namespace));
    // One more, to know whether there are more.
    let path = format!(
        "{path}/{pod}/log?container={container}&timestamps=true&tailLines={}&limitBytes={MAX_BYTES}",
        wanted.lines + 1
    );
    let reply = client.get(&path, "*/*").await?;
    if reply.lacks_object() {
        return Ok(None);
    }
    if reply.status == 400 && reply.message().contains("is waiting to start") {
        return Ok(Some(String::new()));
    }
    if !reply.is_ok() {
        return Err(reply.refusal());
    }
    // The node cuts off the newest.
    if reply.body.len() >= MAX_BYTES {
        let text = format!("the newest lines of {pod} are longer than {MAX_BYTES} bytes; ask for fewer");
        return Err(ProbeError::observer(Reason::TooLarge, text));
    }
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    // With status 200, as a line that nobody wrote.
    if text.starts_with("unable to retrieve container logs for ")
        || text.starts_with("failed to try resolving symlinks")
    {
        let text = format!("expected the lines of {pod}, saw that its node no longer has them");
        return Err(ProbeError::observer(Reason::NoData, text));
    }
    Ok(Some(text))
}

/// Whole lines, oldest first, and whether there may be older ones.
///
/// Runtimes write a long line in parts, of 16 KiB or 8 KiB. The node puts them together again, with one time
/// before the whole (since 1.26), but it counts each part as one of those that are asked for. So what looks
/// like fewer lines than there may be is not all, and the first of them may be the end of one.
fn newest(body: &str, wanted: usize) -> (Vec<Line>, bool) {
    let whole = body.rfind('\n').and_then(|end| body.get(..end)).unwrap_or_default();
    let mut lines: Vec<Line> = whole.lines().map(stamped).collect();
    let counted = lines.iter().fold(0_usize, |sum, line| sum.saturating_add(1 + line.text.len() / LEAST_PART));
    let more = counted > wanted;
    let over = lines.len().saturating_sub(wanted).max(usize::from(more)).min(lines.len());
    lines.drain(..over);
    lines.retain(|line| !line.text.trim().is_empty());
    (lines, more)
}

#[cfg(test)]
mod tests {
    use super::newest;

    const AT: &str = "2026-11-22T10:00:00.000000000Z";

    fn read(lines: &[&str], wanted: usize) -> (Vec<String>, bool) {
        let body: String = lines.iter().map(|line| format!("{AT} {line}\n")).collect();
        let (lines, more) = newest(&body, wanted);
        (lines.into_iter().map(|line| line.text).collect(), more)
    }

    #[test]
    fn the_newest_are_kept_and_what_is_being_written_is_none() {
        assert_eq!(read(&["one", "two"], 2), (vec!["one".to_owned(), "two".to_owned()], false));
        assert_eq!(read(&["one", "two", "three"], 2), (vec!["two".to_owned(), "three".to_owned()], true));
        assert_eq!(newest(&format!("{AT} one\n{AT} tw"), 5).0.len(), 1);
        assert!(newest("", 5).0.is_empty());
    }

    #[test]
    fn a_line_that_came_in_parts_is_one_line_and_was_counted_as_several() {
        // Three parts were asked for: two of a long line whose first is not among them, and one more.
        let long = "x".repeat(20_000);
        assert_eq!(read(&[&long, "two"], 2), (vec!["two".to_owned()], true));
        assert_eq!(read(&[&long, "two"], 50), (vec![long.clone(), "two".to_owned()], false), "all there is");
    }
}
