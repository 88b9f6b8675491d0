//! What values look like. None of it is proof: a number may have the check digit of a card by chance.

use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

use regex::Regex;

use super::Detector;
use super::network::Network;

/// The patterns are constants: that they compile is seen by the tests. One that did not would fit everything.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static EMAIL: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?i)[a-z0-9._%+-]+(@|%40)[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}"));
static PHONE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(^|[^0-9A-Za-z+])(\+[1-9]([ ()./-]{0,2}[0-9]){7,14}|\(?[2-9][0-9]{2}\)?[ .-][0-9]{3}[.-][0-9]{4})($|[^0-9A-Za-z])",
    )
});
static JWT: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"));
static CARD: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"[0-9](?:[ -]?[0-9]){12,18}"));
static HOME: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?i)(^|[^a-z0-9_])(/home/[^/\s]+|/Users/[^/\s]+|[a-z]:\\Users\\[^\\\s]+)"));

pub(super) fn is_like(detector: Detector, value: &str, networks: &[Network]) -> bool {
    let fits = |pattern: &Option<Regex>| pattern.as_ref().is_none_or(|pattern| pattern.is_match(value));
    match detector {
        Detector::Email => fits(&EMAIL),
        Detector::Phone => fits(&PHONE),
        Detector::Jwt => fits(&JWT),
        Detector::Homedir => fits(&HOME),
        Detector::Card => match CARD.as_ref() {
            Some(pattern) => pattern.find_iter(value).any(|found| is_card(value, found.start(), found.end())),
            None => true,
        },
        Detector::Ip => addresses(value).any(|address| !is_machine(address, networks)),
    }
}

fn addresses(value: &str) -> impl Iterator<Item = IpAddr> {
    let words = value.split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | ':' | '_')));
    words.filter_map(|word| {
        let word = word.trim_matches(['.', '_']).trim_end_matches(|c: char| c == ':' && !word.ends_with("::"));
        let host = || word.rsplit_once(':').and_then(|(host, _)| host.parse::<std::net::Ipv4Addr>().ok());
        let alone = word.parse::<IpAddr>().ok();
        alone.or_else(|| word.parse::<SocketAddr>().ok().map(|at| at.ip())).or_else(|| host().map(IpAddr::V4))
    })
}

fn is_machine(address: IpAddr, networks: &[Network]) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || address.is_unspecified() || networks.iter().any(|network| network.holds(address))
}

/// Digits between other characters, with the prefix and the length of an issuer, and the check digit.
fn is_card(value: &str, start: usize, end: usize) -> bool {
    let beside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let before = value.get(..start).and_then(|text| text.chars().next_back());
    let after = value.get(end..).and_then(|text| text.chars().next());
    if beside(before) || beside(after) {
        return false;
    }
    let digits: Vec<u32> = value.get(start..end).unwrap_or_default().chars().filter_map(|c| c.to_digit(10)).collect();
    let (first, second) = (digits.first().copied().unwrap_or(0), digits.get(1).copied().unwrap_or(0));
    let issued = matches!(
        (first, second, digits.len()),
        (4, _, 13 | 16 | 19) | (5, 1..=5, 16) | (2, 2..=7, 16) | (3, 4 | 7, 15) | (6, _, 16..=19)
    );
    issued && luhn(&digits)
}

fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit.saturating_mul(2)) {
            (0, _) => *digit,
            (_, twice) if twice > 9 => twice.saturating_sub(9),
            (_, twice) => twice,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!([&EMAIL, &PHONE, &JWT, &CARD, &HOME].iter().all(|pattern| pattern.is_some()));
    }

    #[test]
    fn values_look_like_what_they_are() {
        let yes = [
            (Detector::Email, "ann@example.org"),
            (Detector::Email, "mailto:Ann.B+x@mail.example.co.uk?subject"),
            (Detector::Email, "/users/ann%40example.org"),
            (Detector::Ip, "203.0.113.9"),
            (Detector::Ip, "203.0.113.9:52044"),
            (Detector::Ip, "http://203.0.113.9:80/x"),
            (Detector::Ip, "[2001:db8::1]:443"),
            (Detector::Ip, "2001:db8::1"),
            (Detector::Ip, "::ffff:203.0.113.9"),
            (Detector::Phone, "+49 30 901820"),
            (Detector::Phone, "tel:+14155550123"),
            (Detector::Phone, "(415) 555-0123"),
            (Detector::Jwt, "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2ln"),
            (Detector::Card, "4111 1111 1111 1111"),
            (Detector::Card, "card=378282246310005;"),
            (Detector::Homedir, "/home/ann/run.sh"),
            (Detector::Homedir, "--file=/Users/ann"),
            (Detector::Homedir, r"C:\Users\ann\x"),
        ];
        for (detector, value) in yes {
            assert!(is_like(detector, value, &[]), "{detector:?} {value}");
        }
        let no = [
            (Detector::Email, "sha256@0123"),
            (Detector::Email, "@every 5m"),
            (Detector::Ip, "10.1.2.3:8080"),
            (Detector::Ip, "127.0.0.1:9090"),
            (Detector::Ip, "::1"),
            (Detector::Ip, "::ffff:10.1.2.3"),
            (Detector::Ip, "2.42.0"),
            (Detector::Ip, "phoenix:api_requests:rate5m"),
            (Detector::Ip, "std::vector"),
            (Detector::Ip, "v1.2.3.4.5"),
            (Detector::Phone, "+Inf"),
            (Detector::Phone, "1795305600"),
            (Detector::Phone, "0f8fad5b-d9cb-469f-a165-70867728950e"),
            (Detector::Jwt, "eyJhbGciOiJIUzI1NiJ9"),
            (Detector::Card, "4111111111111112"),
            (Detector::Card, "1795305600123"),
            (Detector::Card, "a4111111111111111"),
            (Detector::Homedir, "/api/v1/home/page"),
            (Detector::Homedir, "/homes/x"),
        ];
        let machines = [Network::parse("10.0.0.0/8").unwrap()];
        for (detector, value) in no {
            assert!(!is_like(detector, value, &machines), "{detector:?} {value}");
        }
    }
}
