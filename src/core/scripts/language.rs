//! Words, times and definitions.

use crate::core::fixture::{CheckDef, Def};
use crate::model::{Applicability, Hysteresis, Mode, Policy, Reason, Span, Timestamp};

const MIDNIGHT: i64 = 1_767_225_600;

/// Words; text in double quotes is one word.
pub(super) fn words(line: &str) -> Vec<String> {
    let line = line.split(" #").next().unwrap();
    let mut words = Vec::new();
    for (n, part) in line.split('"').enumerate() {
        if n % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

pub(super) fn time(word: &str) -> Result<Timestamp, String> {
    let (days, clock) = word.split_once('d').unwrap_or(("0", word));
    let mut secs = 0;
    let mut unit = 3600;
    for part in clock.split(':') {
        secs += part.parse::<i64>().map_err(|_| format!("`{word}` is no time"))? * unit;
        unit /= 60;
    }
    let days: i64 = days.parse().map_err(|_| format!("`{word}` is no time"))?;
    Ok(Timestamp::from_secs(MIDNIGHT + days * 86_400 + secs))
}

pub(super) fn shown(at: Timestamp) -> String {
    let secs = at.0 / 1000 - MIDNIGHT;
    let (days, secs) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
    let clock = format!("{:02}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60);
    if days == 0 { clock } else { format!("{days}d{clock}") }
}

/// RFC 3339 instants in sentences, as shown elsewhere.
pub(super) fn shorten(sentence: &str) -> String {
    sentence.replace("2026-01-01T", "").replace("2026-01-02T", "1d").replace('Z', "")
}

pub(super) fn span(word: &str) -> Result<Span, String> {
    let (number, unit) = word.split_at(word.len() - 1);
    let secs = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(format!("`{word}` is no length of time")),
    };
    Ok(Span::from_secs(number.parse::<u64>().map_err(|error| error.to_string())? * secs))
}

const KEYS: [&str; 14] = [
    "every", "depends", "any_of", "all_of", "legs", "attested", "unmapped", "mixed", "version", "aka", "hold", "fresh",
    "unless", "title",
];

/// The words after `item`.
pub(super) fn item(words: &[String]) -> Result<Def, String> {
    let mut def = Def::new(words.first().ok_or("an item needs a name")?);
    let mut fresh = None;
    let mut rest = &words[1..];
    while let Some((key, after)) = rest.split_first() {
        let end = after.iter().position(|word| KEYS.contains(&word.as_str())).unwrap_or(after.len());
        let (values, next) = after.split_at(end);
        rest = next;
        let first = || values.first().ok_or(format!("`{key}` needs a value"));
        match key.as_str() {
            "every" => def.interval = span(first()?)?,
            "depends" => def.depends = values.to_vec(),
            "any_of" => def.check = CheckDef::Any(values.to_vec()),
            "all_of" => def.check = CheckDef::All(values.to_vec()),
            "legs" => def.check = CheckDef::Legs(first()?.parse().unwrap()),
            "attested" => {
                def.mode = Mode::Attested;
                def.policy.hysteresis = Hysteresis::IMMEDIATE;
            }
            "unmapped" => def.check = CheckDef::Undecided(Reason::Unmapped, first()?.clone()),
            "mixed" => def.check = CheckDef::Mixed(Reason::Unconfigured, first()?.clone()),
            "version" => def.version = first()?.parse().unwrap(),
            "aka" => def.aliases = values.to_vec(),
            "hold" => def.policy.ready_hold = span(first()?)?,
            "fresh" => fresh = Some(span(first()?)?),
            "title" => def.title = first()?.clone(),
            "unless" => def.applicability = Applicability::NotApplicable(first()?.as_str().into()),
            other => return Err(format!("`{other}` is no property of an item")),
        }
    }
    let default = def.interval.times(2) + Span::from_secs(10);
    def.policy = Policy { fresh_for: fresh.unwrap_or(default), ..def.policy };
    Ok(def)
}
