//! Response headers as facts show them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::{Deserialize, Serialize};

use crate::probe::net::{is_suspicious_name, mask_cookie, mask_location};

const MASK: &str = "***";

/// By name, as a map. Names are shared with the answer and not copied: nearly all of them are
/// known ones.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(from = "BTreeMap<String, String>")]
pub(crate) struct Headers(Vec<(HeaderName, String)>);

impl Headers {
    /// Several values are joined by a comma, those that may be secret are masked.
    pub(in crate::probe::kinds) fn shown(headers: &HeaderMap) -> Self {
        let mut shown: Vec<(HeaderName, String)> = Vec::with_capacity(headers.keys_len());
        for (name, value) in headers {
            let value = masked(name, value);
            match shown.last_mut() {
                // All values of a name come in turn.
                Some((last, text)) if last == name => {
                    text.push_str(", ");
                    text.push_str(&value);
                }
                _ => shown.push((name.clone(), value.into_owned())),
            }
        }
        shown.sort_unstable_by(|one, other| one.0.as_str().cmp(other.0.as_str()));
        Self(shown)
    }

    pub(in crate::probe::kinds) fn into_map(self) -> BTreeMap<String, String> {
        self.0.into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect()
    }
}

fn masked<'a>(name: &HeaderName, value: &'a HeaderValue) -> Cow<'a, str> {
    let text = String::from_utf8_lossy(value.as_bytes());
    match *name {
        header::SET_COOKIE => mask_cookie(&text).into(),
        header::LOCATION | header::CONTENT_LOCATION => mask_location(&text).into(),
        _ if is_suspicious_name(name.as_str()) => MASK.into(),
        _ => text,
    }
}

/// From recorded facts. What is no name was recorded by no probe.
impl From<BTreeMap<String, String>> for Headers {
    fn from(headers: BTreeMap<String, String>) -> Self {
        Self(headers.into_iter().filter_map(|(name, value)| Some((name.parse().ok()?, value))).collect())
    }
}

impl Serialize for Headers {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name.as_str(), value)))
    }
}

#[cfg(test)]
impl std::ops::Index<&str> for Headers {
    type Output = String;

    fn index(&self, name: &str) -> &String {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_values_are_joined_and_names_sorted() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("x-b", "2"), ("set-cookie", "a=b; Secure"), ("x-a", "1"), ("x-b", "3"), ("x-token", "t")]
        {
            headers.append(name, HeaderValue::from_static(value));
        }
        let text = r#"{"set-cookie":"a=***; Secure","x-a":"1","x-b":"2, 3","x-token":"***"}"#;
        let shown = Headers::shown(&headers);
        assert_eq!(serde_json::to_string(&shown).unwrap(), text);
        assert_eq!(serde_json::from_str::<Headers>(text).unwrap(), shown);
    }
}
