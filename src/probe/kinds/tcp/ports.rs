//! Many ports of one host: those that must be open and those that must not.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::{Expect, Tcp, TcpFacts};
use crate::model::{Proof, Reason, Verdict};
use crate::probe::net::{Address, spoken};
use crate::probe::{Blame, Findings, ProbeCx, ProbeError};

/// Ports of one check.
const PORTS: usize = 64;
/// Tried at the same time.
const AT_ONCE: usize = 4;
/// How long a port may be silent.
const SILENCE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy)]
enum Port {
    Open,
    Refused,
    Silent,
    Untried,
}

pub(super) fn check(tcp: &Tcp, findings: &mut Findings) {
    if !tcp.of_many() {
        return;
    }
    let field = if tcp.deny.is_empty() { "allow" } else { "deny" };
    if tcp.address.is_some() {
        findings.error("address", "many ports are tried only of a host that is a `target`");
    }
    if tcp.expect == Expect::Refused {
        findings.error("expect", "write the ports under `deny`");
    }
    if tcp.allow.len() + tcp.deny.len() > PORTS {
        findings.error(field, format!("at most {PORTS} ports can be tried"));
    }
    if tcp.allow.iter().chain(&tcp.deny).any(|port| *port == 0) {
        findings.error(field, "there is no port 0");
    }
    if let Some(port) = tcp.allow.iter().find(|port| tcp.deny.contains(port)) {
        findings.error("deny", format!("port {port} stands under `allow` too"));
    }
}

/// An error only if a port could not be tried for a reason that says nothing about it.
pub(super) async fn observe(tcp: &Tcp, cx: &ProbeCx, place: &Address) -> Result<TcpFacts, ProbeError> {
    // One name, one address: a host that answers with several could be seen half.
    let address = cx.clients().resolve(cx, &place.host).await?;
    let host = address.first().map_or_else(|| place.host.clone(), ToString::to_string);
    let ports: Vec<u16> = tcp.allow.iter().chain(&tcp.deny).copied().collect();
    let mut facts = TcpFacts { address: place.host.clone(), peer: Some(host.clone()), ..TcpFacts::default() };
    for some in ports.chunks(AT_ONCE) {
        let seen = join_all(some.iter().map(|port| look(cx, &host, *port))).await;
        for (port, seen) in some.iter().zip(seen) {
            match seen? {
                Port::Open => facts.open.push(*port),
                Port::Refused => facts.refused.push(*port),
                Port::Silent => facts.silent.push(*port),
                Port::Untried => facts.untried.push(*port),
            }
        }
    }
    facts.seen =
        format!("open: {}; refused: {}; silent: {}", list(&facts.open), facts.refused.len(), list(&facts.silent));
    Ok(facts)
}

async fn look(cx: &ProbeCx, host: &str, port: u16) -> Result<Port, ProbeError> {
    // With less time silence would prove nothing.
    let enough = cx.remaining() >= SILENCE;
    match timeout(SILENCE, cx.clients().dial(cx, host, port)).await {
        Ok(Ok(_)) => Ok(Port::Open),
        Ok(Err(error)) if error.blame == Blame::Target => match error.reason {
            Reason::Refused => Ok(Port::Refused),
            Reason::Unreachable => Ok(Port::Silent),
            Reason::Timeout if enough => Ok(Port::Silent),
            Reason::Timeout => Ok(Port::Untried),
            // It was accepted first.
            Reason::Reset => Ok(Port::Open),
            _ => Err(error),
        },
        Ok(Err(error)) => Err(error),
        Err(_) if enough => Ok(Port::Silent),
        Err(_) => Ok(Port::Untried),
    }
}

pub(super) fn judge(tcp: &Tcp, facts: &TcpFacts) -> Verdict {
    let host = &facts.address;
    let of = |ports: &[u16], wanted: &[u16]| -> Vec<u16> {
        wanted.iter().copied().filter(|port| ports.contains(port)).collect()
    };
    let exposed = of(&facts.open, &tcp.deny);
    if !exposed.is_empty() {
        let sentence = format!("expected {host} to keep ports closed, saw open: {}", list(&exposed));
        return Verdict::fail(Reason::Assertion, sentence);
    }
    for (ports, reason, seen) in
        [(&facts.refused, Reason::Refused, "refused"), (&facts.silent, Reason::Timeout, "silent")]
    {
        let wrong = of(ports, &tcp.allow);
        if !wrong.is_empty() {
            let sentence = format!("expected {host} to accept connections, saw {seen}: {}", list(&wrong));
            return Verdict::fail(reason, sentence);
        }
    }
    if !facts.untried.is_empty() {
        let sentence = format!("expected an answer of all ports of {host}, had no time for: {}", list(&facts.untried));
        return Verdict::indeterminate(Reason::Timeout, sentence);
    }
    let silence = spoken(SILENCE);
    if facts.open.is_empty() && facts.refused.is_empty() {
        let sentence = format!("expected a sign of {host}, saw no port answer within {silence}; it may not be there");
        return Verdict::indeterminate(Reason::Timeout, sentence);
    }
    let (allow, deny) = (list(&tcp.allow), tcp.deny.len());
    let proof = Proof::of("open", allow.clone(), list(&facts.open)).and(
        "closed",
        format!("{deny} ports"),
        format!("{} refused, {} silent", facts.refused.len(), facts.silent.len()),
    );
    Verdict::pass(
        proof,
        format!(
            "expected {host} to have only the intended ports open, saw open: {}; {} refused, {} silent for {silence}",
            list(&facts.open),
            facts.refused.len(),
            facts.silent.len()
        ),
    )
}

fn list(ports: &[u16]) -> String {
    match ports {
        [] => "none".to_owned(),
        ports => ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}
