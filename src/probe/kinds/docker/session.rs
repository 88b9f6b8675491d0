//! The client library over a connection of our own. It can only read: no other method is sent.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptions;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use bytes::Bytes;
use futures_util::Stream;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tokio::time::timeout_at;

use super::fault::{self, Fault};
use super::place::{Place, Shown};
use crate::model::Reason;
use crate::probe::net::http::{LentLine, Sender};
use crate::probe::net::spoken;
use crate::probe::{ProbeCx, ProbeError};

/// All that one look reads.
const MAX_BYTES: u64 = 32 << 20;
/// The library's own patience, which never runs out before the deadline of a check.
const PATIENCE_S: u64 = 3600;
/// Paths that have no version before them.
const UNVERSIONED: [&str; 2] = ["/_ping", "/version"];

pub(super) struct Session<'a> {
    cx: &'a ProbeCx,
    place: Place,
    what: String,
    sender: Sender,
    line: LentLine,
    docker: Docker,
    certificate: Shown,
    has_answered: bool,
}

impl<'a> Session<'a> {
    /// Connects, and agrees on a version of the API.
    pub(super) async fn open(cx: &'a ProbeCx) -> Result<Self, ProbeError> {
        let place = Place::of(cx)?;
        let (what, sender) = (place.what(), Sender::default());
        let dialled = place.dial(cx).await?;
        let line = LentLine::over(dialled.stream, sender.clone(), MAX_BYTES, &what).await?;
        let version = Arc::new(OnceLock::new());
        let docker = client(&sender, &place, &version)?;
        let certificate = dialled.certificate;
        let mut session = Self { cx, place, what, sender, line, docker, certificate, has_answered: false };
        let asked = "GET /version";
        let agreed = session.call(asked, |docker| docker.negotiate_version()).await;
        session.docker = agreed.map_err(|fault| fault.into_error(asked))?;
        session.has_answered = true;
        version.get_or_init(|| session.api());
        cx.note("api", session.api());
        Ok(session)
    }

    /// As sentences name the engine.
    pub(super) fn what(&self) -> &str {
        &self.what
    }

    pub(super) fn cx(&self) -> &'a ProbeCx {
        self.cx
    }

    /// The version of the API that was agreed on.
    pub(super) fn api(&self) -> String {
        self.docker.client_version().to_string()
    }

    /// Asks one question. `asked` names it in sentences, such as `GET /info`.
    pub(super) async fn call<T, F>(&mut self, asked: &str, call: impl FnOnce(Docker) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.reconnect().await?;
        let patience = self.cx.remaining();
        let outcome = timeout_at(self.cx.deadline(), self.line.drive(call(self.docker.clone()))).await;
        match outcome {
            Err(_) => Err(self.late(asked, patience).into()),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.explained(fault::explain(&error, &self.what, asked))),
        }
    }

    /// What happens, for ever; read it with `next`.
    pub(super) fn events(&self, options: EventsOptions) -> impl Stream<Item = Result<EventMessage, Error>> + use<> {
        self.docker.events(Some(options))
    }

    /// Waits without a deadline.
    pub(super) async fn next<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        self.line.drive(wanted).await
    }

    /// Why a stream ended.
    pub(super) fn broken(&self, error: &Error, asked: &str) -> ProbeError {
        self.explained(fault::explain(error, &self.what, asked)).into_error(asked)
    }

    /// The answer to a question whose answer has other forms in other versions than the library knows.
    pub(super) async fn json(&mut self, path: &str) -> Result<Value, Fault> {
        let asked = format!("GET {path}");
        let body = self.bytes(path, &asked).await?;
        serde_json::from_slice(&body).map_err(|err| self.explained(fault::explain(&err.into(), &self.what, &asked)))
    }

    /// The whole answer to a question as it is. `asked` names it in sentences.
    pub(super) async fn bytes(&mut self, path: &str, asked: &str) -> Result<Bytes, Fault> {
        self.reconnect().await?;
        let (sender, host, patience) = (self.sender.clone(), self.place.host(), self.cx.remaining());
        let request = request(&format!("/v{}{path}", self.api()), &host)?;
        let what = self.what.clone();
        let exchange = async {
            let answer =
                sender.send(request).await.map_err(|err| fault::explain(&Error::IOError { err }, &what, asked))?;
            let status = answer.status();
            let body = answer.into_body().collect().await;
            let body = body.map_err(|err| fault::explain(&err.into(), &what, asked))?.to_bytes();
            if !status.is_success() {
                let message = String::from_utf8_lossy(&body);
                if fault::is_absent(status.as_u16(), &message) {
                    return Err(Fault::Absent);
                }
                return Err(fault::refusal(status.as_u16(), &message, &what, asked).into());
            }
            Ok(body)
        };
        let outcome = timeout_at(self.cx.deadline(), self.line.drive(exchange)).await;
        match outcome {
            Err(_) => Err(self.late(asked, patience).into()),
            Ok(outcome) => outcome.map_err(|fault| self.explained(fault)),
        }
    }

    /// A proxy may close after each answer.
    async fn reconnect(&mut self) -> Result<(), ProbeError> {
        if timeout_at(self.cx.deadline(), self.line.is_open()).await == Ok(true) {
            return Ok(());
        }
        let dialled = self.place.dial(self.cx).await?;
        self.line = LentLine::over(dialled.stream, self.sender.clone(), self.line.left(), &self.what).await?;
        Ok(())
    }

    fn late(&self, asked: &str, patience: Duration) -> ProbeError {
        let text = format!("{} did not answer {asked} within {}", self.what, spoken(patience));
        ProbeError::target(Reason::Timeout, text)
    }

    fn explained(&self, fault: Fault) -> Fault {
        match fault {
            Fault::Error(error) => {
                let ours = match self.certificate {
                    Shown::NotAsked => false,
                    Shown::Nothing => true,
                    // An engine that dies resets its connections too; before its first answer nobody can tell.
                    Shown::Certificate => error.reason == Reason::TlsHandshake || !self.has_answered,
                };
                let error = if ours { fault::certificate(error) } else { error };
                Fault::Error(self.line.exceeded(&self.what).unwrap_or(error))
            }
            Fault::Absent => Fault::Absent,
        }
    }
}

/// `version` is empty until one is agreed on.
fn client(sender: &Sender, place: &Place, version: &Arc<OnceLock<String>>) -> Result<Docker, ProbeError> {
    let (sender, host, version) = (sender.clone(), place.host(), Arc::clone(version));
    let transport = move |asked: BollardRequest| {
        let made = reading(&asked, &host, version.get().map(String::as_str));
        let sender = sender.clone();
        async move { sender.send(made.map_err(std::io::Error::other)?).await.map_err(Error::from) }
    };
    Docker::connect_with_custom_transport(transport, Some("http://engine"), PATIENCE_S, API_DEFAULT_VERSION)
        .map_err(|error| ProbeError::internal(format!("the client of the engine could not be made: {error}")))
}

/// The request of the library as it is sent: with the version of the API before its path, which the
/// library leaves out, and never one that could change something.
fn reading(asked: &BollardRequest, host: &str, version: Option<&str>) -> Result<Request<Full<Bytes>>, ProbeError> {
    if asked.method() != Method::GET {
        return Err(ProbeError::internal(format!("{} would not only read", asked.method())));
    }
    let path = asked.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    match version.filter(|_| !UNVERSIONED.contains(&path)) {
        Some(version) => request(&format!("/v{version}{path}"), host),
        None => request(path, host),
    }
}

fn request(path: &str, host: &str) -> Result<Request<Full<Bytes>>, ProbeError> {
    let broken = |error: http::Error| ProbeError::internal(format!("the request could not be made: {error}"));
    let mut request = Request::get(path).body(Full::default()).map_err(broken)?;
    let host = HeaderValue::from_str(host).map_err(|error| broken(error.into()))?;
    request.headers_mut().insert(header::HOST, host);
    Ok(request)
}
