//! From an answer to a verdict.

use super::{Dns, DnsFacts, Rcode};
use crate::model::{Proof, Reason, Verdict};
use crate::probe::line::line;

pub(super) fn judge(dns: &Dns, facts: &DnsFacts) -> Verdict {
    let verdict = rcode_fault(dns, facts).or_else(|| fault(dns, facts)).unwrap_or_else(|| pass(dns, facts));
    let verdict = verdict.measured("duration_seconds", facts.duration_s, None);
    match facts.min_ttl_s {
        Some(ttl) => verdict.measured("ttl_seconds", f64::from(ttl), None),
        None => verdict,
    }
}

/// Only `noerror` and `nxdomain` say something about the name; every other code says that this
/// server would not or could not.
fn rcode_fault(dns: &Dns, facts: &DnsFacts) -> Option<Verdict> {
    let expected = dns.expect_rcode.as_str();
    if facts.rcode == expected {
        return None;
    }
    let sentence = sentence(dns, facts);
    let says = matches!(facts.rcode.as_str(), "noerror" | "nxdomain");
    Some(match dns.expect_rcode {
        Rcode::Noerror if says => Verdict::fail(Reason::Dns, sentence),
        // One of several resolvers of this machine is not what is checked.
        Rcode::Noerror if dns.by_the_system() => Verdict::indeterminate(Reason::Dns, sentence),
        Rcode::Noerror => Verdict::fail(Reason::Query, sentence),
        _ if says => Verdict::fail(Reason::Assertion, sentence),
        _ => Verdict::indeterminate(Reason::Query, sentence),
    })
}

fn fault(dns: &Dns, facts: &DnsFacts) -> Option<Verdict> {
    if facts.omitted > 0 {
        let sentence = format!("{}, more than can be judged", sentence(dns, facts));
        return Some(Verdict::indeterminate(Reason::TooLarge, sentence));
    }
    if dns.expect_rcode == Rcode::Noerror && facts.values.is_empty() {
        return Some(Verdict::fail(Reason::Missing, sentence(dns, facts)));
    }
    let other = facts.others.iter().find(|other| other.rcode != facts.rcode || other.values != facts.values)?;
    let sentence = format!(
        "expected the same answer for {} {} from all servers, saw {} from {} and {} from {}",
        facts.name,
        facts.record,
        answer(&facts.rcode, &facts.values),
        facts.server,
        answer(&other.rcode, &other.values),
        other.server
    );
    Some(Verdict::fail(Reason::Assertion, sentence))
}

fn pass(dns: &Dns, facts: &DnsFacts) -> Verdict {
    let mut proof = Proof::of("rcode", dns.expect_rcode.as_str(), facts.rcode.clone());
    if dns.expect_rcode == Rcode::Noerror {
        proof = proof.and("values", "at least one", list(&facts.values));
    }
    if !facts.others.is_empty() {
        proof = proof.and("others", "the same answer", format!("{} more servers agree", facts.others.len()));
    }
    Verdict::pass(proof, sentence(dns, facts))
}

fn sentence(dns: &Dns, facts: &DnsFacts) -> String {
    let (name, record, server) = (&facts.name, &facts.record, &facts.server);
    let expected = match dns.expect_rcode {
        Rcode::Noerror => format!("{record} records of {name}"),
        other => format!("{} for {name} {record}", other.as_str()),
    };
    let over = match facts.aliases.last() {
        Some(last) => format!(" at {last}"),
        None => String::new(),
    };
    format!("expected {expected} from {server}, saw {}{over}", answer(&facts.rcode, &facts.values))
}

fn answer(rcode: &str, values: &[String]) -> String {
    match rcode {
        "noerror" if values.is_empty() => "no record of this type".to_owned(),
        "noerror" => list(values),
        "nxdomain" => "nxdomain (the name does not exist)".to_owned(),
        other => other.to_owned(),
    }
}

/// The first few.
fn list(values: &[String]) -> String {
    const SHOWN: usize = 4;
    let short = |value: &String| line(value, 80);
    let shown = values.iter().take(SHOWN).map(short).collect::<Vec<_>>().join(", ");
    match values.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}
