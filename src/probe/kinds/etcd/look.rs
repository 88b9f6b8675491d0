//! One look: every endpoint, then the questions that any of them can answer.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::endpoint::{Place, places};
use super::facts::{Endpoint, Facts, Status};
use super::fault::{Fault, Said};
use super::session::{Login, Session};
use super::{Etcd, Refusal, Rpc, ask};
use crate::probe::{Blame, ProbeCx, ProbeError};

/// An election takes about as long; after it the question is put once more.
const ELECTION: Duration = Duration::from_millis(1500);

pub(super) async fn look(leg: &Etcd, cx: &ProbeCx) -> Result<Facts, ProbeError> {
    let places = places(leg, cx)?;
    let login = Login::of(leg, cx).await?;
    let looking = Looking { leg, cx, login };
    if !leg.expect_error.is_empty() {
        looking.refusals(&places).await
    } else if leg.asks(Rpc::Status) {
        looking.all(&places).await
    } else {
        looking.any(&places).await
    }
}

struct Looking<'a> {
    leg: &'a Etcd,
    cx: &'a ProbeCx,
    login: Option<Login>,
}

/// What became of one endpoint whose status was asked for.
struct Looked {
    what: String,
    outcome: Result<(Session, Status), Fault>,
}

impl Looking<'_> {
    /// Asks every endpoint, each on its own, for what it must refuse.
    async fn refusals(&self, places: &[Place]) -> Result<Facts, ProbeError> {
        let outcomes = join_all(places.iter().map(|place| self.read_at(place))).await;
        let mut facts = Facts { asked: what(places.first()), ..Facts::default() };
        for (place, outcome) in places.iter().zip(outcomes) {
            let mut endpoint = Endpoint { endpoint: what(Some(place)), ..Endpoint::default() };
            match outcome {
                Ok(read) => {
                    endpoint.reachable = true;
                    facts.key_count = read.key_count;
                }
                Err(fault) => {
                    endpoint.refused = fault.refusal();
                    endpoint.reachable = endpoint.refused.is_some();
                    endpoint.fault(&fault.error);
                }
            }
            facts.reachable += u32::from(endpoint.reachable);
            facts.endpoints.push(endpoint);
        }
        Ok(facts)
    }

    async fn read_at(&self, place: &Place) -> Result<Facts, Fault> {
        let until = self.cx.deadline();
        let mut session = Session::open(self.leg, self.cx, place, until).await?;
        if let Some(login) = &self.login {
            session.log_in(login, until).await?;
        }
        let mut facts = Facts::default();
        ask::read(&mut session, self.leg, &mut facts, until).await?;
        Ok(facts)
    }

    /// The status of every endpoint at once, and the rest of one that knows the leader.
    async fn all(&self, places: &[Place]) -> Result<Facts, ProbeError> {
        // One that hangs must not eat the time of the questions that follow.
        let until = Instant::now() + self.cx.remaining() / 2;
        let mut looked = join_all(places.iter().map(|place| self.status_at(place, until))).await;
        let mut facts = Facts { looks: 1, ..Facts::default() };
        summarize(&looked, &mut facts);
        if facts.reachable > 0 && facts.leader.is_empty() {
            self.cx.note("leader", "none that all endpoints know; asking again");
            sleep(ELECTION.min(self.cx.remaining() / 4)).await;
            let until = Instant::now() + self.cx.remaining() / 2;
            join_all(looked.iter_mut().map(|looked| looked.again(until))).await;
            facts.looks = 2;
            summarize(&looked, &mut facts);
        }
        let sessions = looked.into_iter().map(|looked| (looked.what, looked.outcome));
        let mut errors = Vec::new();
        for (what, outcome) in sessions {
            match outcome {
                Ok((session, status)) if !status.leader.is_empty() => {
                    facts.asked = what;
                    // Without a leader nothing below can be answered, and it takes long to say so.
                    return match self.rest(session, &mut facts, self.cx.deadline()).await {
                        // That an endpoint is missing is likely why.
                        Err(fault) if fault.error.blame == Blame::Target && facts.is_missing_endpoints() => {
                            facts.unanswered = Some(fault.error.detail);
                            Ok(facts)
                        }
                        outcome => outcome.map(|()| facts).map_err(|fault| fault.error),
                    };
                }
                Ok(_) => {}
                Err(fault) => errors.push(fault.error),
            }
        }
        if facts.reachable == 0 { Err(none_of(&errors)) } else { Ok(facts) }
    }

    async fn status_at(&self, place: &Place, until: Instant) -> Looked {
        let outcome = async {
            let mut session = Session::open(self.leg, self.cx, place, until).await?;
            let status = match (ask::status(&mut session, until).await, &self.login) {
                // Older versions tell everybody.
                (Err(fault), Some(login)) if fault.refusal() == Some(Refusal::NoUser) => {
                    session.log_in(login, until).await?;
                    ask::status(&mut session, until).await?
                }
                (outcome, _) => outcome?,
            };
            Ok((session, status))
        };
        Looked { what: what(Some(place)), outcome: outcome.await }
    }

    /// The first endpoint that answers, one after the other.
    async fn any(&self, places: &[Place]) -> Result<Facts, ProbeError> {
        let mut tried = Vec::new();
        let mut errors = Vec::new();
        for (done, place) in places.iter().enumerate() {
            let left = u32::try_from(places.len() - done).unwrap_or(u32::MAX);
            let until = Instant::now() + self.cx.remaining() / left;
            let mut facts = Facts { asked: what(Some(place)), ..Facts::default() };
            let outcome = async {
                let session = Session::open(self.leg, self.cx, place, until).await?;
                self.rest(session, &mut facts, until).await
            };
            let mut endpoint = Endpoint { endpoint: what(Some(place)), ..Endpoint::default() };
            match outcome.await {
                Ok(()) => {
                    endpoint.reachable = true;
                    tried.push(endpoint);
                    return Ok(Facts { endpoints: tried, reachable: 1, ..facts });
                }
                // Another endpoint would say the same.
                Err(fault) if fault.refusal().is_some() || fault.error.blame == Blame::Observer => {
                    return Err(fault.error);
                }
                Err(fault) => {
                    self.cx.note("endpoint", &fault.error.detail);
                    endpoint.fault(&fault.error);
                    tried.push(endpoint);
                    errors.push(fault.error);
                }
            }
        }
        Err(none_of(&errors))
    }

    /// All questions but the status; those that an election kept from being answered once more.
    async fn rest(&self, mut session: Session, facts: &mut Facts, until: Instant) -> Result<(), Fault> {
        match self.questions(&mut session, facts, until).await {
            Err(fault) if fault.said == Some(Said::Unsettled) && Instant::now() + ELECTION < until => {
                self.cx.note("again", &fault.error.detail);
                sleep(ELECTION).await;
                self.questions(&mut session, facts, until).await
            }
            outcome => outcome,
        }
    }

    async fn questions(&self, session: &mut Session, facts: &mut Facts, until: Instant) -> Result<(), Fault> {
        if let Some(login) = &self.login {
            facts.auth_enabled = Some(session.log_in(login, until).await?);
        }
        if self.leg.asks(Rpc::Members) {
            ask::members(session, facts, until).await?;
        }
        if self.leg.asks(Rpc::Alarms) {
            ask::alarms(session, facts, until).await?;
        }
        if self.leg.reads() {
            ask::read(session, self.leg, facts, until).await?;
            // A client certificate can be a login as well.
            if self.login.is_none() && self.cx.target().is_ok_and(|target| target.tls.client_cert.is_none()) {
                facts.auth_enabled = Some(false);
            }
        }
        if self.leg.asks(Rpc::Leases) {
            ask::leases(session, facts, until).await?;
        }
        Ok(())
    }
}

impl Looked {
    async fn again(&mut self, until: Instant) {
        if let Ok((session, status)) = &mut self.outcome {
            match ask::status(session, until).await {
                Ok(now) => *status = now,
                Err(fault) => self.outcome = Err(fault),
            }
        }
    }
}

impl Endpoint {
    fn fault(&mut self, error: &ProbeError) {
        self.reason = Some(error.reason.as_str().to_owned());
        self.error = Some(error.detail.clone());
        self.to_blame = error.blame == Blame::Target;
    }
}

fn what(place: Option<&Place>) -> String {
    place.map(|place| place.address.to_string()).unwrap_or_default()
}

/// One reason for all, the first; every sentence.
fn none_of(errors: &[ProbeError]) -> ProbeError {
    match errors {
        [] => ProbeError::internal("no endpoint was asked"),
        [only] => only.clone(),
        [first, ..] => {
            let all = errors.iter().map(|error| error.detail.as_str()).collect::<Vec<_>>().join("; ");
            let detail = format!("none of {} endpoints gave it: {all}", errors.len());
            // Whoever could not be looked at might have answered.
            let blame =
                if errors.iter().all(|error| error.blame == Blame::Target) { Blame::Target } else { Blame::Observer };
            ProbeError { reason: first.reason, blame, detail }
        }
    }
}

/// What the statuses say together.
fn summarize(looked: &[Looked], facts: &mut Facts) {
    facts.endpoints = looked.iter().map(endpoint_facts).collect();
    let statuses: Vec<&Status> = facts.endpoints.iter().filter_map(|endpoint| endpoint.status.as_ref()).collect();
    facts.reachable = u32::try_from(statuses.len()).unwrap_or(u32::MAX);
    let Some(first) = statuses.first() else { return };
    facts.leaders_agree = statuses.iter().all(|status| status.leader == first.leader);
    facts.leader = if facts.leaders_agree { first.leader.clone() } else { String::new() };
    facts.terms_agree = statuses.iter().all(|status| status.raft_term == first.raft_term);
    let most = |of: fn(&Status) -> i64| statuses.iter().map(|status| of(status)).max().unwrap_or_default();
    let least = |of: fn(&Status) -> i64| statuses.iter().map(|status| of(status)).min().unwrap_or_default();
    facts.raft_term = statuses.iter().map(|status| status.raft_term).max().unwrap_or_default();
    let applied = || statuses.iter().map(|status| status.raft_applied_index);
    facts.index_lag = applied().max().unwrap_or_default().saturating_sub(applied().min().unwrap_or_default());
    facts.revision_lag = most(|status| status.revision).saturating_sub(least(|status| status.revision));
    facts.db_size_bytes = most(|status| status.db_size_bytes);
    facts.db_in_use_bytes = most(|status| status.db_in_use_bytes);
    facts.quota_bytes = most(|status| status.quota_bytes);
    let mut versions: Vec<String> = statuses.iter().map(|status| status.version.clone()).collect();
    versions.sort();
    versions.dedup();
    facts.versions = versions;
}

fn endpoint_facts(looked: &Looked) -> Endpoint {
    let mut endpoint = Endpoint { endpoint: looked.what.clone(), ..Endpoint::default() };
    match &looked.outcome {
        Ok((_, status)) => {
            endpoint.reachable = true;
            endpoint.status = Some(status.clone());
        }
        Err(fault) => endpoint.fault(&fault.error),
    }
    endpoint
}
