//! Hears of changed objects: a stream for each sort in each place, of metadata only, which is also sent
//! where only the status changes.
//!
//! The server ends each stream after a while. It is opened again from where it ended, and nothing is
//! missed; that is no change. Everything else that ends one ends the ear.

mod event;
mod sorts;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures_util::future::select_all;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::time::{Instant, sleep, timeout_at};

use self::event::{Event, Lines, Unreadable};
use self::sorts::Sort;
pub(super) use self::sorts::{is_worth_it, sorts};
use super::Kubernetes;
use super::client::Client;
use super::list::not_there;
use crate::model::Reason;
use crate::probe::kinds::http::api::Inside;
use crate::probe::line::line;
use crate::probe::net::http::Flow;
use crate::probe::{Changes, ProbeCx, ProbeError};

/// Streams that are opened at the same time.
const AT_ONCE: usize = 8;
const MESSAGE_LIMIT: usize = 200;
/// A stream that ends so many times as soon as it is open is not opened again at once.
const BRIEF_ENDS: u32 = 5;

/// How long things take; shorter in tests.
pub(super) struct Pace {
    /// After so many seconds the server ends a stream; less for some, so that they do not all end together.
    lasts_s: u32,
    /// A stream that has not ended so long after that is dead, without a word.
    grace: Duration,
    /// To open one again.
    arrive: Duration,
    /// One that ends sooner is brief,
    brief: Duration,
    /// and is opened again so much later.
    pause: Duration,
    /// Until it is asked again whether there is such a sort of object.
    absent: Duration,
}

pub(super) const USUAL: Pace = Pace {
    lasts_s: 290,
    grace: Duration::from_secs(30),
    arrive: Duration::from_secs(10),
    brief: Duration::from_secs(1),
    pause: Duration::from_secs(1),
    absent: Duration::from_secs(300),
};

struct Ear<'a> {
    cx: &'a ProbeCx,
    changes: &'a Changes,
    pace: &'a Pace,
    since: Instant,
}

/// One sort that is listened to.
struct Open<'a> {
    sort: &'a Sort,
    lasts_s: u32,
    /// What is known of it: nothing that came later has been missed.
    version: String,
    /// None while the cluster has no such objects.
    flow: Option<Flow>,
    lines: Lines,
    at: Instant,
}

/// Returns when it cannot hear any more.
pub(super) async fn listen(
    leg: &Kubernetes,
    cx: &ProbeCx,
    changes: &Changes,
    pace: &Pace,
) -> Result<std::convert::Infallible, ProbeError> {
    let ear = Ear { cx, changes, pace, since: Instant::now() };
    let sorts = sorts(leg);
    let opening: Vec<_> = sorts.iter().zip(0_u32..).map(|(sort, place)| ear.open(sort, place).boxed()).collect();
    let open: Vec<Open> = stream::iter(opening).buffer_unordered(AT_ONCE).try_collect().await?;
    if open.iter().all(|one| one.flow.is_none()) {
        return Err(ProbeError::observer(
            Reason::Missing,
            "the cluster has no objects of the sorts that are asked for",
        ));
    }
    changes.listening();
    let following = open.into_iter().map(|one| Box::pin(ear.follow(one)));
    select_all(following).await.0
}

impl Ear<'_> {
    async fn open<'s>(&self, sort: &'s Sort, place: u32) -> Result<Open<'s>, ProbeError> {
        let lasts_s = self.pace.lasts_s.saturating_sub(place % 16 * 5).max(1);
        let (version, flow) = match self.newest(sort, lasts_s, self.cx).await? {
            Some((version, flow)) => (version, Some(flow)),
            None => (String::new(), None),
        };
        Ok(Open { sort, lasts_s, version, flow, lines: Lines::default(), at: Instant::now() })
    }

    /// A stream of what changes from now on; `None` if the cluster has no such objects.
    async fn newest(&self, sort: &Sort, lasts_s: u32, cx: &ProbeCx) -> Result<Option<(String, Flow)>, ProbeError> {
        let client = Client::of_target(cx).await?;
        let (path, accept) = sort.newest()?;
        let reply = client.get(&path, &accept).await?;
        if let Some(absent) = not_there(&client, &sort.api_version, &sort.plural, &reply).await? {
            return absent.map(|()| None);
        }
        let list = reply.into_json()?;
        let version = list.at("metadata").at("resourceVersion").as_str().map(str::to_owned);
        let version = version.filter(|version| !version.is_empty()).ok_or_else(|| {
            let text = format!("expected a list of {} with its version, saw JSON without one", sort.shown());
            ProbeError::target(Reason::Protocol, text)
        })?;
        let (path, accept) = sort.changes(&version, lasts_s)?;
        let flow = client.flow(&path, &accept).await?;
        Ok(Some((version, flow)))
    }

    /// Login, names and certificates are read anew for this.
    fn anew(&self) -> ProbeCx {
        self.cx.later(self.since.elapsed(), Instant::now() + self.pace.arrive)
    }

    /// Ends only with an error.
    async fn follow(&self, mut open: Open<'_>) -> Result<std::convert::Infallible, ProbeError> {
        let mut brief = 0;
        loop {
            let Some(flow) = open.flow.take() else {
                self.found(&mut open).await?;
                continue;
            };
            self.read(&mut open, flow).await?;
            // As it should be, after so many seconds.
            brief = if open.at.elapsed() < self.pace.brief { brief + 1 } else { 0 };
            if brief > BRIEF_ENDS {
                let text = format!("the watch of {} ends as soon as it is open", open.sort.shown());
                return Err(ProbeError::target(Reason::Protocol, text));
            }
            if brief > 0 {
                sleep(self.pace.pause).await;
            }
            let cx = self.anew();
            let (path, accept) = open.sort.changes(&open.version, open.lasts_s)?;
            open.flow = Some(Client::of_target(&cx).await?.flow(&path, &accept).await?);
            (open.at, open.lines) = (Instant::now(), Lines::default());
        }
    }

    /// Waits until the cluster has such objects, which is a change.
    async fn found(&self, open: &mut Open<'_>) -> Result<(), ProbeError> {
        sleep(self.pace.absent).await;
        if let Some((version, flow)) = self.newest(open.sort, open.lasts_s, &self.anew()).await? {
            (open.version, open.flow, open.at) = (version, Some(flow), Instant::now());
            self.changes.change();
        }
        Ok(())
    }

    /// Reads to the end of the stream.
    async fn read(&self, open: &mut Open<'_>, mut flow: Flow) -> Result<(), ProbeError> {
        let until = open.at + Duration::from_secs(open.lasts_s.into()) + self.pace.grace;
        loop {
            let Ok(next) = timeout_at(until, flow.next()).await else {
                let text = format!("{} did not end the watch of {} in time", flow.what(), open.sort.shown());
                return Err(ProbeError::target(Reason::Timeout, text));
            };
            let Some(bytes) = next else { return Ok(()) };
            open.lines.add(&bytes?);
            while let Some(event) = open.lines.next() {
                match event.map_err(|why| unreadable(&why, &flow, open.sort))? {
                    Event::Bookmark(version) => open.version = version,
                    Event::Change(version) => {
                        open.version = version;
                        self.changes.change();
                    }
                    Event::Error(code, message) => return Err(refused(code, &message, open.sort)),
                }
            }
        }
    }
}

fn unreadable(why: &Unreadable, flow: &Flow, sort: &Sort) -> ProbeError {
    let (what, sort) = (flow.what(), sort.shown());
    match why {
        Unreadable::TooLong => ProbeError::target(
            Reason::TooLarge,
            format!("{what} sent an event about {sort} that is too long to be read"),
        ),
        Unreadable::NotAnEvent(bytes) => {
            let text = format!("expected an event about {sort} from {what}, saw {bytes} bytes that are none");
            ProbeError::target(Reason::Protocol, text)
        }
    }
}

/// How the server ends a watch that it let begin.
fn refused(code: u16, message: &str, sort: &Sort) -> ProbeError {
    let said = line(message, MESSAGE_LIMIT);
    let text = format!("the server ended the watch of {} with {code} ({said})", sort.shown());
    match code {
        401 => ProbeError::observer(Reason::AuthRejected, text),
        403 => ProbeError::observer(Reason::PermissionDenied, text),
        // The version is too old: what happened since is not known.
        410 => ProbeError::observer(Reason::Status, text),
        _ => ProbeError::target(Reason::Status, text),
    }
}
