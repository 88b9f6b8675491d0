//! One look: as many connections as asked for, one after the other.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::{Position, Url};

use super::facts::{Connection, Facts};
use super::talk::Talk;
use super::{WebSocket, handshake, judge};
use crate::probe::kinds::http::facts::TlsFacts;
use crate::probe::kinds::http::headers::Headers;
use crate::probe::line::line;
use crate::probe::net::http::{Upgrade, Upgraded};
use crate::probe::net::mask_url;
use crate::probe::net::tls::Alpn;
use crate::probe::{ProbeCx, ProbeError};

/// Bytes of a refusal that are kept.
const REFUSAL: usize = 4 << 10;
const REFUSAL_TEXT: usize = 200;
/// Cookies that are kept, and bytes of all of them.
const MAX_COOKIES: usize = 50;
const COOKIE_BYTES: usize = 4 << 10;

pub(super) async fn look(leg: &WebSocket, cx: &ProbeCx) -> Result<Facts, ProbeError> {
    let url = handshake::url(leg, cx)?;
    let mut cookies = Cookies::default();
    let mut connections = Vec::new();
    let mut last = Facts::default();
    for _ in 0..leg.connections {
        let mut facts = connect(leg, cx, &url, &mut cookies).await?;
        connections.push(Connection {
            status: facts.status,
            upgraded: facts.upgraded,
            headers: facts.headers.clone(),
            first: facts.messages.first().and_then(|message| message.json.clone()),
        });
        let goes_on = judge::fault(leg, &facts).is_none();
        facts.connections = Vec::new();
        last = facts;
        if !goes_on {
            break;
        }
    }
    last.connections = connections;
    Ok(last)
}

async fn connect(leg: &WebSocket, cx: &ProbeCx, url: &Url, cookies: &mut Cookies) -> Result<Facts, ProbeError> {
    let (mut headers, accept) = handshake::headers(leg, cx).await?;
    if let Some(value) = cookies.value().filter(|_| leg.keep_cookies && !headers.contains_key(header::COOKIE)) {
        headers.insert(header::COOKIE, value);
    }
    // Without ALPN: WebSocket begins as HTTP/1.1.
    let profile = leg.tls.profile(cx, Alpn::None);
    let upgrade = Upgrade { url, headers, max_body: REFUSAL, tls: &profile, server_name: leg.tls.server_name(cx) };
    let answer = cx.clients().upgrade(cx, &upgrade).await?;
    cookies.keep(&answer.headers);
    let mut facts = facts(cx, url, &answer, &accept);
    if let Some(stream) = answer.stream.filter(|_| facts.upgraded && !leg.is_negative()) {
        let what = &url[Position::BeforeHost..Position::AfterPort];
        Talk::over(leg, cx, stream, what).await.run(&mut facts).await;
    }
    Ok(facts)
}

fn facts(cx: &ProbeCx, url: &Url, answer: &Upgraded, accept: &str) -> Facts {
    let switched = answer.status == StatusCode::SWITCHING_PROTOCOLS;
    let malformed = if switched { handshake::broken_rule(&answer.headers, accept) } else { None };
    let chosen = answer.headers.get(header::SEC_WEBSOCKET_PROTOCOL);
    let refusal = (!answer.body.is_empty()).then(|| line(String::from_utf8_lossy(&answer.body).trim(), REFUSAL_TEXT));
    Facts {
        // Behind `http` stands `ws`, behind `https` `wss`.
        url: mask_url(url).replacen("http", "ws", 1),
        status: answer.status.as_u16(),
        upgraded: switched && malformed.is_none(),
        malformed: malformed.map(str::to_owned),
        headers: Headers::shown(&answer.headers).into_map(),
        subprotocol: chosen.map(|name| line(&String::from_utf8_lossy(name.as_bytes()), REFUSAL_TEXT)),
        refusal,
        upgrade_s: answer.took.as_secs_f64(),
        tls: answer.tls.as_ref().and_then(|seen| TlsFacts::of(seen, cx.now())),
        ..Facts::default()
    }
}

/// What a browser would keep for this one address. Values may be secret, and go nowhere else.
#[derive(Default)]
struct Cookies(BTreeMap<String, String>);

impl Cookies {
    fn keep(&mut self, answer: &HeaderMap) {
        for value in answer.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let pair = value.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=')
                && (self.0.len() < MAX_COOKIES || self.0.contains_key(name.trim()))
            {
                self.0.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }

    /// `None` if there are none, or more than can be sent.
    fn value(&self) -> Option<HeaderValue> {
        let all: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let text = all.join("; ");
        if text.is_empty() || text.len() > COOKIE_BYTES {
            return None;
        }
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}
