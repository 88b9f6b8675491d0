//! Lengths of time as people write them: `90d`, not `2months 29days 2h 52m 48s`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

use crate::model::Span;

pub(super) fn serialize<S: Serializer>(length: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let short = Span::from(*length).to_string();
    // The short form has two units only, so it is used where it says all.
    match humantime::parse_duration(&short) {
        Ok(same) if same == *length => serializer.serialize_str(&short),
        _ => serializer.collect_str(&humantime::format_duration(*length)),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = |_| serde::de::Error::custom("expected a length of time, such as 30s or 1h 30m");
    humantime::parse_duration(&text).map_err(wrong)
}
