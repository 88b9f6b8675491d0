//! How long keys live: some of each pattern, found with SCAN. Names of keys may be secrets themselves, such
//! as those of sessions: they are asked about and forgotten.

use redis::{Value as Reply, cmd};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::Redis;
use super::fault::Refusal;
use super::session::{Session, not_redis};
use crate::model::{Proof, Reason, Verdict};
use crate::probe::{Findings, ProbeCx, ProbeError};

/// Keys that belong together.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pattern {
    /// As SCAN takes it, such as `session:*`.
    pattern: String,
    /// Seconds that a key may have left to live at most.
    max_ttl_s: Option<u64>,
    /// There may well be no such key. Without it nothing is judged until there is one.
    optional: bool,
}

/// What the keys of one pattern are like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Sampled {
    pattern: String,
    /// Keys whose time to live is known.
    keys: u32,
    with_ttl: u32,
    without_ttl: u32,
    /// Share of keys with a time to live; absent without keys.
    ttl_ratio: Option<f64>,
    longest_ttl_s: Option<i64>,
    /// Keys that have longer than `max_ttl_s`.
    too_long: u32,
    /// Whether all keys of the server were looked at. Otherwise it is a sample.
    whole: bool,
}

const MOST_PATTERNS: usize = 16;
const MOST_KEYS: u32 = 10_000;
/// Keys that the server looks at before it answers: it serves nobody else meanwhile.
const PAGE: usize = 200;
/// Answers to SCAN for one pattern: most may have none of its keys.
const PAGES: usize = 500;
/// Answers that a server without time to live gives to TTL, and to a key that is gone.
const FOR_EVER: i64 = -1;

pub(super) fn check(leg: &Redis, findings: &mut Findings) {
    if leg.samples.len() > MOST_PATTERNS {
        findings.error("samples", format!("expected at most {MOST_PATTERNS}"));
    }
    for (place, sample) in leg.samples.iter().enumerate() {
        if sample.pattern.is_empty() {
            findings.error(&format!("samples[{place}].pattern"), "expected a pattern, such as `session:*`");
        }
    }
    if !(1..=MOST_KEYS).contains(&leg.sample_keys) {
        findings.error("sample_keys", format!("expected 1 to {MOST_KEYS}"));
    }
    if !leg.samples.is_empty() && (!leg.refused_with.is_empty() || leg.master.is_some()) {
        findings.error("samples", "what is refused, and a sentinel, have no keys to look at");
    }
}

/// Stops when it has enough keys, or has taken its share of the time: `left` patterns are still to come.
pub(super) async fn look(
    leg: &Redis,
    pattern: &Pattern,
    cx: &ProbeCx,
    session: &mut Session,
    left: u32,
) -> Result<Sampled, ProbeError> {
    let until = Instant::now() + cx.remaining() / left.saturating_add(1).max(2);
    let mut sampled = Sampled { pattern: pattern.pattern.clone(), ..Sampled::default() };
    let mut cursor = "0".to_owned();
    for _ in 0..PAGES {
        let scan =
            cmd("SCAN").arg(&cursor).arg("MATCH").arg(&pattern.pattern).arg("COUNT").arg(PAGE).get_packed_command();
        let answer = one(session.ask_all(cx, &scan, 1, "SCAN").await?, "SCAN", session)?;
        let (next, mut keys) = page(&answer).ok_or_else(|| not_redis(&session.peer, "SCAN"))?;
        keys.truncate(usize::try_from(leg.sample_keys.saturating_sub(sampled.keys)).unwrap_or_default());
        if !keys.is_empty() {
            let asked: Vec<u8> = keys.iter().flat_map(|key| cmd("TTL").arg(*key).get_packed_command()).collect();
            for answer in session.ask_all(cx, &asked, keys.len(), "TTL").await? {
                match one(vec![answer], "TTL", session)? {
                    Reply::Int(seconds) => sampled.count(seconds, pattern.max_ttl_s),
                    _ => return Err(not_redis(&session.peer, "TTL")),
                }
            }
        }
        cursor = next;
        sampled.whole = cursor == "0";
        if sampled.whole || sampled.keys >= leg.sample_keys || Instant::now() >= until {
            break;
        }
    }
    cx.note("sample", format_args!("{} keys of a pattern", sampled.keys));
    sampled.ttl_ratio = (sampled.keys > 0).then(|| f64::from(sampled.with_ttl) / f64::from(sampled.keys));
    Ok(sampled)
}

fn one(mut answers: Vec<Reply>, what: &str, session: &Session) -> Result<Reply, ProbeError> {
    match answers.pop() {
        Some(Reply::ServerError(error)) => Err(Refusal::of(&error).of_command(what, &session.peer)),
        answer => answer.ok_or_else(|| not_redis(&session.peer, what)),
    }
}

/// The next cursor, and keys.
fn page(answer: &Reply) -> Option<(String, Vec<&[u8]>)> {
    let Reply::Array(parts) = answer else { return None };
    let [Reply::BulkString(cursor), Reply::Array(keys)] = parts.as_slice() else { return None };
    let key = |key: &'_ Reply| -> Option<()> { matches!(key, Reply::BulkString(_)).then_some(()) };
    keys.iter().try_for_each(key)?;
    let keys = keys.iter().filter_map(|key| if let Reply::BulkString(key) = key { Some(key.as_slice()) } else { None });
    let cursor = std::str::from_utf8(cursor).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some((cursor.to_owned(), keys.collect()))
}

impl Sampled {
    /// What TTL said. A key that went meanwhile had a time to live, and is none any more.
    fn count(&mut self, seconds: i64, max: Option<u64>) {
        if seconds < FOR_EVER {
            return;
        }
        self.keys += 1;
        if seconds == FOR_EVER {
            self.without_ttl += 1;
            return;
        }
        self.with_ttl += 1;
        self.longest_ttl_s = self.longest_ttl_s.max(Some(seconds));
        if max.is_some_and(|max| u64::try_from(seconds).is_ok_and(|seconds| seconds > max)) {
            self.too_long += 1;
        }
    }
}

/// What the samples say against the server.
pub(super) fn fault(leg: &Redis, samples: &[Sampled]) -> Option<Verdict> {
    let expected = "expected every key to have a time to live";
    for (sample, pattern) in samples.iter().zip(&leg.samples) {
        let (name, keys) = (&sample.pattern, sample.keys);
        if sample.without_ttl > 0 {
            let sentence = format!("{expected}, saw {} of {keys} keys of `{name}` without", sample.without_ttl);
            return Some(Verdict::fail(Reason::Assertion, sentence));
        }
        if let (1.., Some(max)) = (sample.too_long, pattern.max_ttl_s) {
            let (longer, longest) = (sample.too_long, sample.longest_ttl_s.unwrap_or_default());
            let sentence = format!(
                "{expected} of at most {max} s, saw {longer} of {keys} keys of `{name}` with more, {longest} s at most"
            );
            return Some(Verdict::fail(Reason::Assertion, sentence));
        }
    }
    let sentence =
        |name: &str| Some(Verdict::indeterminate(Reason::NoData, format!("{expected}, saw no key of {name}")));
    let needed = leg.samples.iter().filter(|pattern| !pattern.optional);
    let missing = |pattern: &&Pattern| !samples.iter().any(|one| one.pattern == pattern.pattern && one.keys > 0);
    if let Some(pattern) = needed.clone().find(missing) {
        return sentence(&format!("`{}`", pattern.pattern));
    }
    if !leg.samples.is_empty() && samples.iter().all(|sample| sample.keys == 0) {
        return sentence("any pattern");
    }
    None
}

/// What a pass says of them.
pub(super) fn proof(proof: Proof, samples: &[Sampled]) -> (Proof, String) {
    if samples.is_empty() {
        return (proof, String::new());
    }
    let keys: u32 = samples.iter().map(|sample| sample.keys).sum();
    let proof = proof.and("time_to_live", "of every key", format!("of {keys} keys"));
    (proof, format!(", and a time to live of all {keys} sampled keys"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Outcome;

    fn sampled(pattern: &str, answers: &[i64]) -> Sampled {
        let mut sampled = Sampled { pattern: pattern.to_owned(), ..Sampled::default() };
        answers.iter().for_each(|seconds| sampled.count(*seconds, Some(60)));
        sampled
    }

    #[test]
    fn keys_without_an_end_fail_and_no_keys_decide_nothing() {
        let samples =
            json!([{ "pattern": "a:*", "max_ttl_s": 60 }, { "pattern": "b:*", "max_ttl_s": 60, "optional": true }]);
        let leg: Redis = serde_json::from_value(json!({ "target": "r", "samples": samples })).unwrap();
        let cases: [(&[i64], &[i64], _); 7] = [
            (&[60, 0], &[1], None),
            (&[60], &[], None),
            (&[60, -1], &[1], Some((Outcome::Fail, Reason::Assertion))),
            (&[60], &[61], Some((Outcome::Fail, Reason::Assertion))),
            (&[], &[1], Some((Outcome::Indeterminate, Reason::NoData))),
            // Gone while they were asked about.
            (&[-2, -2], &[1], Some((Outcome::Indeterminate, Reason::NoData))),
            (&[], &[], Some((Outcome::Indeterminate, Reason::NoData))),
        ];
        for (a, b, expected) in cases {
            let verdict = fault(&leg, &[sampled("a:*", a), sampled("b:*", b)]);
            let seen = verdict.as_ref().map(|verdict| (verdict.outcome(), verdict.reason().unwrap()));
            assert_eq!(seen, expected, "{a:?} {b:?} {:?}", verdict.as_ref().map(Verdict::sentence));
        }
    }

    #[test]
    fn pages_are_read() {
        let parse = |bytes: &str| redis::parse_redis_value(bytes.as_bytes()).unwrap();
        let answer = parse("*2\r\n$2\r\n17\r\n*1\r\n$3\r\na:1\r\n");
        assert_eq!(page(&answer), Some(("17".to_owned(), vec![b"a:1".as_slice()])));
        for other in ["+OK\r\n", "*1\r\n$1\r\n0\r\n", "*2\r\n$1\r\nx\r\n*0\r\n", "*2\r\n$1\r\n0\r\n*1\r\n:1\r\n"] {
            assert_eq!(page(&parse(other)), None, "{other}");
        }
    }
}
