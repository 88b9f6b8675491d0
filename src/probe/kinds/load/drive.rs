//! Sending requests at the instants they are due. All of it is one future: whoever drops it ends every
//! request and connection at once.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::HeaderMap;
use tokio::time::{Instant, sleep_until};
use url::Url;

use super::Load;
use super::facts::{Facts, Tally};
use crate::probe::kinds::http::request::Sending;
use crate::probe::kinds::http::shown;
use crate::probe::net::Clients;
use crate::probe::net::http::{Call, Seat};
use crate::probe::net::tls::TlsProfile;
use crate::probe::{ProbeCx, ProbeError};

/// Endings before which a share of errors ends nothing.
pub(super) const MIN_ENDED: u64 = 10;

/// What all requests of a run have in common.
struct Shot<'a> {
    url: &'a Url,
    sending: Sending,
    tls: TlsProfile,
    server_name: Option<&'a str>,
    max_body: usize,
    timeout: Duration,
    /// Its own, so that no connection of another check is used and none is left over.
    clients: Clients,
}

/// One request that ended.
struct Ended {
    seat: Seat,
    due: Instant,
    /// What the exporter itself lost before it was sent.
    own: Duration,
    at: Instant,
    status: Result<(u16, HeaderMap), ProbeError>,
}

impl Load {
    pub(super) async fn drive(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        if let Some(leg) = &self.websocket {
            return self.hold(cx, leg).await;
        }
        let url = self.allowed_url(cx)?;
        let length = Duration::from_secs(self.duration_s.into());
        let pause = Duration::from_secs(self.then_after_s.into());
        let after = if pause.is_zero() { Duration::ZERO } else { pause + self.request_timeout() };
        let needed = length + self.request_timeout() + after;
        if needed > cx.remaining() + Duration::from_millis(100) {
            let text = format!("the run takes up to {} s, which is more than its timeout", needed.as_secs());
            return Err(ProbeError::unconfigured(text));
        }
        let http = self.as_http();
        let shot = Shot {
            url: &url,
            sending: http.sending(cx).await?,
            tls: http.profile(cx),
            server_name: http.server_name(cx),
            max_body: usize::try_from(self.max_body).unwrap_or(usize::MAX),
            timeout: self.request_timeout(),
            clients: Clients::new(),
        };
        let mut facts = self.run(cx, &shot, length).await?;
        if !pause.is_zero() && !facts.aborted {
            tokio::time::sleep(pause).await;
            facts.after = shot
                .fire(cx, Seat::default(), Instant::now(), Duration::ZERO)
                .await
                .status
                .ok()
                .map(|(status, _)| status);
        }
        facts.url = shown(&url);
        Ok(facts)
    }

    async fn run(&self, cx: &ProbeCx, shot: &Shot<'_>, length: Duration) -> Result<Facts, ProbeError> {
        let begun = Instant::now();
        let end = begun + length;
        let total = self.planned();
        let mut tally = Tally::new(Facts { requested: total, ..Facts::default() })?;
        let mut seats: Vec<Seat> = (0..self.connections).map(|_| Seat::default()).collect();
        let mut flying = FuturesUnordered::new();
        let (mut next, mut last) = (0_u64, begun);
        // When a connection came back while none was free.
        let mut starved_until = begun;
        loop {
            let more = next < total && !tally.facts.aborted && Instant::now() < end;
            if !more && flying.is_empty() {
                break;
            }
            let due =
                if self.rate > 0.0 { begun + Duration::from_secs_f64(next as f64 / self.rate) } else { Instant::now() };
            if more
                && Instant::now() >= due
                && let Some(seat) = seats.pop()
            {
                if due.elapsed().as_secs_f64() > self.late_s {
                    // What had a free connection all the time was held up by the exporter itself.
                    let held_up = starved_until <= due;
                    *(if held_up { &mut tally.facts.late } else { &mut tally.facts.queued }) += 1;
                }
                let own = due.max(starved_until).elapsed();
                flying.push(shot.fire(cx, seat, due, own));
                next += 1;
                tally.facts.in_flight = tally.facts.in_flight.max(flying.len() as u64);
                continue;
            }
            let wake = if seats.is_empty() { end } else { due.min(end) };
            tokio::select! {
                () = sleep_until(wake), if more => {}
                Some(ended) = flying.next(), if !flying.is_empty() => {
                    last = ended.at;
                    if seats.is_empty() {
                        starved_until = ended.at;
                    }
                    self.count(ended, &mut tally, &mut seats);
                }
            }
        }
        if self.rate > 0.0 {
            tally.facts.unsent = total.saturating_sub(next);
        } else {
            tally.facts.requested = next;
        }
        Ok(tally.end(last.duration_since(begun)))
    }

    /// How many requests are due, at most.
    fn planned(&self) -> u64 {
        let most = u64::from(self.max_requests);
        if self.rate > 0.0 { ((self.rate * f64::from(self.duration_s)).ceil() as u64).min(most) } else { most }
    }

    fn count(&self, ended: Ended, tally: &mut Tally, seats: &mut Vec<Seat>) {
        let Ended { seat, due, own, at, status } = ended;
        seats.push(seat);
        match status {
            Ok((status, headers)) => {
                tally.answered((status, &headers), self.is_expected(status), at.duration_since(due), own);
            }
            Err(error) => tally.failed(error),
        }
        let (bad, all) = tally.bad_of();
        if all >= MIN_ENDED && bad as f64 > self.abort_above * all as f64 {
            tally.facts.aborted = true;
        }
    }
}

impl Shot<'_> {
    async fn fire(&self, cx: &ProbeCx, mut seat: Seat, due: Instant, own: Duration) -> Ended {
        let cx = cx.anew((Instant::now() + self.timeout).min(cx.deadline()));
        let call = Call {
            url: self.url,
            method: self.sending.method.clone(),
            headers: self.sending.headers.clone(),
            body: self.sending.body.clone(),
            max_body: self.max_body,
            reuse: true,
            tls: &self.tls,
            server_name: self.server_name,
        };
        let answer = self.clients.call_from(&cx, &call, &mut seat).await;
        let status = answer.map(|answer| (answer.status.as_u16(), answer.headers));
        Ended { seat, due, own, at: Instant::now(), status }
    }
}
