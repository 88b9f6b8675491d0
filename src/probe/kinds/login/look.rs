//! The steps of a login, and then the tokens that the protected route is shown.

use std::sync::PoisonError;

use bytes::Bytes;
use http::Method;
use zeroize::Zeroizing;

use super::facts::{Facts, Step, Try};
use super::keys::{self, Key};
use super::token::Token;
use super::{Earlier, Login, Request, totp};
use crate::model::Secret;
use crate::probe::kinds::http::api::{Api, Inside, Reply, Who};
use crate::probe::kinds::http::request::parse_method;
use crate::probe::line::line;
use crate::probe::{ProbeCx, ProbeError};

/// Bytes of what a token says that facts keep.
const SHOWN: usize = 120;
const MOST: usize = 16;
/// Seconds after its end in which a server may still take a token, as clocks differ.
const LEEWAY_S: i64 = 120;

pub(super) async fn look(leg: &Login, cx: &ProbeCx) -> Result<Facts, ProbeError> {
    let api = Api::of_target(cx, None)?;
    let mut facts = Facts::default();
    let Some(token) = log_in(leg, cx, &api, &mut facts).await? else { return Ok(facts) };
    let Some(token) = Token::read(token) else { return Ok(facts) };
    facts.jwt = true;
    say(&token, &mut facts);
    let key = match &leg.jwks {
        Some(path) => find_key(&api, path, &token, &mut facts).await?,
        None => None,
    };
    if let Some(path) = &leg.protected {
        attempts(leg, cx, &api, path, &token, key.as_ref(), &mut facts).await;
    }
    Ok(facts)
}

/// The token, if there is one in the end.
async fn log_in(leg: &Login, cx: &ProbeCx, api: &Api<'_>, facts: &mut Facts) -> Result<Option<Secret>, ProbeError> {
    let first = leg.request.send(cx, api, &[]).await?;
    let token = field(&first, &leg.token);
    let step = Step { status: first.status, token: token.is_some(), challenge: false };
    let Some(second) = &leg.second_factor else {
        facts.login = step;
        return Ok(token);
    };
    let challenge = second.challenge.as_deref().and_then(|path| field(&first, path));
    facts.password_only = Some(Step { challenge: challenge.is_some(), ..step });
    // Nothing is left to find out with a code; and without a challenge it cannot be sent.
    if token.is_some() || (second.challenge.is_some() && challenge.is_none()) {
        return Ok(None);
    }
    let secret = cx.credential(&second.secret).await?;
    let what = || ProbeError::unconfigured(format!("credential `{}` is not base32", second.secret));
    let code = totp::code(secret.expose(), cx.now()).ok_or_else(what)?;
    let mut known = vec![("code", &code)];
    known.extend(challenge.as_ref().map(|challenge| ("challenge", challenge)));
    let done = second.request.send(cx, api, &known).await?;
    let token = field(&done, &leg.token);
    facts.login = Step { status: done.status, token: token.is_some(), challenge: false };
    Ok(token)
}

impl Request {
    async fn send(&self, cx: &ProbeCx, api: &Api<'_>, known: &[(&str, &Secret)]) -> Result<Reply, ProbeError> {
        let mut body = Zeroizing::new(self.body.clone());
        for (name, secret) in known {
            body = fill(&body, name, secret);
        }
        for (name, credential) in &self.credentials {
            body = fill(&body, name, &cx.credential(credential).await?);
        }
        let method = match &self.method {
            Some(name) => parse_method(Some(name)).map_err(ProbeError::unconfigured)?,
            None => Method::POST,
        };
        api.send(method, &self.path, Some(Bytes::copy_from_slice(body.as_bytes())), Who::Nobody).await
    }
}

fn fill(body: &str, name: &str, secret: &Secret) -> Zeroizing<String> {
    let written = Zeroizing::new(serde_json::to_string(secret.expose()).unwrap_or_default());
    let inside = written.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
    Zeroizing::new(body.replace(&format!("{{{name}}}"), inside))
}

/// A text of an answer, whatever its status: a refusal with a token is none.
fn field(reply: &Reply, path: &str) -> Option<Secret> {
    let json = reply.json.as_ref()?;
    let found = path.split('.').fold(json, |at, name| at.at(name)).as_str()?;
    (!found.is_empty()).then(|| Secret::new(found.to_owned()))
}

fn say(token: &Token, facts: &mut Facts) {
    let shown = |text: &str| line(text, SHOWN);
    let texts = |claim: &str| token.texts(claim).iter().take(MOST).map(|text| line(text, SHOWN)).collect();
    facts.alg = token.header("alg").map(shown);
    facts.kid = token.header("kid").map(shown);
    facts.lifetime_s = token.seconds("exp").zip(token.seconds("iat")).map(|(end, start)| end.saturating_sub(start));
    facts.issuer = token.texts("iss").first().map(|text| shown(text));
    (facts.audience, facts.amr) = (texts("aud"), texts("amr"));
}

async fn find_key(api: &Api<'_>, path: &str, token: &Token, facts: &mut Facts) -> Result<Option<Key>, ProbeError> {
    let reply = api.get(path, Who::Nobody).await?;
    facts.jwks_status = Some(reply.status);
    let set = reply.json.as_ref().filter(|_| reply.is_ok());
    let Some((count, key)) = set.and_then(|set| keys::find(set, token.header("kid"))) else { return Ok(None) };
    facts.jwks_keys = Some(count);
    if let Some(key) = &key {
        facts.key_type = Some(line(&key.kind, SHOWN));
        facts.key_bits = key.bits;
        facts.verified = Some(key.decoding.as_ref().and_then(|key| token.is_signed_by(key)).unwrap_or(false));
    }
    Ok(key)
}

async fn attempts(
    leg: &Login,
    cx: &ProbeCx,
    api: &Api<'_>,
    path: &str,
    token: &Token,
    key: Option<&Key>,
    facts: &mut Facts,
) {
    let mut shown: Vec<(String, Option<&Secret>)> = vec![("the genuine token".to_owned(), Some(token.secret()))];
    let unsigned = ["none", "None"].map(|alg| (format!("an `alg: {alg}` copy"), token.unsigned(alg)));
    let pems = key.map(|key| key.pems.as_slice()).unwrap_or_default();
    let signed = pems.iter().enumerate().map(|(n, pem)| {
        let what = format!("an HS256 copy keyed with the public key (form {} of {})", n.saturating_add(1), pems.len());
        (what, token.signed_with(pem.as_bytes()))
    });
    let tampered = ("a copy with one bit of its payload turned".to_owned(), token.tampered());
    let forged: Vec<_> = unsigned.into_iter().chain(signed).chain([tampered]).collect();
    let expired = leg.expired(cx, token);
    shown.push(("no token".to_owned(), None));
    for (what, copy) in &forged {
        match copy {
            Some(copy) => shown.push((what.clone(), Some(copy))),
            None => facts.not_tried.push(format!("{what}: it cannot be made")),
        }
    }
    match &expired {
        Some(expired) => shown.push(("an expired token".to_owned(), Some(expired))),
        None => facts.not_tried.push("an expired token: none that an earlier run got has expired yet".to_owned()),
    }
    if pems.is_empty() {
        facts.not_tried.push("an HS256 copy keyed with the public key: no RSA key is known".to_owned());
    }
    for (with, token) in shown {
        let who = token.map_or(Who::Nobody, Who::Bearer);
        let status = match api.get(path, who).await {
            Ok(reply) => Some(reply.status),
            Err(error) => {
                cx.note("no answer", format!("{with}: {}", error.reason.as_str()));
                None
            }
        };
        facts.tries.push(Try { with, status });
    }
}

impl Login {
    /// A token of an earlier run that has expired. Keeps that of this run if there is none to wait for.
    fn expired(&self, cx: &ProbeCx, token: &Token) -> Option<Secret> {
        let now = cx.now().0.div_euclid(1000);
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        let found = earlier.take_if(|earlier| earlier.end.saturating_add(LEEWAY_S) < now).map(|earlier| earlier.token);
        if earlier.is_none() {
            *earlier = token.seconds("exp").map(|end| Earlier { token: token.secret().clone(), end });
        }
        found
    }
}
