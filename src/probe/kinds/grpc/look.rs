//! One look: the connection, then the questions in turn; or a refusal.

use bytes::Bytes;
use futures_util::future::join_all;
use prost::Message;
use tokio::time::Instant;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::call::Call;
use super::facts::{Called, Endpoint, Facts, Health, Method, Tls};
use super::fault::{self, Said};
use super::place::{Place, places};
use super::reflection::{self, Version};
use super::session::{Begun, Session};
use super::{Grpc, Refusal, clear};
use crate::model::Reason;
use crate::probe::{ProbeCx, ProbeError};

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const CHECK: &str = "the health check";
/// Services and methods of one that are kept.
const MAX_SERVICES: usize = 256;
const MAX_METHODS: usize = 256;

pub(super) async fn look(leg: &Grpc, cx: &ProbeCx) -> Result<Facts, ProbeError> {
    let places = places(leg, cx).await?;
    if !leg.expect_refused.is_empty() {
        let refusals = join_all(places.iter().map(|place| refusal(leg, cx, place))).await;
        return Ok(Facts { refusals, ..Facts::default() });
    }
    let Some(place) = places.first() else { return Err(ProbeError::unconfigured("no address is configured")) };
    let mut session = match Session::open(leg, cx, place).await? {
        Begun::Session(session) => session,
        Begun::Refused(error) => return Err(error),
    };
    let mut facts = Facts {
        endpoint: place.what(),
        ready: true,
        ready_s: session.ready.as_secs_f64(),
        tls: session.tls().map(|seen| Tls::of(seen, cx.now())),
        ..Facts::default()
    };
    for service in &leg.health {
        facts.health.push(health(&mut session, cx, service).await?);
    }
    let offered = if leg.lists() || leg.call.as_ref().is_some_and(|call| call.known().is_none()) {
        reflection::services(&mut session, cx).await?
    } else {
        None
    };
    if let Some((version, names)) = offered.as_ref().filter(|_| leg.lists()) {
        facts.reflection = Some(version.as_str().to_owned());
        facts.services_cut = names.len() > MAX_SERVICES;
        facts.services = names.iter().take(MAX_SERVICES).cloned().collect();
        for service in leg.services.iter().filter(|name| names.contains(name)) {
            facts.methods.extend(methods(&mut session, cx, *version, service).await?);
        }
    }
    if let Some(call) = &leg.call {
        facts.call = Some(called(&mut session, cx, call, offered.map(|(version, _)| version)).await?);
    }
    Ok(facts)
}

async fn health(session: &mut Session, cx: &ProbeCx, service: &str) -> Result<Health, ProbeError> {
    let asked = Instant::now();
    let answer = session.ask(cx, HEALTH, health_question(service), CHECK).await?;
    let mut health = Health {
        service: service.to_owned(),
        code: "OK".to_owned(),
        took_s: asked.elapsed().as_secs_f64(),
        ..Health::default()
    };
    match answer {
        Ok(answer) => {
            let decoded = HealthCheckResponse::decode(answer)
                .map_err(|why| fault::broken(&session.what, CHECK, &why.to_string()))?;
            let status = ServingStatus::try_from(decoded.status).unwrap_or(ServingStatus::Unknown);
            health.status = Some(status.as_str_name().to_owned());
        }
        Err(said) if matches!(said.code, Code::NotFound | Code::Unimplemented) => {
            health.code = fault::name(said.code).to_owned();
            health.message = said.message;
        }
        Err(said) => return Err(fault::error(&said, &session.what, CHECK)),
    }
    Ok(health)
}

fn health_question(service: &str) -> Vec<u8> {
    HealthCheckRequest { service: service.to_owned() }.encode_to_vec()
}

async fn methods(
    session: &mut Session,
    cx: &ProbeCx,
    version: Version,
    service: &str,
) -> Result<Vec<Method>, ProbeError> {
    let Some(pool) = reflection::definitions(session, cx, version, service).await? else { return Ok(Vec::new()) };
    let Some(service) = pool.get_service_by_name(service) else { return Ok(Vec::new()) };
    let of = service.full_name();
    let method = |method: prost_reflect::MethodDescriptor| Method {
        service: of.to_owned(),
        name: method.name().to_owned(),
        client_streaming: method.is_client_streaming(),
        server_streaming: method.is_server_streaming(),
    };
    Ok(service.methods().take(MAX_METHODS).map(method).collect())
}

async fn called(
    session: &mut Session,
    cx: &ProbeCx,
    call: &Call,
    offered: Option<Version>,
) -> Result<Called, ProbeError> {
    let (service, _) = call.parts().unwrap_or_default();
    let pool = match (call.known(), offered) {
        (Some(known), _) => known.map_err(ProbeError::unconfigured)?,
        (None, Some(version)) => match reflection::definitions(session, cx, version, service).await? {
            Some(pool) => pool,
            None => {
                let text = format!("expected a service {service} at {}, saw none by reflection", session.what);
                return Err(ProbeError::target(Reason::Missing, text));
            }
        },
        (None, None) => {
            let text = format!("{} offers no reflection, and the check has no `types` of the call", session.what);
            return Err(ProbeError::unconfigured(text));
        }
    };
    let method = call.described(&pool)?;
    let message = call.message(&method)?;
    let asked = Instant::now();
    let answer = session.ask(cx, &format!("/{}", call.method), message, &call.method).await?;
    let took_s = asked.elapsed().as_secs_f64();
    let mut called = Called { method: call.method.clone(), code: "OK".to_owned(), took_s, ..Called::default() };
    match answer {
        Ok(answer) => {
            called.bytes = answer.len() as u64;
            called.json = call.json(&method, answer, &session.what)?;
        }
        Err(said) => {
            called.code = fault::name(said.code).to_owned();
            called.message = said.message;
        }
    }
    Ok(called)
}

/// What one endpoint does where it should refuse. Never fails itself.
async fn refusal(leg: &Grpc, cx: &ProbeCx, place: &Place) -> Endpoint {
    if leg.refuses(Refusal::Plaintext) {
        return clear::look(cx, place).await;
    }
    let mut endpoint = Endpoint { endpoint: place.what(), ..Endpoint::default() };
    match attempt(leg, cx, place).await {
        Ok(Tried::Refused(refusal, seen)) => {
            endpoint.refused = Some(refusal);
            endpoint.seen = seen;
        }
        Ok(Tried::Accepted(seen)) => {
            endpoint.accepted = true;
            endpoint.seen = seen;
        }
        Err(error) => {
            endpoint.reason = Some(error.reason.as_str().to_owned());
            endpoint.seen = error.detail;
        }
    }
    endpoint
}

enum Tried {
    Refused(Refusal, String),
    Accepted(String),
}

async fn attempt(leg: &Grpc, cx: &ProbeCx, place: &Place) -> Result<Tried, ProbeError> {
    let mut session = match Session::open(leg, cx, place).await? {
        Begun::Session(session) => session,
        Begun::Refused(error) => return Ok(Tried::Refused(Refusal::Certificate, error.detail)),
    };
    let what = session.what.clone();
    let answer = match question(leg, &mut session, cx).await? {
        None if session.tls().is_none() => {
            let text = format!("{what} is reached in the clear, where no certificate is shown");
            return Err(ProbeError::observer(Reason::Protocol, text));
        }
        None => return Ok(Tried::Accepted(format!("{what} began HTTP/2 after the handshake"))),
        Some(answer) => answer,
    };
    match answer {
        Ok(_) => Ok(Tried::Accepted(format!("{what} answered what was asked"))),
        Err(said) => {
            let refusal = match said.code {
                Code::Unauthenticated => Refusal::Unauthenticated,
                Code::PermissionDenied => Refusal::PermissionDenied,
                _ => return Err(fault::error(&said, &what, "what must be refused")),
            };
            Ok(Tried::Refused(refusal, format!("{what} answered {}: {}", fault::name(said.code), said.message)))
        }
    }
}

/// The first thing that is asked; `None` if nothing is.
async fn question(leg: &Grpc, session: &mut Session, cx: &ProbeCx) -> Result<Option<Result<Bytes, Said>>, ProbeError> {
    const DOING: &str = "what must be refused";
    if let Some(call) = &leg.call {
        // What is refused is refused before it is read; without definitions an empty message is sent.
        let message = match call.known() {
            Some(known) => call.message(&call.described(&known.map_err(ProbeError::unconfigured)?)?)?,
            None => Vec::new(),
        };
        return session.ask(cx, &format!("/{}", call.method), message, DOING).await.map(Some);
    }
    if let Some(service) = leg.health.first() {
        return session.ask(cx, HEALTH, health_question(service), DOING).await.map(Some);
    }
    if leg.lists() {
        return session.ask(cx, &Version::V1.path(), reflection::list(), DOING).await.map(Some);
    }
    Ok(None)
}
