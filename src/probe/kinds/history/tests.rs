//! What is remembered, for how long, and what is made of it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::model::Outcome;
use crate::probe::{LegFacts, Observation, fixture, net::Clients};

const DAY: i64 = 86_400;

/// Two pods and what was approved, looked at by one who remembers this.
async fn look(parameters: Value, pods: &[&str], approved: Value, memory: Option<Remembered>) -> Observation {
    let pods = json!({ "elements": pods.iter().map(|image| json!({ "image": image })).collect::<Vec<_>>() });
    let legs = LegFacts::from([("pods".into(), pods), ("approvals".into(), approved)]);
    let cx = fixture::cx(1000).with_legs(Some(Arc::new(legs))).with_memory(memory.map(Arc::new));
    fixture::run("history", parameters, &cx).await
}

fn now_s() -> i64 {
    seconds(fixture::cx(0).now())
}

fn memory(since_s: i64, values: &[(&str, i64, i64)]) -> Option<Remembered> {
    let value = |&(value, first_s, last_s): &(&str, i64, i64)| SeenValue {
        key: "".into(),
        value: value.into(),
        first: Timestamp::from_secs(first_s),
        last: Timestamp::from_secs(last_s),
    };
    let (of, since) = (Digest(7), Timestamp::from_secs(since_s));
    Some(Remembered { of, since, values: values.iter().map(value).collect() })
}

fn plain() -> Value {
    json!({ "of": { "leg": "pods", "path": "elements.image", "pattern": "@(.+)$" } })
}

fn approved() -> Value {
    let mut leg = plain();
    leg["stated"] = json!({ "leg": "approvals", "path": "attestations", "having": { "standing": "valid" },
        "values": "fields.digests", "at": "attested_at_s", "grace_s": 900 });
    leg
}

fn approval(standing: &str, at_s: i64, digests: &[&str]) -> Value {
    json!({ "standing": standing, "attested_at_s": at_s, "fields": { "digests": digests } })
}

fn names(remembered: &Remembered) -> Vec<&str> {
    remembered.values.iter().map(|seen| &*seen.value).collect()
}

#[tokio::test]
async fn what_was_seen_before_is_there_until_it_is_too_old() {
    let now = now_s();
    let seen = look(plain(), &["r@b", "r@c"], Value::Null, None).await;
    let first = seen.remembered.unwrap();
    assert_eq!((names(&first), seconds(first.since) - now <= 2), (vec!["b", "c"], true));

    let before = memory(
        now - 99 * DAY,
        &[("a", now - 99 * DAY, now - 89 * DAY), ("b", now - DAY, now - 10), ("z", now - 99 * DAY, now - 91 * DAY)],
    );
    let seen = look(plain(), &["r@b", "r@c", "no digest"], Value::Null, before).await;
    let facts = seen.facts.unwrap();
    assert_eq!((&facts["since_s"], &facts["seen_now"]), (&json!(now - 99 * DAY), &json!(2)));
    let after = seen.remembered.unwrap();
    assert_eq!(names(&after), ["a", "b", "c"]);
    let times: Vec<i64> = after.values.iter().map(|seen| now - seconds(seen.first)).collect();
    assert!(times[0] == 99 * DAY && times[1] == DAY && times[2] <= 0, "{times:?}");
    assert!(seconds(after.values[1].last) >= now && seconds(after.values[0].last) == now - 89 * DAY);
}

#[tokio::test]
async fn a_clock_that_was_ahead_excuses_nothing() {
    let now = now_s();
    let before = memory(now + DAY, &[("a", now + DAY, now + DAY)]);
    let list = json!({ "attestations": [approval("valid", now + DAY, &["a"])] });
    let seen = look(approved(), &["r@a"], list, before).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Fail, "{}", seen.verdict.sentence());
}

#[tokio::test]
async fn one_look_with_a_clock_far_ahead_forgets_nothing() {
    let now = now_s();
    // As if the last look was a year ago.
    let before = memory(
        now - 500 * DAY,
        &[("a", now - 500 * DAY, now - 365 * DAY), ("b", now - 500 * DAY, now - 400 * DAY), ("z", 0, now - 456 * DAY)],
    );
    let ahead = look(plain(), &["r@c"], Value::Null, before).await.remembered.unwrap();
    assert_eq!(names(&ahead), ["a", "b", "c"]);
    // The next one knows how late it is.
    let again = look(plain(), &["r@c"], Value::Null, Some(ahead)).await;
    assert_eq!(names(&again.remembered.unwrap()), ["c"]);
}

#[tokio::test]
async fn what_had_ended_before_a_value_was_seen_is_no_statement_about_it() {
    let now = now_s();
    let seen_first = now - DAY;
    let mut leg = approved();
    leg["stated"]["until"] = json!("expires_s");
    let until = |end: Value| {
        let mut approval = approval("valid", now - 9 * DAY, &["a"]);
        approval["expires_s"] = end;
        approval
    };
    let late = |mut approval: Value| {
        approval["attested_at_s"] = json!(seen_first + 901);
        approval
    };
    let later = || memory(now - 2 * DAY, &[("a", seen_first, now - 10)]);
    let as_it_began = || memory(seen_first, &[("a", seen_first, now - 10)]);
    let ended = || until(json!(seen_first - 1));
    let cases = [
        (later(), vec![until(json!(seen_first))], Outcome::Pass, "all of them"),
        (later(), vec![until(Value::Null)], Outcome::Pass, "all of them"),
        (later(), vec![ended()], Outcome::Fail, "was stated only until"),
        (as_it_began(), vec![ended()], Outcome::Pass, "all of them"),
        (later(), vec![ended(), until(json!(now))], Outcome::Pass, "all of them"),
        (later(), vec![ended(), late(until(Value::Null))], Outcome::Fail, "was stated only"),
        (later(), vec![], Outcome::Fail, "never was"),
        (later(), vec![until(json!("tomorrow"))], Outcome::Indeterminate, "expires_s"),
        (later(), vec![approval("valid", now - 9 * DAY, &["a"])], Outcome::Indeterminate, "expires_s"),
    ];
    for (before, list, outcome, says) in cases {
        let list = json!({ "attestations": list });
        let verdict = look(leg.clone(), &["r@a"], list.clone(), before).await.verdict;
        assert_eq!(verdict.outcome(), outcome, "{list}: {}", verdict.sentence());
        assert!(verdict.sentence().contains(says), "{list}: {}", verdict.sentence());
    }
}

#[tokio::test]
async fn a_pass_says_since_when_it_is_known() {
    let since = now_s() - DAY;
    let list = json!({ "attestations": [approval("valid", since, &["a"])] });
    for (leg, list) in [(plain(), Value::Null), (approved(), list)] {
        let verdict = look(leg, &["r@a"], list, memory(since, &[("a", since, since)])).await.verdict;
        let says = format!("has seen since {}", Timestamp::from_secs(since));
        assert!(verdict.outcome() == Outcome::Pass && verdict.sentence().contains(&says), "{}", verdict.sentence());
    }
}

#[tokio::test]
async fn each_of_them_was_stated_in_time() {
    let now = now_s();
    let before = || memory(now - DAY, &[("a", now - DAY, now - DAY), ("b", now - DAY, now - 10)]);
    let both = approval("valid", now - 2 * DAY, &["a", "b"]);
    let late = approval("valid", now - DAY + 901, &["a"]);
    let in_time = approval("valid", now - DAY + 900, &["a"]);
    let of_b = approval("valid", now - 2 * DAY, &["b"]);
    let forged = approval("invalid", now - 2 * DAY, &["a"]);
    let cases = [
        (json!([both]), Outcome::Pass, "all of them"),
        (json!([of_b, in_time]), Outcome::Pass, "the 2 values"),
        (json!([late, both]), Outcome::Pass, "all of them"),
        (json!([of_b, late]), Outcome::Fail, "was stated only"),
        (json!([of_b]), Outcome::Fail, "`a`, first seen"),
        (json!([of_b, forged]), Outcome::Fail, "never was"),
        (json!([]), Outcome::Fail, "one more"),
        // Who names nothing is no approval of anything.
        (json!([both, { "standing": "valid", "attested_at_s": 1, "fields": {} }]), Outcome::Pass, "all of them"),
        (json!([both, { "attested_at_s": 1 }]), Outcome::Indeterminate, "standing"),
        (json!([both, { "standing": "valid" }]), Outcome::Indeterminate, "attested_at_s"),
        (Value::Null, Outcome::Indeterminate, "did not see all"),
    ];
    for (list, outcome, says) in cases {
        let shown = list.to_string();
        let facts = if list.is_null() { json!({}) } else { json!({ "attestations": list }) };
        let seen = look(approved(), &["r@b"], facts, before()).await;
        assert_eq!(names(&seen.remembered.unwrap()), ["a", "b"], "whatever comes of it");
        let verdict = seen.verdict;
        assert_eq!(verdict.outcome(), outcome, "{shown}: {}", verdict.sentence());
        assert!(verdict.sentence().contains(says), "{shown}: {}", verdict.sentence());
    }
}

#[tokio::test]
async fn what_cannot_be_kept_decides_nothing_and_leaves_the_rest_alone() {
    let refused = async |pods: &[&str], memory| {
        let seen = look(plain(), pods, Value::Null, memory).await;
        assert!(seen.remembered.is_none());
        (seen.verdict.outcome(), seen.verdict.reason())
    };
    let too_large = (Outcome::Indeterminate, Some(Reason::TooLarge));
    let long = format!("r@{}", "x".repeat(MOST_BYTES + 1));
    assert_eq!(refused(&["r@a", &long], None).await, too_large);
    let now = now_s();
    let many: Vec<String> = (0..MOST_VALUES).map(|n| format!("d{n:04}")).collect();
    let many: Vec<(&str, i64, i64)> = many.iter().map(|name| (name.as_str(), now - 10, now - 10)).collect();
    assert_eq!(refused(&["r@one"], memory(now - DAY, &many)).await, too_large);
    let seen = look(plain(), &["r@d0001"], Value::Null, memory(now - DAY, &many)).await;
    assert_eq!(seen.remembered.unwrap().values.len(), MOST_VALUES, "as many as there can be");
    // How many they are comes before what they are.
    let more: Vec<String> = (0..=MOST_VALUES).map(|n| format!("r@{n}{}", "x".repeat(MOST_BYTES))).collect();
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let seen = look(plain(), &more, Value::Null, None).await;
    assert!(seen.verdict.sentence().contains("at most 1000 values"), "{}", seen.verdict.sentence());
    // Nothing was seen, ever.
    assert_eq!(look(plain(), &[], Value::Null, None).await.verdict.reason(), Some(Reason::NoData));
}

#[tokio::test]
async fn a_credential_is_not_remembered() {
    let legs = LegFacts::from([("pods".into(), json!({ "elements": [{ "image": "r@hunter2-hunter2" }] }))]);
    let credentials = fixture::credential("token", "hunter2-hunter2");
    credentials.learn_all(tokio::time::Instant::now() + std::time::Duration::from_secs(5)).await;
    let cx = fixture::cx_with(1000, None, credentials, Arc::new(Clients::new())).with_legs(Some(Arc::new(legs)));
    let seen = fixture::run("history", plain(), &cx).await;
    assert!(seen.remembered.is_none() && seen.verdict.outcome() == Outcome::Indeterminate);
}

#[tokio::test]
async fn a_leg_that_saw_nothing_adds_nothing() {
    let cx = fixture::cx(1000).with_legs(Some(Arc::new(LegFacts::new())));
    let seen = fixture::run("history", plain(), &cx).await;
    assert!(seen.remembered.is_none());
    assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Indeterminate, Some(Reason::NoData)));
}

#[tokio::test]
async fn a_key_that_had_two_values_has_changed() {
    let tags = |digest: &str| json!({ "tags": [{ "tag": "1.0", "digest": digest }, { "tag": "1.1", "digest": "x" }] });
    let parameters = || json!({ "of": { "leg": "tags", "path": "tags.digest", "key": ["tag"] } });
    let ask = async |digest: &str, memory: Option<Remembered>| {
        let legs = LegFacts::from([("tags".into(), tags(digest))]);
        let cx = fixture::cx(1000).with_legs(Some(Arc::new(legs))).with_memory(memory.map(Arc::new));
        fixture::run_with("history", parameters(), &["size(changed) == 0"], &cx).await
    };
    let first = ask("x", None).await;
    assert_eq!(first.verdict.outcome(), Outcome::Pass, "{}", first.verdict.sentence());
    let again = ask("x", first.remembered).await;
    assert_eq!(again.verdict.outcome(), Outcome::Pass);
    let moved = ask("y", again.remembered).await;
    assert_eq!((moved.verdict.outcome(), &moved.facts.unwrap()["changed"]), (Outcome::Fail, &json!(["1.0"])));
}

#[test]
fn static_errors_are_found() {
    let count = |parameters| crate::probe::kinds::find("history").unwrap().parse(parameters).unwrap().findings.0.len();
    assert_eq!((count(plain()), count(approved())), (0, 0));
    assert_eq!(count(json!({})), 2);
    let mut wrong = approved();
    wrong["for_s"] = json!(1);
    wrong["stated"]["leg"] = json!("");
    wrong["stated"]["at"] = json!("a..b");
    wrong["stated"]["until"] = json!("");
    assert_eq!(count(wrong), 4);
}
