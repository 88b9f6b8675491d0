//! Sending the requests.

use std::borrow::Cow;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use url::Url;

use super::HttpRequests;
use super::conditions::OfRequest;
use super::facts::{Baseline, Facts, Response, items};
use super::page;
use super::request::{BASELINE_RUNS, Request};
use crate::expect::Query;
use crate::probe::kinds::http::exposition;
use crate::probe::kinds::http::facts::{content_type, parse_json};
use crate::probe::kinds::http::headers::Headers;
use crate::probe::kinds::http::request::{append, parse_url};
use crate::probe::kinds::http::{Http, shown};
use crate::probe::personal::Personal;
use crate::probe::{ProbeCx, ProbeError};

/// Bytes of all bodies that are kept for conditions; conditions on others cannot be evaluated.
const KEPT_BYTES: u64 = 8 << 20;
/// Characters of a match that are shown.
const SHOWN: usize = 120;

/// One request of the list to one place, with one value.
struct Asked<'a> {
    place: usize,
    request: &'a Request,
    base: &'a Url,
    value: Option<Cow<'a, str>>,
    /// A forged token, and the name of its secret in place of a value.
    token: Option<(String, String)>,
}

impl HttpRequests {
    pub(super) async fn look(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        let bases = self.bases(cx)?;
        let mut facts = Facts::default();
        let (mut sent, mut kept): (usize, u64) = (0, 0);
        for (place, (request, own)) in self.requests.iter().zip(&self.compiled().requests).enumerate() {
            let found;
            let values: &[String] = match &own.each_of {
                None => &request.each,
                Some(query) => match texts(query, facts.responses.first()) {
                    Ok(texts) => {
                        found = texts;
                        &found
                    }
                    Err(why) => {
                        facts.unsent = Some(format!("{} could not be sent: {why}", request.label()));
                        break;
                    }
                },
            };
            let baseline = if request.baseline.is_some() { BASELINE_RUNS } else { 0 };
            for base in &bases {
                let asked = self.asked(place, request, base, values, own.each_of.is_some(), cx);
                sent = sent.saturating_add(asked.len()).saturating_add(baseline);
                if sent > self.max_requests {
                    let most = self.max_requests;
                    facts.unsent = Some(format!("{sent} requests would be needed, at most {most} are sent"));
                    return Ok(facts);
                }
                let baseline = self.baseline(cx, place, request, base).await?;
                let asking: Vec<_> =
                    asked.into_iter().map(|asked| self.answer(cx, asked, own, baseline.clone())).collect();
                let mut answers = stream::iter(asking).buffered(self.concurrency);
                while let Some(mut response) = answers.try_next().await? {
                    kept = kept.saturating_add(response.body_bytes);
                    if kept > KEPT_BYTES {
                        (response.json, response.body) = (None, None);
                    }
                    facts.responses.push(response);
                }
            }
        }
        Ok(facts)
    }

    fn bases(&self, cx: &ProbeCx) -> Result<Vec<Url>, ProbeError> {
        let parse = |text: &str| {
            parse_url(text).map_err(|why| ProbeError::unconfigured(format!("the URL cannot be used: {why}")))
        };
        match (&self.url, self.instances.as_slice()) {
            (Some(url), _) => Ok(vec![parse(url)?]),
            (None, []) => Ok(vec![parse(&cx.target()?.address)?]),
            (None, instances) => instances.iter().map(|url| parse(url)).collect(),
        }
    }

    fn asked<'a>(
        &self,
        place: usize,
        request: &'a Request,
        base: &'a Url,
        values: &[String],
        repeats: bool,
        cx: &ProbeCx,
    ) -> Vec<Asked<'a>> {
        let one = |value, token| Asked { place, request, base, value, token };
        if let Some(jwt) = &request.jwt {
            let (count, now) = (jwt.secrets.len(), cx.now());
            let forged = jwt.secrets.iter().enumerate().map(|(n, secret)| {
                let which = format!("a token signed with known secret {} of {count}", n.saturating_add(1));
                one(None, Some((jwt.token(secret, now), which)))
            });
            return forged.collect();
        }
        if repeats || request.repeats() {
            return values.iter().map(|value| one(Some(Cow::Owned(value.clone())), None)).collect();
        }
        vec![one(None, None)]
    }

    async fn baseline(
        &self,
        cx: &ProbeCx,
        place: usize,
        request: &Request,
        base: &Url,
    ) -> Result<Option<Baseline>, ProbeError> {
        let Some(value) = &request.baseline else { return Ok(None) };
        let mut seconds = Vec::with_capacity(BASELINE_RUNS);
        let mut last = Response::default();
        for _ in 0..BASELINE_RUNS {
            let asked = Asked { place, request, base, value: Some(Cow::Borrowed(value)), token: None };
            last = self.answer(cx, asked, &OfRequest::default(), None).await?;
            seconds.push(last.seconds);
        }
        seconds.sort_by(f64::total_cmp);
        let median = seconds.get(BASELINE_RUNS / 2).copied().unwrap_or_default();
        Ok(Some(Baseline { status: last.status, items: last.items, seconds: median }))
    }

    async fn answer(
        &self,
        cx: &ProbeCx,
        asked: Asked<'_>,
        own: &OfRequest,
        baseline: Option<Baseline>,
    ) -> Result<Response, ProbeError> {
        let Asked { place, request, base, value, token } = asked;
        let path = request.path_for(value.as_deref(), cx.now());
        let url = at(base, &path)?;
        let mut headers = self.headers.clone();
        headers.extend(request.headers_for(value.as_deref()));
        let body = request.body_for(value.as_deref());
        if let Some(hmac) = &request.hmac {
            headers.extend([hmac.header(cx, body.as_deref().unwrap_or_default()).await?]);
        }
        let value = match token {
            Some((token, which)) => {
                headers.insert("Authorization".to_owned(), format!("Bearer {token}"));
                Some(which)
            }
            None => value.map(Cow::into_owned),
        };
        let http = Http {
            target: self.target.clone(),
            method: request.method.clone(),
            headers,
            secret_headers: self.secret_headers.clone(),
            bearer: self.bearer.clone(),
            basic: self.basic.clone(),
            body,
            follow_redirects: 0,
            max_body: self.max_body,
            tls: self.tls.clone(),
            ..Http::default()
        };
        let answer = http.ask(cx, url.clone()).await.map_err(|error| named(error, request))?.answer;
        let content_type = content_type(&answer.headers);
        let json = parse_json(content_type.as_deref(), &answer.body);
        let text = String::from_utf8_lossy(&answer.body);
        let is_page = content_type.as_deref() == Some("text/html");
        let forbidden = self.compiled().forbidden.as_ref().and_then(|pattern| pattern.find(&text));
        let mut response = Response {
            request: request.label(),
            place,
            value,
            url: shown(&url),
            status: answer.status.as_u16(),
            headers: Headers::shown(&answer.headers).into_map(),
            content_type: content_type.unwrap_or_default(),
            body_bytes: answer.body.len() as u64,
            items: json.as_ref().and_then(items),
            assets: if is_page { page::assets(&text, &url) } else { Vec::new() },
            seconds: seconds(answer.phases.first_byte) + seconds(answer.phases.body),
            baseline,
            forbidden: forbidden.map(|found| found.as_str().chars().take(SHOWN).collect()),
            body: json.is_none().then(|| text.into_owned()),
            json,
            ..Response::default()
        };
        if let Some(personal) = &self.personal {
            look_for_people(personal, &mut response);
        }
        if let Some(query) = &own.same {
            match value_of(query, &response) {
                Ok(value) => response.same = Some(sorted(value)),
                Err(why) => response.same_problem = Some(why),
            }
        }
        Ok(response)
    }
}

/// Counts what the page of metrics says of people, and lets go of the page.
fn look_for_people(personal: &Personal, response: &mut Response) {
    let page = response.body.take();
    response.json = None;
    let mut scan = personal.scan();
    let read = match &page {
        Some(page) => exposition::labels(page, &mut |name, value| scan.value(name, value)),
        None => Err("it is JSON".to_owned()),
    };
    response.samples_looked_at = Some(*read.as_ref().unwrap_or(&0));
    response.personal_problem = read.err();
    (response.personal, _) = scan.end();
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

/// The URL a request goes to: below the base, or a whole URL of the same origin.
fn at(base: &Url, path: &str) -> Result<Url, ProbeError> {
    let cannot = |why: String| ProbeError::unconfigured(format!("the URL cannot be used: {why}"));
    if path.starts_with("http://") || path.starts_with("https://") {
        let url = parse_url(path).map_err(cannot)?;
        if url.origin() != base.origin() {
            return Err(cannot("it is not one of the target".to_owned()));
        }
        return Ok(url);
    }
    append(base, path).map_err(cannot)
}

/// A connection error says which of the requests it hit.
fn named(mut error: ProbeError, request: &Request) -> ProbeError {
    error.detail = format!("{} ({})", error.detail, request.label());
    error
}

fn value_of(query: &Query, response: &Response) -> Result<Value, String> {
    let facts = serde_json::to_value(response).map_err(|error| format!("the answer is not JSON: {error}"))?;
    query.value(&facts)
}

/// The texts an expression yields of an answer, each once.
fn texts(query: &Query, response: Option<&Response>) -> Result<Vec<String>, String> {
    let first = response.ok_or("there is no answer before it")?;
    let Value::Array(list) = value_of(query, first)? else { return Err("`each_of` yields no list".to_owned()) };
    let mut texts: Vec<String> = Vec::with_capacity(list.len());
    for value in list {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            _ => return Err("`each_of` yields something else than texts and numbers".to_owned()),
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    Ok(texts)
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(mut items) => {
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        other => other,
    }
}
