//! A filter as an address, and in words.

use std::fmt;

use super::{Filter, Setup};
use crate::model::{Coverage, Priority, Reason, State};
use crate::web::view::{Links, encode};

/// One thing that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::web) struct Part {
    /// The parameter of the address.
    pub(in crate::web) key: &'static str,
    /// Its value, not encoded; several are joined with commas.
    pub(in crate::web) value: String,
    /// The value for people.
    pub(in crate::web) words: String,
}

impl Filter {
    /// Everything that is asked for, `refresh` included.
    pub(in crate::web) fn parts(&self) -> Vec<Part> {
        let several = |key, names: Vec<&str>| Part { key, value: names.join(","), words: names.join(" or ") };
        let text = |key, text: &str| Part { key, value: text.to_owned(), words: text.to_owned() };
        let parts = [
            several("state", self.states.iter().copied().map(State::as_str).collect()),
            several("priority", self.priorities.iter().copied().map(Priority::as_str).collect()),
            several("mode", self.modes.iter().copied().map(Coverage::as_str).collect()),
            several("reason", self.reasons.iter().copied().map(Reason::as_str).collect()),
            text("checklist", &self.checklist),
            text("section", &self.section),
            text("gate", &self.gate),
            text("team", &self.team),
            text("setup", self.setup.map_or("", Setup::as_str)),
            Part { words: format!("“{}”", self.q), ..text("q", &self.q) },
            Part { words: "only".to_owned(), ..text("regressed", if self.regressed { "true" } else { "" }) },
            text("refresh", &self.refresh.map_or_else(String::new, |seconds| seconds.to_string())),
        ];
        parts.into_iter().filter(|part| !part.value.is_empty()).collect()
    }

    /// The same without what `key` asks for.
    pub(in crate::web) fn without(&self, key: &str) -> Self {
        let mut rest = self.clone();
        match key {
            "state" => rest.states.clear(),
            "priority" => rest.priorities.clear(),
            "mode" => rest.modes.clear(),
            "reason" => rest.reasons.clear(),
            "checklist" => rest.checklist.clear(),
            "section" => rest.section.clear(),
            "gate" => rest.gate.clear(),
            "team" => rest.team.clear(),
            "setup" => rest.setup = None,
            "q" => rest.q.clear(),
            "regressed" => rest.regressed = false,
            _ => rest.refresh = None,
        }
        rest
    }

    /// Where the board shows it.
    pub(in crate::web) fn address(&self, links: &Links) -> String {
        let pair = |part: &Part| {
            let values: Vec<_> = match part.key {
                "state" | "priority" | "mode" | "reason" => part.value.split(',').map(encode).collect(),
                _ => vec![encode(&part.value)],
            };
            format!("{}={}", part.key, values.join(","))
        };
        let pairs: Vec<_> = self.parts().iter().map(pair).collect();
        if pairs.is_empty() { links.to("/") } else { links.to(&format!("/?{}", pairs.join("&"))) }
    }
}

impl Part {
    /// What is asked about, for people.
    pub(in crate::web) fn name(&self) -> &'static str {
        match self.key {
            "setup" => "set-up",
            "q" => "words",
            key => key,
        }
    }
}

impl fmt::Display for Filter {
    /// What is asked for, for people: `state fail or stale, section api`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.parts();
        let asked = parts.iter().filter(|part| part.key != "refresh");
        let said: Vec<_> = asked.map(|part| format!("{} {}", part.name(), part.words)).collect();
        f.write_str(&said.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_says_what_it_asks_for() {
        let filter = Filter::parse("state=fail&state=stale&section=api&q=x+y&refresh=30").unwrap();
        assert_eq!(filter.to_string(), "state fail or stale, section api, words “x y”");
    }

    #[test]
    fn an_address_leads_back_to_the_same_filter() {
        let links = Links::new("https://ops.example/ready", "/metrics");
        let query = "state=fail,stale&priority=low&mode=auto&reason=refused&checklist=a%26b&section=x.y&gate=a%2Fb\
                     &team=%3Cb%3E%22%2C%2B+%C3%BC&setup=missing&q=50%25+of+%23&regressed=1&refresh=30";
        let filter = Filter::parse(query).unwrap();
        let address = filter.address(&links);
        let again = Filter::parse(address.strip_prefix("/ready/?").unwrap()).unwrap();
        assert_eq!(again, filter, "{address}");
        assert!(!address.contains(['<', '"', ' ']), "{address}");
        let emptied = filter.parts().iter().fold(filter.clone(), |rest, part| rest.without(part.key));
        assert_eq!(emptied, Filter::default());
        assert_eq!(emptied.address(&links), "/ready/");
    }
}
