//! From lines to numbers.

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Logs;
use super::facts::{Hit, Sample};
use crate::model::Timestamp;

/// What was read of one source, oldest line first.
pub(in crate::probe::kinds) struct Lines {
    pub(in crate::probe::kinds) name: String,
    pub(in crate::probe::kinds) lines: Vec<Line>,
    /// There are older lines that were not read.
    pub(in crate::probe::kinds) more: bool,
}

#[derive(Debug)]
pub(in crate::probe::kinds) struct Line {
    /// When the store took it; files do not tell.
    pub(in crate::probe::kinds) at_s: Option<f64>,
    pub(in crate::probe::kinds) text: String,
}

/// What is asked of a source.
pub(in crate::probe::kinds) struct Newest<'a> {
    /// The label by which sources are told apart.
    pub(in crate::probe::kinds) by: Option<&'a str>,
    pub(in crate::probe::kinds) lines: usize,
    pub(in crate::probe::kinds) since_s: Option<u32>,
}

/// A line with the time before it that engines and nodes put there.
pub(in crate::probe::kinds) fn stamped(text: &str) -> Line {
    let told = text.split_once(' ').and_then(|(at, rest)| Some((parsed(at)?, rest)));
    let (at_s, text) = told.map_or((None, text), |(at, rest)| (Some(at), rest));
    Line { at_s, text: text.to_owned() }
}

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Level {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// Names that loggers use, and the numbers of pino and bunyan.
    fn of(value: &Value) -> Option<Self> {
        if let Some(number) = value.as_u64() {
            return match number {
                10 => Some(Self::Trace),
                20 => Some(Self::Debug),
                30 => Some(Self::Info),
                40 => Some(Self::Warn),
                50 => Some(Self::Error),
                60 => Some(Self::Fatal),
                _ => None,
            };
        }
        match value.as_str()?.to_lowercase().as_str() {
            "trace" => Some(Self::Trace),
            "debug" => Some(Self::Debug),
            "info" | "information" | "notice" => Some(Self::Info),
            "warn" | "warning" => Some(Self::Warn),
            "error" | "err" => Some(Self::Error),
            "fatal" | "critical" | "crit" | "panic" | "dpanic" | "alert" | "emerg" => Some(Self::Fatal),
            _ => None,
        }
    }
}

/// A level that is not known.
pub(super) const OTHER: &str = "other";
/// Bytes of a line at whose beginning a time may stand.
const STAMP: usize = 40;

pub(super) fn look(leg: &Logs, forbid: &[Regex], read: Lines, now: Timestamp) -> Sample {
    let now_s = now.as_secs_f64();
    let mut sample = Sample { name: read.name, ..Sample::default() };
    let (mut last, mut reaches_back) = (None, !read.more);
    let mut kept = Vec::new();
    for line in read.lines {
        let object = serde_json::from_str::<Map<String, Value>>(&line.text).ok();
        let own = object.as_ref().and_then(|object| time_in(object, &leg.time_keys)).or_else(|| stamp(&line.text));
        let at = line.at_s.or(own);
        last = at.or(last);
        if let (Some(since), Some(last)) = (leg.since_s, last)
            && now_s - last > f64::from(since)
        {
            reaches_back = true;
            continue;
        }
        kept.push((line.text, object, at));
    }
    // Without a window the newest lines are all that was asked for.
    sample.cut = leg.since_s.is_some() && !reaches_back;
    sample.lines = kept.len();
    let (mut errors, mut with_level) = (0_usize, 0_usize);
    let total = kept.len();
    for (number, (text, object, at)) in kept.iter().enumerate() {
        sample.longest_bytes = sample.longest_bytes.max(text.len());
        if let Some(at) = at {
            let age = now_s - at;
            sample.timed += 1;
            sample.newest_age_s = Some(sample.newest_age_s.map_or(age, |newest| newest.min(age)));
            sample.oldest_age_s = Some(sample.oldest_age_s.map_or(age, |oldest| oldest.max(age)));
            if age >= f64::from(leg.settle_s) {
                sample.settled_age_s = Some(sample.settled_age_s.map_or(age, |newest| newest.min(age)));
            }
        }
        for (pattern, _) in forbid.iter().enumerate().filter(|(_, forbid)| forbid.is_match(text)) {
            let from_end = total - number;
            match sample.forbidden.iter_mut().find(|hit| hit.pattern == pattern) {
                Some(hit) => (hit.count, hit.from_end) = (hit.count + 1, from_end),
                None => sample.forbidden.push(Hit { pattern, count: 1, from_end }),
            }
        }
        let Some(object) = object else { continue };
        sample.json += 1;
        let mut whole = true;
        for key in &leg.required {
            if !key.split('|').any(|name| object.get(name).is_some_and(|value| !value.is_null())) {
                whole = false;
                *sample.lacking.entry(key.clone()).or_default() += 1;
            }
        }
        sample.structured += usize::from(whole);
        if let Some(value) = object.get(&leg.level_key) {
            let level = Level::of(value);
            with_level += 1;
            errors += usize::from(level.is_some_and(|level| level >= Level::Error));
            *sample.levels.entry(level.map_or(OTHER, Level::as_str).to_owned()).or_default() += 1;
        }
    }
    let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
    sample.ratio = share(sample.structured, total);
    sample.error_ratio = share(errors, with_level);
    sample
}

fn time_in(object: &Map<String, Value>, keys: &[String]) -> Option<f64> {
    keys.iter().find_map(|key| match object.get(key)? {
        Value::String(text) => parsed(text),
        // Seconds, or finer: nobody logged before 2001 in anything else.
        Value::Number(number) => {
            let number = number.as_f64()?;
            [1.0, 1e3, 1e6, 1e9].into_iter().map(|unit| number / unit).find(|at| (1e9..1e11).contains(at))
        }
        _ => None,
    })
}

fn parsed(text: &str) -> Option<f64> {
    text.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond() as f64 / 1e3)
}

/// A time at the beginning of a line, such as `2026-11-22T10:00:00Z` or `[2026-11-22 10:00:00Z]`.
fn stamp(text: &str) -> Option<f64> {
    let text = text.trim_start_matches(['[', ' ']);
    let head = text.get(..text.floor_char_boundary(STAMP))?;
    let mut words = head.split([' ', ']', '\t', ',']);
    let first = words.next()?;
    parsed(first).or_else(|| parsed(&format!("{first}T{}", words.next()?)))
}
