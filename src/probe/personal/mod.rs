//! Whether labels carry what looks like data of a person. Pure. What was found is counted by label; the values
//! themselves are kept nowhere.

mod detect;
mod network;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::detect::is_like;
use self::network::Network;
use crate::probe::Findings;
use crate::probe::line::line;

/// What labels must not be called, and what their values must not look like. A hit is named by its label and never
/// shown.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::probe) struct Personal {
    /// Labels that must not be there, whatever their values. An empty value is no label.
    names: Vec<String>,
    /// What values must not look like.
    detectors: Vec<Detector>,
    /// Networks whose addresses are those of machines, such as `10.0.0.0/8`. The loopback always is one.
    networks: Vec<String>,
    /// With more values of one label nothing passes.
    pub(in crate::probe) max_values: usize,
}

/// What a value may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::probe) enum Detector {
    /// An address of e-mail.
    Email,
    /// An address of IPv4 or IPv6 outside the networks.
    Ip,
    /// A telephone number in international form, or in groups of 3, 3 and 4.
    Phone,
    /// A signed token.
    Jwt,
    /// The number of a payment card with its check digit.
    Card,
    /// A path into somebody's home.
    Homedir,
}

/// Values of one label that look alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(in crate::probe) struct Found {
    pub(in crate::probe) label: String,
    /// Such as `email`; `name` if the label itself is forbidden.
    pub(in crate::probe) like: String,
    /// How many; of what is read of a page, samples.
    pub(in crate::probe) values: u64,
}

/// Goes through labels, and counts.
pub(in crate::probe) struct Scan<'a> {
    personal: &'a Personal,
    networks: Vec<Network>,
    found: BTreeMap<(String, String), u64>,
    /// More labels have hits than are named.
    more: bool,
}

const VALUES_CEILING: usize = 1_000_000;
/// Labels with hits that are named.
const NAMED: usize = 50;
const NAME_BYTES: usize = 64;

impl Default for Personal {
    fn default() -> Self {
        Self { names: Vec::new(), detectors: Vec::new(), networks: Vec::new(), max_values: 50_000 }
    }
}

impl Personal {
    pub(in crate::probe) fn check(&self, findings: &mut Findings) {
        if self.names.is_empty() && self.detectors.is_empty() {
            findings.error_with_hint("personal", "nothing is looked for", "write `names`, or `detectors`");
        }
        for (at, text) in self.networks.iter().enumerate() {
            if Network::parse(text).is_none() {
                findings.error(&format!("personal.networks[{at}]"), "expected a network such as 10.0.0.0/8");
            }
        }
        if !(1..=VALUES_CEILING).contains(&self.max_values) {
            findings.error("personal.max_values", format!("expected 1 to {VALUES_CEILING}"));
        }
    }

    pub(in crate::probe) fn scan(&self) -> Scan<'_> {
        let networks = self.networks.iter().filter_map(|text| Network::parse(text)).collect();
        Scan { personal: self, networks, found: BTreeMap::new(), more: false }
    }
}

impl Scan<'_> {
    /// One value of a label.
    pub(in crate::probe) fn value(&mut self, label: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        if self.personal.names.iter().any(|name| name == label) {
            self.hit(label, "name");
        }
        for detector in &self.personal.detectors {
            if is_like(*detector, value, &self.networks) {
                self.hit(label, detector.as_str());
            }
        }
    }

    fn hit(&mut self, label: &str, like: &str) {
        let key = (line(label, NAME_BYTES), like.to_owned());
        if self.found.len() >= NAMED && !self.found.contains_key(&key) {
            self.more = true;
            return;
        }
        let count = self.found.entry(key).or_default();
        *count = count.saturating_add(1);
    }

    /// What was found, by label, and whether more labels have hits than are named.
    pub(in crate::probe) fn end(self) -> (Vec<Found>, bool) {
        let found = self.found.into_iter().map(|((label, like), values)| Found { label, like, values });
        (found.collect(), self.more)
    }
}

impl Detector {
    fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Ip => "ip",
            Self::Phone => "phone",
            Self::Jwt => "jwt",
            Self::Card => "card",
            Self::Homedir => "homedir",
        }
    }
}

/// As a sentence says it: `2 values of remote that look like ip`, and how many labels more.
pub(in crate::probe) fn told(found: &[Found]) -> Option<String> {
    let first = found.first()?;
    let what = match first.like.as_str() {
        "name" => format!("the label {}", first.label),
        like => format!("{} of the label {} that look like {like}", first.values, first.label),
    };
    Some(match found.len() {
        1 => what,
        n => format!("{what}, and {} more such findings", n.saturating_sub(1)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_counted_by_label_and_never_shown() {
        let personal = Personal {
            names: vec!["user".to_owned()],
            detectors: vec![Detector::Email, Detector::Ip],
            networks: vec!["10.0.0.0/8".to_owned()],
            ..Personal::default()
        };
        let mut scan = personal.scan();
        for (label, value) in [
            ("user", "u1"),
            ("user", ""),
            ("owner", "Ann <ann@example.org>"),
            ("owner", "ben@example.org"),
            ("instance", "10.1.2.3:8080"),
            ("peer", "203.0.113.9"),
        ] {
            scan.value(label, value);
        }
        let (found, more) = scan.end();
        let seen: Vec<_> = found.iter().map(|f| (f.label.as_str(), f.like.as_str(), f.values)).collect();
        assert_eq!(seen, [("owner", "email", 2), ("peer", "ip", 1), ("user", "name", 1)]);
        assert!(!more);
        assert_eq!(told(&found).unwrap(), "2 of the label owner that look like email, and 2 more such findings");
        assert!(!format!("{found:?}").contains("ann"));
    }

    #[test]
    fn what_is_named_is_bounded() {
        let personal = Personal { detectors: vec![Detector::Email], ..Personal::default() };
        let mut scan = personal.scan();
        (0..100).for_each(|n| scan.value(&format!("l{n}"), "a@example.org"));
        let (found, more) = scan.end();
        assert_eq!((found.len(), more), (NAMED, true));
    }
}
