//! From counts to a verdict. What the target answered badly decides first, then what it answered too
//! late, then whether the run was one at all.

use super::Load;
use super::facts::{Facts, Latency};
use crate::model::{Proof, Reason, Verdict};

impl Load {
    pub(super) fn verdict(&self, facts: &Facts) -> Verdict {
        let verdict = self.decided(facts);
        let Some(latency) = &facts.latency else { return verdict };
        verdict
            .measured("latency_p50_seconds", latency.p50_s, self.max.p50_s)
            .measured("latency_p95_seconds", latency.p95_s, self.max.p95_s)
            .measured("latency_p99_seconds", latency.p99_s, self.max.p99_s)
            .measured("throughput_per_second", facts.throughput, None)
    }

    fn decided(&self, facts: &Facts) -> Verdict {
        let sent = facts.requested - facts.unsent.min(facts.requested);
        let ended = facts.completed + facts.unanswered();
        let bad = ended.saturating_sub(facts.expected);
        let wanted = self.expected_status();
        if facts.aborted || bad as f64 > self.max_error_share * ended as f64 {
            let sentence = format!(
                "expected every request to {} to be answered with {wanted}, saw {}{}",
                facts.url,
                seen(facts, bad, ended),
                if facts.aborted { ", and the run was ended early" } else { "" },
            );
            return Verdict::fail(self.reason(facts), sentence);
        }
        let held_up = facts.late;
        if let Some((name, bound, value)) = facts.target_latency.as_ref().and_then(|latency| self.too_slow(latency)) {
            let sentence = format!(
                "expected {name} of at most {bound:.3} s from {}, saw {value:.3} s over {} answers",
                facts.url, facts.expected
            );
            return Verdict::fail(Reason::Latency, sentence);
        }
        if facts.unsent + held_up > 0 {
            let sentence = format!(
                "expected {} requests to be sent in time, saw {sent} sent, {held_up} of them late and {} waiting for a \
                 connection, so that the latency proves nothing",
                facts.requested, facts.queued
            );
            return Verdict::indeterminate(Reason::Other, sentence);
        }
        if let Some((name, bound, value)) = facts.latency.as_ref().and_then(|latency| self.too_slow(latency)) {
            let sentence = format!(
                "expected {name} of at most {bound:.3} s from {}, saw {value:.3} s, but only because the exporter itself \
                 sent requests late",
                facts.url
            );
            return Verdict::indeterminate(Reason::Other, sentence);
        }
        if facts.expected < self.min_answers.max(1) {
            let sentence = format!("expected at least {} answers, saw {}", self.min_answers.max(1), facts.expected);
            return Verdict::indeterminate(Reason::NoData, sentence);
        }
        if facts.in_flight < self.min_in_flight as u64 {
            let sentence =
                format!("expected {} requests in flight at once, saw {}", self.min_in_flight, facts.in_flight);
            return Verdict::indeterminate(Reason::NoData, sentence);
        }
        if self.then_after_s > 0 && !facts.after.is_some_and(|status| (200..300).contains(&status)) {
            let answer = facts.after.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            let sentence =
                format!("expected 2xx from {} {} s after the run, saw {answer}", facts.url, self.then_after_s);
            return Verdict::fail(Reason::Status, sentence);
        }
        let p95 = facts.latency.as_ref().map_or(0.0, |latency| latency.p95_s);
        let sentence = format!(
            "expected {} requests to {} to be answered with {wanted}, saw {} of them, 95 % within {p95:.3} s",
            facts.requested, facts.url, facts.expected
        );
        let proof = Proof::of("answers", wanted, facts.expected.to_string()).and(
            "latency",
            "from the instant each was due",
            format!("p95 {p95:.4} s"),
        );
        Verdict::pass(proof, sentence)
    }

    fn expected_status(&self) -> String {
        let listed: Vec<String> = self.status.iter().map(u16::to_string).collect();
        if listed.is_empty() { "2xx".to_owned() } else { listed.join(" or ") }
    }

    /// What went wrong most often.
    fn reason(&self, facts: &Facts) -> Reason {
        let unexpected: u64 = facts.completed.saturating_sub(facts.expected);
        let most = facts.errors.iter().max_by_key(|(_, count)| **count);
        match most {
            Some((reason, count)) if *count > unexpected => Reason::parse(reason).unwrap_or(Reason::Other),
            _ => Reason::Status,
        }
    }

    /// The first part of the answers that took longer than it may.
    fn too_slow(&self, latency: &Latency) -> Option<(&'static str, f64, f64)> {
        let max = &self.max;
        [
            ("a median", max.p50_s, latency.p50_s),
            ("a 90th percentile", max.p90_s, latency.p90_s),
            ("a 95th percentile", max.p95_s, latency.p95_s),
            ("a 99th percentile", max.p99_s, latency.p99_s),
            ("a maximum", max.max_s, latency.max_s),
        ]
        .into_iter()
        .find_map(|(name, bound, value)| bound.filter(|bound| value > *bound).map(|bound| (name, bound, value)))
    }
}

/// Such as `7 of 20 otherwise: 4 with 503, 3 timeout`.
fn seen(facts: &Facts, bad: u64, ended: u64) -> String {
    let statuses = facts.statuses.iter().map(|one| format!("{} with {}", one.count, one.status));
    let errors = facts.errors.iter().map(|(reason, count)| format!("{count} {reason}"));
    let all: Vec<String> = statuses.chain(errors).take(8).collect();
    format!("{bad} of {ended} answered otherwise ({})", all.join(", "))
}
