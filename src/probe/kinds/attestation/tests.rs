use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::*;
use crate::model::{Outcome, Reason};
use crate::probe::Observation;
use crate::probe::fixture::{cx, run};

static NOW_S: LazyLock<i64> = LazyLock::new(|| cx(0).now().0 / 1000);
const DAY: i64 = 86_400;

fn record(attester: &str, expires_in: i64) -> Value {
    json!({
        "id": format!("a-{attester}"), "statement": "The policy is reviewed.", "attester": attester, "role": "auditor",
        "evidence": "https://wiki/policy", "attested_at_s": *NOW_S - DAY, "expires_s": *NOW_S + expires_in,
    })
}

async fn look(parameters: Value) -> Observation {
    run("attestation", parameters, &cx(10_000)).await
}

fn said(seen: &Observation) -> (Outcome, Option<Reason>) {
    (seen.verdict.outcome(), seen.verdict.reason())
}

const MISSING: (Outcome, Option<Reason>) = (Outcome::Indeterminate, Some(Reason::AttestationMissing));
const EXPIRED: (Outcome, Option<Reason>) = (Outcome::Indeterminate, Some(Reason::AttestationExpired));
const INVALID: (Outcome, Option<Reason>) = (Outcome::Fail, Some(Reason::AttestationInvalid));
const PASS: (Outcome, Option<Reason>) = (Outcome::Pass, None);

#[tokio::test]
async fn statements_count_until_they_expire() {
    let cases = [
        (json!({}), MISSING),
        (json!({"records": [record("ann", DAY)]}), PASS),
        (json!({"records": [record("ann", 0)]}), EXPIRED),
        (json!({"records": [record("ann", -DAY), record("bob", DAY)]}), PASS),
        (json!({"min_attesters": 2, "records": [record("ann", DAY), record("Ann ", 2 * DAY)]}), MISSING),
        (json!({"min_attesters": 2, "records": [record("ann", DAY), record("bob", -DAY)]}), EXPIRED),
        (json!({"min_attesters": 2, "records": [record("ann", DAY), record("bob", DAY)]}), PASS),
        (json!({"not_by": ["ANN"], "records": [record("ann", DAY)]}), MISSING),
        (json!({"role": "ciso", "records": [record("ann", DAY)]}), MISSING),
        (json!({"role": "Auditor", "records": [record("ann", DAY)]}), PASS),
        (json!({"statement": "the  policy is REVIEWED", "records": [record("ann", DAY)]}), PASS),
        (json!({"statement": "The policy exists", "records": [record("ann", DAY)]}), MISSING),
        (json!({"records": [record(" ", DAY)]}), MISSING),
    ];
    for (parameters, expected) in cases {
        let seen = look(parameters.clone()).await;
        assert_eq!(said(&seen), expected, "{parameters}: {}", seen.verdict.sentence());
    }
    let mut future = record("ann", DAY);
    future["attested_at_s"] = json!(*NOW_S + DAY);
    assert_eq!(said(&look(json!({"records": [future]})).await), MISSING);
}

#[tokio::test]
async fn a_pass_holds_until_the_last_needed_statement_expires() {
    let records = json!([record("ann", DAY), record("bob", 3 * DAY), record("cec", 2 * DAY)]);
    for (need, until) in [(1, 3 * DAY), (2, 2 * DAY), (3, DAY)] {
        let verdict = look(json!({"min_attesters": need, "records": records})).await.verdict;
        assert_eq!(verdict.valid_until, Some(Timestamp::from_secs(*NOW_S + until)));
    }
}

#[test]
fn an_expiry_between_look_and_judgement_counts() {
    let leg = Attestation::default();
    let attested =
        Attested { expires_s: *NOW_S, standing: Standing::Valid, attester: "ann".into(), ..Attested::default() };
    let facts = Facts { attestations: vec![attested], valid_count: 1 };
    assert_eq!(leg.judge(&facts, cx(0).now()).reason(), Some(Reason::AttestationExpired));
}

#[tokio::test]
async fn evidence_must_be_the_one_attested() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("evidence");
    std::fs::write(&path, "abc").unwrap();
    let mut with = record("ann", DAY);
    with["evidence"] = json!(path);
    with["evidence_sha256"] = json!("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
    let seen = look(json!({"records": [with]})).await;
    assert_eq!(said(&seen), PASS);
    assert_eq!(seen.facts.unwrap()["attestations"][0]["evidence_ok"], true);
    std::fs::write(&path, "abd").unwrap();
    assert_eq!(said(&look(json!({"records": [with]})).await), INVALID);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(said(&look(json!({"records": [with]})).await), INVALID);
    // Another, sound statement is enough.
    assert_eq!(said(&look(json!({"records": [with, record("bob", DAY)]})).await), PASS);
}

fn keygen(dir: &Path, arguments: &[&str]) {
    let done = Command::new("ssh-keygen").args(arguments).current_dir(dir).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test]
async fn signatures_are_checked_with_the_real_program() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["ann", "eve"] {
        keygen(dir.path(), &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name]);
    }
    let public = std::fs::read_to_string(dir.path().join("ann.pub")).unwrap();
    let signers = dir.path().join("allowed_signers");
    std::fs::write(&signers, format!("ann@example.org namespaces=\"readiness\" {public}")).unwrap();
    let sign = |key: &str, record: &Value| -> Value {
        let mut record = record.clone();
        let text = verify::canonical_text(&serde_json::from_value(record.clone()).unwrap());
        std::fs::write(dir.path().join("text"), text).unwrap();
        let _ = std::fs::remove_file(dir.path().join("text.sig"));
        keygen(dir.path(), &["-q", "-Y", "sign", "-f", key, "-n", "readiness", "text"]);
        record["signature"] = json!(std::fs::read_to_string(dir.path().join("text.sig")).unwrap());
        record
    };
    let unsigned = record("ann@example.org", DAY);
    let good = sign("ann", &unsigned);
    let forged = sign("eve", &unsigned);
    let mut changed = good.clone();
    changed["expires_s"] = json!(*NOW_S + 900 * DAY);
    let cases = [(good.clone(), PASS), (unsigned, MISSING), (forged, INVALID), (changed, INVALID)];
    for (record, expected) in cases {
        let parameters = json!({"require_signature": true, "allowed_signers": signers, "records": [record]});
        let seen = look(parameters).await;
        assert_eq!(said(&seen), expected, "{}", seen.verdict.sentence());
    }
    let gone = json!({"require_signature": true, "allowed_signers": "/nonexistent/signers", "records": [good]});
    assert_eq!(said(&look(gone).await), (Outcome::Indeterminate, Some(Reason::AttestationInvalid)));
}

#[test]
fn the_signed_text_is_one_line_a_field() {
    let record = Record { id: "a\nb".into(), statement: "x  y\n".into(), ..Record::default() };
    let text = verify::canonical_text(&record);
    assert_eq!(text.lines().count(), 9);
    assert!(text.starts_with("readiness attestation v1\nid: a b\nstatement: x y\nattester: \n"));
}

#[test]
fn static_errors_are_found() {
    let count =
        |parameters| crate::probe::kinds::find("attestation").unwrap().parse(parameters).unwrap().findings.0.len();
    assert_eq!(count(json!({"min_attesters": 0, "require_signature": true})), 2);
    assert_eq!(count(json!({"allowed_signers": "relative"})), 1);
    assert_eq!(count(json!({"past": true})), 1);
}

#[tokio::test]
async fn a_digest_of_what_cannot_be_found_does_not_count() {
    let mut relative = record("ann", DAY);
    relative["evidence"] = json!("docs/report.pdf");
    relative["evidence_sha256"] = json!("00");
    let seen = look(json!({"records": [relative]})).await;
    let unchecked = (Outcome::Indeterminate, Some(Reason::AttestationInvalid));
    assert_eq!(said(&seen), unchecked, "{}", seen.verdict.sentence());
}

#[tokio::test]
async fn fields_and_the_longest_time_are_heeded() {
    let mut signed = record("ann", 300 * DAY);
    signed["fields"] = json!({"release": 2026.5, "images": ["b", "a"]});
    let cases = [
        (json!({"fields": {"release": "2026.5", "images": ["a", "b"]}}), PASS),
        (json!({"fields": {"release": "2026.6"}}), MISSING),
        (json!({"fields": {"images": ["a"]}}), MISSING),
        (json!({"fields": {"other": 1}}), MISSING),
        (json!({"max_days": 2}), PASS),
        (json!({"max_days": 1}), EXPIRED),
    ];
    for (mut parameters, expected) in cases {
        parameters["records"] = json!([signed]);
        let seen = look(parameters.clone()).await;
        assert_eq!(said(&seen), expected, "{parameters}: {}", seen.verdict.sentence());
    }
    let text = verify::canonical_text(&serde_json::from_value(signed).unwrap());
    assert!(text.ends_with("field images: [\"b\",\"a\"]\nfield release: 2026.5\n"), "{text}");
}

#[tokio::test]
async fn what_has_expired_held_when_it_was_made() {
    let dir = tempfile::tempdir().unwrap();
    let mut gone = record("ann", -DAY / 2);
    gone["evidence"] = json!(dir.path().join("gone"));
    gone["evidence_sha256"] = json!("00");
    let seen = look(json!({"only_look": true, "past": true, "records": [gone, record("bob", DAY)]})).await;
    assert_eq!(said(&seen), PASS);
    let facts = seen.facts.unwrap();
    assert_eq!((&facts["attestations"][0]["standing"], &facts["valid_count"]), (&json!("valid"), &json!(2)));
    let seen = look(json!({"only_look": true, "records": [record("ann", -DAY / 2)]})).await;
    assert_eq!(seen.facts.unwrap()["attestations"][0]["standing"], "expired");
    // One that was never valid is not now.
    let seen = look(json!({"only_look": true, "past": true, "role": "ciso", "records": [record("ann", DAY)]})).await;
    assert_eq!(seen.facts.unwrap()["valid_count"], 0);
}

#[tokio::test]
async fn one_that_could_not_be_checked_hides_all_from_who_only_looks() {
    let mut signed = record("ann", -DAY / 2);
    signed["signature"] = json!("a signature");
    let leg = |only_look: bool, past: bool, record: &Value| {
        json!({"only_look": only_look, "past": past, "require_signature": true,
            "allowed_signers": "/nonexistent/signers", "records": [record]})
    };
    let seen = look(leg(true, true, &signed)).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Indeterminate);
    assert!(seen.whole().unwrap().get("attestations").is_none());
    signed["expires_s"] = json!(*NOW_S + DAY);
    let seen = look(leg(true, false, &signed)).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Indeterminate);
    assert!(seen.whole().unwrap().get("attestations").is_none());
    // Who judges them itself says so, and its conditions see them.
    let seen = look(leg(false, false, &signed)).await;
    assert!(seen.whole().unwrap().get("attestations").is_some());
}
