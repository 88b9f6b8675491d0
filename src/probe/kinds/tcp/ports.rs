//! Many ports of one host: those that must be open and those that must not.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::{Expect, Outcome, Tcp, TcpFacts};
use crate::model::{Proof, Reason, Verdict};
use crate::probe::net::{Address, spoken};
use crate::probe::{Blame, Findings, ProbeCx, ProbeError};

/// Ports of one check.
const PORTS: usize = 64;
/// Tried at the same time.
const AT_ONCE: usize = 4;
/// How long a port may be silent.
const SILENCE: Duration = Duration::from_secs(2);

/// At one address. Of several, the later one here tells what is seen of the host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Port {
    Unreachable,
    Refused,
    Silent,
    Untried,
    Open,
}

pub(super) fn check(tcp: &Tcp, findings: &mut Findings) {
    if !tcp.of_many() {
        return;
    }
    let field = if tcp.deny.is_empty() { "allow" } else { "deny" };
    if tcp.address.is_some() {
        findings.error("address", "many ports are tried only of a host that is a `target`");
    }
    if tcp.expect != Expect::Open {
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
    let addresses = cx.clients().resolve(cx, &place.host).await?;
    let peer = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let ports: Vec<u16> = tcp.allow.iter().chain(&tcp.deny).copied().collect();
    let mut facts = TcpFacts { address: place.host.clone(), peer: Some(peer), ..TcpFacts::default() };
    for some in ports.chunks(AT_ONCE) {
        let seen = join_all(some.iter().map(|port| at_every(cx, &addresses, *port))).await;
        for (port, seen) in some.iter().zip(seen) {
            match seen? {
                Port::Open => facts.open.push(*port),
                Port::Refused => facts.refused.push(*port),
                Port::Silent | Port::Unreachable => facts.silent.push(*port),
                Port::Untried => facts.untried.push(*port),
            }
        }
    }
    facts.seen =
        format!("open: {}; refused: {}; silent: {}", list(&facts.open), facts.refused.len(), list(&facts.silent));
    Ok(facts)
}

/// One port that nobody should get in by: each address of the name has its 2 s to let somebody in.
pub(super) async fn closed(cx: &ProbeCx, place: &Address) -> Result<TcpFacts, ProbeError> {
    let addresses = cx.clients().resolve(cx, &place.host).await?;
    let (outcome, seen) = match at_every(cx, &addresses, place.port).await? {
        Port::Open => (Outcome::Open, "accepted the connection"),
        Port::Refused => (Outcome::Refused, "refused the connection"),
        Port::Silent => (Outcome::Timeout, "was silent for 2 s"),
        Port::Unreachable => {
            let text = format!("{place} cannot be reached, which says nothing about the port");
            return Err(ProbeError::observer(Reason::Unreachable, text));
        }
        Port::Untried => return Err(ProbeError::unconfigured("2 s of silence do not fit into the timeout")),
    };
    let peer = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (address, seen) = (place.to_string(), format!("{place} {seen}"));
    Ok(TcpFacts { outcome: Some(outcome), address, peer: Some(peer), seen, ..TcpFacts::default() })
}

/// A name may have several addresses, and each of them is a way in: the port is open if one of them
/// is, and refused only if every one that could be reached says so.
async fn at_every(cx: &ProbeCx, addresses: &[IpAddr], port: u16) -> Result<Port, ProbeError> {
    let seen = join_all(addresses.iter().map(|address| look(cx, *address, port))).await;
    if seen.iter().any(|seen| matches!(seen, Ok(Port::Open))) {
        return Ok(Port::Open);
    }
    seen.into_iter().try_fold(Port::Unreachable, |all, seen| Ok(all.max(seen?)))
}

async fn look(cx: &ProbeCx, address: IpAddr, port: u16) -> Result<Port, ProbeError> {
    // With less time silence would prove nothing.
    let enough = cx.remaining() >= SILENCE;
    match timeout(SILENCE, cx.clients().dial(cx, &address.to_string(), port)).await {
        Ok(Ok(_)) => Ok(Port::Open),
        Ok(Err(error)) if error.blame == Blame::Target => match error.reason {
            Reason::Refused => Ok(Port::Refused),
            Reason::Unreachable => Ok(Port::Unreachable),
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
