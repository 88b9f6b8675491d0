//! Hears of changed objects: one stream for each list, of metadata only, which is also sent where only the
//! status changes. Whoever looks at the same list shares it.
//!
//! The server ends each stream after a while. It is opened again from where it ended, and nothing is
//! missed; that is no change. Everything else that ends it ends the ear.

mod event;
mod sorts;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use self::event::{Event, Lines, Unreadable};
pub(super) use self::sorts::{Sort, is_worth_it, sorts};
use super::client::Client;
use super::list::not_there;
use crate::model::Reason;
use crate::probe::kinds::http::api::Inside;
use crate::probe::line::line;
use crate::probe::net::http::Flow;
use crate::probe::{Changes, ProbeCx, ProbeError};

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
    sort: &'a Sort,
    cx: &'a ProbeCx,
    changes: &'a Changes,
    pace: &'a Pace,
    since: Instant,
    lasts_s: u32,
}

/// A stream that is open.
struct Open {
    /// What is known of the list: nothing that came later has been missed.
    version: String,
    flow: Flow,
    at: Instant,
}

/// Returns when it cannot hear any more.
pub(super) async fn listen(
    sort: &Sort,
    cx: &ProbeCx,
    changes: &Changes,
    pace: &Pace,
) -> Result<std::convert::Infallible, ProbeError> {
    // Streams that were opened together must not all end together.
    let place = sort.ear().bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let lasts_s = pace.lasts_s.saturating_sub(place % 16 * 5).max(1);
    let ear = Ear { sort, cx, changes, pace, since: Instant::now(), lasts_s };
    let first = ear.newest(cx).await?;
    let is_new = first.is_none();
    let open = match first {
        Some(open) => open,
        None => ear.found().await?,
    };
    changes.listening();
    if is_new {
        changes.change();
    }
    ear.follow(open).await
}

impl Ear<'_> {
    /// A stream of what changes from now on; `None` if the cluster has no such objects.
    async fn newest(&self, cx: &ProbeCx) -> Result<Option<Open>, ProbeError> {
        let (sort, client) = (self.sort, Client::of_target(cx).await?);
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
        let (path, accept) = sort.changes(&version, self.lasts_s)?;
        let flow = client.flow(&path, &accept).await?;
        Ok(Some(Open { version, flow, at: Instant::now() }))
    }

    /// Login, names and certificates are read anew for this.
    fn anew(&self) -> ProbeCx {
        self.cx.later(self.since.elapsed(), Instant::now() + self.pace.arrive)
    }

    /// Waits until the cluster has such objects.
    async fn found(&self) -> Result<Open, ProbeError> {
        loop {
            sleep(self.pace.absent).await;
            if let Some(open) = self.newest(&self.anew()).await? {
                return Ok(open);
            }
        }
    }

    /// Ends only with an error.
    async fn follow(&self, mut open: Open) -> Result<std::convert::Infallible, ProbeError> {
        let mut brief = 0;
        loop {
            self.read(&mut open).await?;
            // As it should be, after so many seconds.
            brief = if open.at.elapsed() < self.pace.brief { brief + 1 } else { 0 };
            if brief > BRIEF_ENDS {
                let text = format!("the watch of {} ends as soon as it is open", self.sort.shown());
                return Err(ProbeError::target(Reason::Protocol, text));
            }
            if brief > 0 {
                sleep(self.pace.pause).await;
            }
            let cx = self.anew();
            let (path, accept) = self.sort.changes(&open.version, self.lasts_s)?;
            let flow = Client::of_target(&cx).await?.flow(&path, &accept).await?;
            open = Open { version: open.version, flow, at: Instant::now() };
        }
    }

    /// Reads to the end of the stream.
    async fn read(&self, open: &mut Open) -> Result<(), ProbeError> {
        let until = open.at + Duration::from_secs(self.lasts_s.into()) + self.pace.grace;
        let mut lines = Lines::default();
        loop {
            let Ok(next) = timeout_at(until, open.flow.next()).await else {
                let text = format!("{} did not end the watch of {} in time", open.flow.what(), self.sort.shown());
                return Err(ProbeError::target(Reason::Timeout, text));
            };
            let Some(bytes) = next else { return Ok(()) };
            lines.add(&bytes?);
            while let Some(event) = lines.next() {
                match event.map_err(|why| unreadable(&why, &open.flow, self.sort))? {
                    Event::Bookmark(version) => open.version = version,
                    Event::Change(version) => {
                        open.version = version;
                        self.changes.change();
                    }
                    Event::Error(code, message) => return Err(refused(code, &message, self.sort)),
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
