//! A connection to one member, with or without a login.

use std::future::Future;
use std::time::Duration;

use etcd_client::{Channel, Client, ConnectOptions, Error};
use tokio::time::{Instant, timeout_at};

use super::endpoint::Place;
use super::fault::{self, Fault, Said};
use super::{Etcd, Refusal};
use crate::model::{Reason, Secret};
use crate::probe::net::grpc::{Line, Opened, Peer};
use crate::probe::net::spoken;
use crate::probe::{ProbeCx, ProbeError};

/// All that is read over one connection besides keys and values: statuses, members, leases.
const OTHER_BYTES: u64 = 4 << 20;

/// Who logs in.
pub(super) struct Login {
    user: String,
    password: Secret,
}

impl Login {
    /// `None` if nobody does.
    pub(super) async fn of(leg: &Etcd, cx: &ProbeCx) -> Result<Option<Self>, ProbeError> {
        let name = leg.credential.as_deref().or(cx.target()?.credential.as_deref());
        let Some(name) = name.filter(|_| !leg.anonymous) else {
            if leg.expect_error == [Refusal::Login] {
                return Err(ProbeError::unconfigured(
                    "a login must be refused, and no credential for it is configured",
                ));
            }
            return Ok(None);
        };
        let Some(user) = leg.user.clone().filter(|user| !user.is_empty()) else {
            return Err(ProbeError::unconfigured("the target has a credential, but the check names no `user` of it"));
        };
        Ok(Some(Self { user, password: cx.credential(name).await? }))
    }
}

pub(super) struct Session {
    line: Line,
    client: Client,
    /// `host:port`.
    what: String,
}

impl Session {
    /// Connects, as nobody yet.
    pub(super) async fn open(leg: &Etcd, cx: &ProbeCx, place: &Place, until: Instant) -> Result<Self, Fault> {
        let what = place.address.to_string();
        let peer = Peer {
            address: &place.address,
            tls: place.tls.as_ref().map(|(profile, name)| (profile, name.as_str())),
            max_bytes: u64::from(leg.max_bytes) + OTHER_BYTES,
            seeks_refusal: false,
        };
        let patience = until.saturating_duration_since(Instant::now());
        let opening = timeout_at(until, cx.clients().grpc(cx, &peer)).await;
        let mut line = match opening.unwrap_or_else(|_| Err(late(&what, "the connection", patience)))? {
            Opened::Line(line) => line,
            Opened::CertificateRefused(error) => {
                return Err(Fault { said: Some(Said::Refused(Refusal::Certificate)), error });
            }
        };
        let client = client(&mut line, ConnectOptions::new()).await;
        let client = client.map_err(|error| fault::explain(&error, line.explain(), &what, "the connection"))?;
        Ok(Self { line, client, what })
    }

    /// Logs in; what is asked from now on is asked as this user. `false` if etcd has no users.
    pub(super) async fn log_in(&mut self, login: &Login, until: Instant) -> Result<bool, Fault> {
        let options = ConnectOptions::new().with_user(&login.user, login.password.expose());
        let patience = until.saturating_duration_since(Instant::now());
        let outcome = match timeout_at(until, client(&mut self.line, options)).await {
            Err(_) => return Err(late(&self.what, "the login", patience).into()),
            Ok(outcome) => outcome,
        };
        match outcome.map_err(|error| fault::explain(&error, self.line.explain(), &self.what, "the login")) {
            Ok(client) => {
                self.client = client;
                Ok(true)
            }
            Err(fault) if fault.said == Some(Said::AuthOff) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Waits until the connection breaks, and says why.
    pub(super) async fn broken(&mut self) -> ProbeError {
        self.line.broken().await
    }

    /// Waits without a deadline.
    pub(super) async fn next<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        self.line.drive(wanted).await
    }

    /// What the connection itself saw go wrong.
    pub(super) fn explain(&self) -> Option<ProbeError> {
        self.line.explain()
    }

    /// `host:port`.
    pub(super) fn what(&self) -> &str {
        &self.what
    }

    /// Makes one call. `doing` names it in sentences, such as `the read`.
    pub(super) async fn call<T, F>(
        &mut self,
        until: Instant,
        doing: &str,
        call: impl FnOnce(Client) -> F,
    ) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let patience = until.saturating_duration_since(Instant::now());
        let answer = timeout_at(until, self.line.drive(call(self.client.clone()))).await;
        match answer {
            Err(_) => Err(self.line.explain().unwrap_or_else(|| late(&self.what, doing, patience)).into()),
            Ok(answer) => answer.map_err(|error| fault::explain(&error, self.line.explain(), &self.what, doing)),
        }
    }
}

async fn client(line: &mut Line, options: ConnectOptions) -> Result<Client, Error> {
    let channel = Channel::Tonic(line.channel());
    line.drive(Client::from_channel(channel, Some(options))).await
}

fn late(what: &str, doing: &str, patience: Duration) -> ProbeError {
    ProbeError::target(Reason::Timeout, format!("{what} did not answer {doing} within {}", spoken(patience)))
}
