//! The single questions, and their answers as facts.

use std::collections::BTreeMap;
use std::time::Duration;

use etcd_client::{AlarmAction, AlarmType, GetOptions, KeyValue, SortOrder, SortTarget, StatusResponse};
use serde_json::Value;
use tokio::time::Instant;

use super::Etcd;
use super::facts::{Alarm, Endpoint, Facts, Key, Lease, Member, Repeated, Status};
use super::fault::Fault;
use super::session::Session;

/// Leases that are looked at one by one.
const MAX_LEASES: usize = 100;
/// Elements of any list that a peer says, and bytes of any text.
const MAX_ITEMS: usize = 64;
const MAX_TEXT: usize = 1024;

pub(super) async fn status(session: &mut Session, until: Instant) -> Result<Status, Fault> {
    let asked = Instant::now();
    let answer = session.call(until, "the status", |mut client| async move { client.status().await }).await?;
    Ok(status_facts(&answer, asked.elapsed()))
}

fn status_facts(answer: &StatusResponse, took: Duration) -> Status {
    let member = answer.header().map_or(0, |header| header.member_id());
    Status {
        member: id(member),
        version: text(answer.version()),
        leader: if answer.leader() == 0 { String::new() } else { id(answer.leader()) },
        is_leader: answer.leader() != 0 && answer.leader() == member,
        is_learner: answer.is_learner(),
        raft_term: answer.raft_term(),
        raft_index: answer.raft_index(),
        raft_applied_index: answer.raft_applied_index(),
        revision: answer.header().map_or(0, |header| header.revision()),
        db_size_bytes: answer.db_size(),
        db_in_use_bytes: answer.raft_used_db_size(),
        quota_bytes: answer.db_size_quota(),
        errors: answer.errors().iter().take(MAX_ITEMS).map(|error| text(error)).collect(),
        took_s: took.as_secs_f64(),
    }
}

pub(super) async fn members(session: &mut Session, facts: &mut Facts, until: Instant) -> Result<(), Fault> {
    let ask = session.call(until, "the list of members", |mut client| async move { client.member_list().await });
    let answer = ask.await?;
    let all = answer.members();
    facts.member_count = count(all.len());
    facts.learner_count = count(all.iter().filter(|member| member.is_learner()).count());
    let member = |member: &etcd_client::Member| Member {
        id: id(member.id()),
        name: text(member.name()),
        is_learner: member.is_learner(),
        client_urls: member.client_urls().iter().take(MAX_ITEMS).map(|url| text(url)).collect(),
    };
    facts.members = all.iter().take(MAX_ITEMS).map(member).collect();
    Ok(())
}

pub(super) async fn alarms(session: &mut Session, facts: &mut Facts, until: Instant) -> Result<(), Fault> {
    let ask =
        |mut client: etcd_client::Client| async move { client.alarm(AlarmAction::Get, AlarmType::None, None).await };
    let answer = session.call(until, "the list of alarms", ask).await?;
    // The library takes the type of an alarm for one it knows, whatever the peer sent, so it is
    // taken from the statuses, which name it.
    let alarm = |member: u64| Alarm { member: id(member), alarm: named(&facts.endpoints, member) };
    facts.alarms = answer.alarms().iter().take(MAX_ITEMS).map(|raised| alarm(raised.member_id())).collect();
    Ok(())
}

/// Such as `NOSPACE` of `memberID:1234 alarm:NOSPACE `.
fn named(endpoints: &[Endpoint], member: u64) -> String {
    let member = format!("memberID:{member}");
    let errors = endpoints.iter().filter_map(|endpoint| endpoint.status.as_ref()).flat_map(|status| &status.errors);
    let mut of_member = errors.filter(|error| error.split_whitespace().any(|word| word == member));
    let name =
        |error: &String| error.split_whitespace().find_map(|word| word.strip_prefix("alarm:").map(str::to_owned));
    of_member.find_map(name).unwrap_or_default()
}

/// A linearizable read: it needs a quorum.
pub(super) async fn read(session: &mut Session, leg: &Etcd, facts: &mut Facts, until: Instant) -> Result<(), Fault> {
    let (key, whole) = match (&leg.key, &leg.prefix) {
        (Some(key), _) => (key.as_str(), false),
        (None, Some(prefix)) => (prefix.as_str(), true),
        (None, None) => return Ok(()),
    };
    let mut options = GetOptions::new().with_limit(i64::from(leg.limit));
    if whole {
        options = options.with_prefix().with_sort(SortTarget::Key, SortOrder::Ascend);
    }
    if leg.keys_only {
        options = options.with_keys_only();
    }
    let limit = usize::try_from(leg.max_bytes).unwrap_or(usize::MAX);
    let asked = Instant::now();
    let ask = |client: etcd_client::Client| async move {
        client.kv_client().max_decoding_message_size(limit).get(key, Some(options)).await
    };
    let answer = session.call(until, "the read", ask).await?;
    facts.read_s = asked.elapsed().as_secs_f64();
    facts.revision = answer.header().map_or(0, |header| header.revision());
    facts.key_count = answer.count();
    let most = usize::try_from(leg.limit).unwrap_or(usize::MAX);
    facts.keys = answer.kvs().iter().take(most).map(|pair| key_facts(leg, key, pair)).collect();
    if !leg.keys_only {
        facts.not_json = facts.keys.iter().filter(|key| key.json.is_null()).map(|key| key.key.clone()).collect();
        facts.repeated = repeated(&leg.distinct, &facts.keys);
    }
    Ok(())
}

fn key_facts(leg: &Etcd, prefix: &str, pair: &KeyValue) -> Key {
    let key = String::from_utf8_lossy(pair.key()).into_owned();
    let suffix = key.strip_prefix(prefix).unwrap_or_default().to_owned();
    let mut json = serde_json::from_slice(pair.value()).unwrap_or(Value::Null);
    if let Value::Object(fields) = &mut json
        && !leg.fields.is_empty()
    {
        fields.retain(|name, _| leg.fields.contains(name) || leg.distinct.contains(name));
    }
    let plain = json.is_null() && !pair.value().is_empty() && leg.fields.is_empty();
    let plain = plain.then(|| std::str::from_utf8(pair.value()).ok().map(text)).flatten();
    let lease = if pair.lease() == 0 { String::new() } else { lease_id(pair.lease()) };
    Key { key, suffix, json, text: plain, lease, version: pair.version() }
}

/// Values of these fields that more than one key has.
fn repeated(distinct: &[String], keys: &[Key]) -> Vec<Repeated> {
    let mut all = Vec::new();
    for field in distinct {
        let mut by_value: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for key in keys {
            if let Some(value) = key.json.get(field).filter(|value| !value.is_null()) {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                by_value.entry(value).or_default().push(key.key.clone());
            }
        }
        let several = by_value.into_iter().filter(|(_, keys)| keys.len() > 1);
        all.extend(several.map(|(value, keys)| Repeated { field: field.clone(), value, keys }));
    }
    all
}

pub(super) async fn leases(session: &mut Session, facts: &mut Facts, until: Instant) -> Result<(), Fault> {
    let ask = session.call(until, "the list of leases", |mut client| async move { client.leases().await });
    let ids: Vec<i64> = ask.await?.leases().iter().map(|lease| lease.id()).collect();
    facts.lease_count = count(ids.len());
    facts.leases_cut = ids.len() > MAX_LEASES;
    for lease in ids.into_iter().take(MAX_LEASES) {
        let ask = |mut client: etcd_client::Client| async move { client.lease_time_to_live(lease, None).await };
        let answer = session.call(until, "the look at a lease", ask).await?;
        // It ended meanwhile.
        if answer.ttl() < 0 {
            continue;
        }
        facts.leases.push(Lease { id: lease_id(answer.id()), ttl_s: answer.ttl(), granted_s: answer.granted_ttl() });
    }
    Ok(())
}

fn id(id: u64) -> String {
    format!("{id:x}")
}

fn lease_id(id: i64) -> String {
    format!("{id:x}")
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn text(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}
