//! From what was seen of connections to a verdict: what failed decides first, then what was slow, then
//! whether the exporter could tell.

use super::sockets::{Held, Sockets};
use crate::model::{Proof, Reason, Verdict};

pub(super) fn verdict(leg: &Sockets, held: &Held, url: &str) -> Verdict {
    let verdict = decided(leg, held, url).measured("websocket_held", held.peak as f64, None);
    let connect = held.connect.as_ref().map(|latency| latency.p95_s);
    let round_trip = held.round_trip.as_ref().map(|latency| latency.p95_s);
    [
        ("websocket_connect_p95_seconds", connect, leg.max_connect_p95_s),
        ("websocket_round_trip_p95_seconds", round_trip, leg.max_round_trip_p95_s),
    ]
    .into_iter()
    .filter_map(|(name, value, most)| value.map(|value| (name, value, most)))
    .fold(verdict, |verdict, (name, value, most)| verdict.measured(name, value, most))
}

fn decided(leg: &Sockets, held: &Held, url: &str) -> Verdict {
    let wanted = held.wanted;
    let (failed, dropped) = held.bad();
    let why = held.first_error.as_ref().map(|why| format!("; the first: {why}")).unwrap_or_default();
    let most = |by: &std::collections::BTreeMap<String, u64>| {
        let most = by.iter().max_by_key(|(_, count)| **count);
        most.and_then(|(reason, _)| Reason::parse(reason)).unwrap_or(Reason::Other)
    };
    let early = if held.aborted { ", and the run was ended early" } else { "" };
    // Of those that were never tried nothing is known.
    if failed > 0 && (held.aborted || (wanted.saturating_sub(failed) as f64) < leg.min_established * wanted as f64) {
        let sentence = format!(
            "expected {wanted} connections to {url}, saw {} established and {failed} not ({}){early}{why}",
            held.established,
            listed(&held.failed)
        );
        return Verdict::fail(most(&held.failed), sentence);
    }
    if dropped > 0 && (held.aborted || dropped as f64 > leg.max_dropped * held.established as f64) {
        let sentence = format!(
            "expected {} connections to {url} to be held, saw {dropped} lost ({}){early}{why}",
            held.established,
            listed(&held.dropped)
        );
        return Verdict::fail(most(&held.dropped), sentence);
    }
    if held.late > 0 {
        let sentence = format!(
            "expected {wanted} connections to be tried in time, saw {} of them late: the exporter was too slow, so that \
             the times prove nothing",
            held.late
        );
        return Verdict::indeterminate(Reason::Other, sentence);
    }
    let p95 = |latency: Option<&super::facts::Latency>| latency.map(|latency| latency.p95_s);
    let (connect, round_trip) = (p95(held.connect.as_ref()), p95(held.round_trip.as_ref()));
    for (what, value, most) in
        [("upgrades", connect, leg.max_connect_p95_s), ("answers", round_trip, leg.max_round_trip_p95_s)]
    {
        let Some(most) = most else { continue };
        let Some(value) = value else {
            return Verdict::indeterminate(Reason::NoData, format!("expected {what} of {url} to measure, saw none"));
        };
        if value > most {
            let sentence =
                format!("expected 95 % of the {what} of {url} within {most:.3} s, saw {value:.3} s for {wanted}");
            return Verdict::fail(Reason::Latency, sentence);
        }
    }
    if held.peak as f64 + dropped as f64 + failed as f64 + 0.5 < wanted as f64 {
        let sentence = format!("expected {wanted} connections at the same time, saw {} at most", held.peak);
        return Verdict::indeterminate(Reason::NoData, sentence);
    }
    if let Some(name) = &leg.gauge {
        let (Some(before), Some(value)) = (held.gauge_before, held.gauge) else {
            let sentence = format!("expected the gauge {name} before and while connections were held, saw none");
            return Verdict::indeterminate(Reason::NoData, sentence);
        };
        let (grown, expected) = (value - before, held.established as f64 - dropped as f64);
        if (grown - expected).abs() > leg.gauge_within * wanted as f64 {
            let sentence =
                format!("expected the gauge {name} to grow by {expected} connections, saw it grow by {grown}");
            return Verdict::fail(Reason::Assertion, sentence);
        }
    }
    let sentence = format!(
        "expected {wanted} connections to {url} to be held for {} s, saw {} at the same time, {} of them closed well, \
         95 % upgraded within {:.3} s",
        leg.hold_s,
        held.peak,
        held.closed,
        connect.unwrap_or_default()
    );
    let proof = Proof::of("connections", wanted.to_string(), held.peak.to_string()).and(
        "something received",
        format!("by each in {} s", leg.heartbeat_s),
        format!("{} frames", held.frames),
    );
    Verdict::pass(proof, sentence)
}

fn listed(by_reason: &std::collections::BTreeMap<String, u64>) -> String {
    let all: Vec<String> = by_reason.iter().map(|(reason, count)| format!("{count} {reason}")).take(8).collect();
    all.join(", ")
}
