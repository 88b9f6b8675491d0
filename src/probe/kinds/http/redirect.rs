//! Redirects, followed by us: so that they are bounded and told, and that no secret goes to a host
//! it is not for.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::time::Instant;
use url::Url;

use super::facts::Redirect;
use super::request::Sending;
use super::{Connection, Http, shown};
use crate::model::Reason;
use crate::probe::net::http::{Answer, Call, Phases};
use crate::probe::net::tls::TlsProfile;
use crate::probe::net::{Took, is_suspicious_name};
use crate::probe::{ProbeCx, ProbeError};

/// The last answer, and the way to it.
pub(in crate::probe::kinds) struct Followed {
    pub(in crate::probe::kinds) answer: Answer,
    pub(in crate::probe::kinds) url: Url,
    pub(super) redirects: Vec<Redirect>,
}

pub(super) async fn follow(
    http: &Http,
    cx: &ProbeCx,
    mut url: Url,
    mut sending: Sending,
    profile: &TlsProfile,
    mut server_name: Option<&str>,
) -> Result<Followed, ProbeError> {
    let foreign = profile.anonymous();
    let mut profile = profile;
    let mut redirects: Vec<Redirect> = Vec::new();
    let mut visited: Vec<(Method, Url)> = Vec::new();
    let mut spent = Phases::default();
    loop {
        let call = Call {
            url: &url,
            method: sending.method.clone(),
            headers: std::mem::take(&mut sending.headers),
            body: sending.body.clone(),
            max_body: http.max_body as usize,
            reuse: http.connection == Connection::Reuse,
            tls: profile,
            server_name,
        };
        let begun = Instant::now();
        let mut answer = cx.clients().call(cx, &call).await?;
        sending.headers = call.headers;
        let took = Took(begun.elapsed());
        cx.note("answer", format_args!("{} from {} in {took}", answer.status.as_str(), shown(&url)));

        let expected = http.status.contains(&answer.status.as_u16());
        let next = if http.follow_redirects == 0 || expected { None } else { target(&answer, &url)? };
        let Some(next) = next else {
            answer.phases = sum(spent, answer.phases);
            return Ok(Followed { answer, url, redirects });
        };
        spent = sum(spent, answer.phases);
        let downgrade = url.scheme() == "https" && next.scheme() == "http";
        redirects.push(Redirect { status: answer.status.as_u16(), to: shown(&next), downgrade });
        if redirects.len() > usize::from(http.follow_redirects) {
            return Err(refused(format!(
                "expected at most {} redirects from {}, saw more; the last goes to {}",
                http.follow_redirects,
                shown(visited.first().map_or(&url, |(_, first)| first)),
                shown(&next)
            )));
        }
        change_method(&mut sending, answer.status);
        let foreign_origin = url.origin() != next.origin();
        visited.push((call.method, url));
        if visited.iter().any(|(method, seen)| *method == sending.method && *seen == next) {
            return Err(refused(format!("expected an answer, saw a redirect loop through {}", shown(&next))));
        }
        if foreign_origin {
            strip(&mut sending);
            profile = &foreign;
            server_name = None;
        }
        url = next;
    }
}

fn refused(sentence: String) -> ProbeError {
    ProbeError::target(Reason::Redirect, sentence)
}

/// Where the answer redirects to, if it does.
fn target(answer: &Answer, url: &Url) -> Result<Option<Url>, ProbeError> {
    let redirects = matches!(
        answer.status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let Some(location) = answer.headers.get(header::LOCATION).filter(|_| redirects) else { return Ok(None) };
    let malformed = || refused(format!("the redirect of {} has a malformed location", shown(url)));
    let location = location.to_str().map_err(|_| malformed())?;
    let mut next = url.join(location).map_err(|_| malformed())?;
    if !matches!(next.scheme(), "http" | "https") {
        return Err(refused(format!("{} redirects to a {}: address", shown(url), next.scheme())));
    }
    next.set_fragment(None);
    Ok(Some(next))
}

/// As browsers do: 303 always, 301 and 302 for POST, become GET without a body.
fn change_method(sending: &mut Sending, status: StatusCode) {
    let becomes_get = match status {
        StatusCode::SEE_OTHER => sending.method != Method::HEAD,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => sending.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        sending.method = Method::GET;
        sending.body = Bytes::new();
        sending.headers.remove(header::CONTENT_TYPE);
    }
}

/// Removes what another origin must not see.
fn strip(sending: &mut Sending) {
    let foreign = |name: &HeaderName, value: &HeaderValue| value.is_sensitive() || is_suspicious_name(name.as_str());
    let secret: Vec<_> =
        sending.headers.iter().filter(|(name, value)| foreign(name, value)).map(|(name, _)| name.clone()).collect();
    for name in secret {
        sending.headers.remove(name);
    }
    sending.headers.remove(header::HOST);
}

fn sum(a: Phases, b: Phases) -> Phases {
    Phases {
        dns: a.dns + b.dns,
        connect: a.connect + b.connect,
        tls: a.tls + b.tls,
        first_byte: a.first_byte + b.first_byte,
        body: a.body + b.body,
    }
}
