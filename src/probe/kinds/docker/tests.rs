//! Without an engine: parameters, judgement, forms of answers, and peers that are no engine.

use bollard::models::ContainerInspectResponse;
use serde_json::{Value, json};

use super::container::{Container, age, is_root};
use super::facts::Facts;
use super::{Docker, disk, judge};
use crate::model::{Outcome, Reason, Timestamp};
use crate::probe::net::peers;
use crate::probe::{Probe, fixture, kinds};

fn findings(parameters: Value) -> Vec<String> {
    let parsed = kinds::find("docker").unwrap().parse(parameters).unwrap();
    parsed.findings.0.iter().map(|finding| finding.field.clone()).collect()
}

#[test]
fn parameters_that_make_no_sense_are_found() {
    assert!(findings(json!({ "target": "e" })).is_empty());
    assert!(
        findings(json!({ "target": "e", "images": { "references": ["r.example:5000/a/b@sha256:00"] } })).is_empty()
    );
    let cases = [
        (json!({}), "target"),
        (json!({ "target": "e", "min_api": "1" }), "min_api"),
        (json!({ "target": "e", "images": {} }), "images.references"),
        (json!({ "target": "e", "images": { "references": ["../info"] } }), "images.references[0]"),
        (json!({ "target": "e", "networks": { "names": ["a?b"] } }), "networks.names[0]"),
        (json!({ "target": "e", "projects": {} }), "projects.names"),
        (json!({ "target": "e", "containers": { "mount": { "at": "x" } } }), "containers.mount.at"),
        (json!({ "target": "e", "containers": { "min": 0, "none": "unknown" } }), "containers.min"),
    ];
    for (parameters, path) in cases {
        assert_eq!(findings(parameters.clone()), [path], "{parameters}");
    }
}

fn container(answer: Value) -> Container {
    let leg: Docker = serde_json::from_value(json!({ "containers": { "labels": ["shown"] } })).unwrap();
    let answer: ContainerInspectResponse = serde_json::from_value(answer).unwrap();
    Container::of(leg.containers.as_ref().unwrap(), &answer, Timestamp::from_secs(1_795_305_600))
}

#[test]
fn values_that_may_be_secret_are_not_kept() {
    let secret = "hunter2";
    let seen = container(json!({
        "Name": "/a",
        "Config": { "Env": [format!("TOKEN={secret}")], "Labels": { "shown": "yes", "auth": secret } },
        "HostConfig": { "LogConfig": { "Type": "splunk", "Config": { "splunk-token": secret, "max-size": "1m" } } },
    }));
    let all = serde_json::to_string(&seen).unwrap();
    assert!(!all.contains(secret), "{all}");
    assert_eq!((seen.environment, seen.labels["shown"].as_str()), (vec!["TOKEN".to_owned()], "yes"));
    assert_eq!(
        (seen.log_options["splunk-token"].as_str(), seen.log_options["max-size"].as_str()),
        ("(not shown)", "1m")
    );
}

#[test]
fn users_limits_and_times_are_read_in_every_form() {
    for (user, root) in
        [("", true), ("root", true), ("0:1000", true), ("root:x", true), ("1000", false), ("www", false), ("00", true)]
    {
        assert_eq!(is_root(user), root, "{user}");
    }
    let limits = |host: Value| container(json!({ "HostConfig": host })).cpu_limit;
    assert_eq!(limits(json!({ "NanoCpus": 1_500_000_000 })), 1.5);
    assert_eq!(limits(json!({ "CpuQuota": 50_000 })), 0.5);
    assert_eq!(limits(json!({ "CpuQuota": -1, "CpuShares": 512 })), 0.0);
    let now = Timestamp::from_secs(1_795_305_600);
    assert_eq!(age(Some("0001-01-01T00:00:00Z"), now), None);
    assert_eq!(age(Some("2026-11-21T23:59:00.5Z"), now), Some(59.5));
    let silent = container(json!({ "State": { "Status": "running", "Running": true, "Health": { "Status": "" } } }));
    assert_eq!((silent.health, silent.is_running), (None, true));
}

#[test]
fn the_use_of_the_disk_is_read_in_both_forms() {
    let old = disk::of(&json!({
        "LayersSize": 100,
        "Images": [{ "Containers": 1, "Size": 60, "SharedSize": 20 }, { "Containers": 0, "Size": 50, "SharedSize": 20 }],
        "Containers": [{ "State": "running", "SizeRw": 5 }, { "State": "exited", "SizeRw": 7 }],
        "Volumes": [{ "UsageData": { "Size": 11, "RefCount": 0 } }, { "UsageData": { "Size": -1, "RefCount": 0 } }],
        "BuildCache": [{ "Size": 13, "InUse": false, "Shared": false }, { "Size": 17, "InUse": false, "Shared": true }],
    }))
    .unwrap();
    assert_eq!((old.total_bytes, old.reclaimable_bytes), (136.0, 60.0 + 7.0 + 11.0 + 13.0));
    let new = json!({ "ImageUsage": { "TotalSize": 9, "Reclaimable": 4, "TotalCount": 2 } });
    assert_eq!(disk::of(&new).map(|disk| (disk.reclaimable_bytes, disk.images.count)), Some((4.0, 2)));
    assert!(disk::of(&json!({})).is_none());
}

fn judged(parameters: Value, containers: Vec<Container>, count: u32) -> (Outcome, Option<Reason>) {
    let leg: Docker = serde_json::from_value(parameters).unwrap();
    let facts = Facts { alive: true, containers, container_count: count, ..Facts::default() };
    let verdict = leg.judge(&facts, Timestamp::from_secs(0));
    (verdict.outcome(), verdict.reason())
}

#[test]
fn a_part_of_the_containers_proves_nothing_but_a_failure() {
    let runs = || Container { name: "a".to_owned(), is_running: true, ..Container::default() };
    let leg = || json!({ "containers": {} });
    assert_eq!(judged(leg(), vec![runs()], 1), (Outcome::Pass, None));
    assert_eq!(judged(leg(), vec![runs()], 2), (Outcome::Indeterminate, Some(Reason::TooLarge)));
    assert_eq!(judged(leg(), vec![Container::default()], 2), (Outcome::Fail, Some(Reason::Assertion)));
    // One that was restarted just now may be in a loop of crashes.
    let young = || Container { restart_count: 3, started_age_s: Some(2.0), ..runs() };
    assert_eq!(judged(leg(), vec![young()], 1), (Outcome::Indeterminate, Some(Reason::NoData)));
    assert_eq!(judged(leg(), vec![Container { started_age_s: Some(60.0), ..young() }], 1).0, Outcome::Pass);
}

#[test]
fn versions_are_compared_as_numbers() {
    assert!(judge::version("1.9") < judge::version("1.41"));
    assert_eq!((judge::version("1"), judge::version("1.x")), (None, None));
}

async fn look(address: &str) -> (Outcome, Option<Reason>, String) {
    let seen = fixture::run("docker", json!({ "target": "peer" }), &fixture::cx_for(700, address)).await.verdict;
    (seen.outcome(), seen.reason(), seen.sentence().to_owned())
}

#[tokio::test]
async fn peers_that_are_no_engine_are_told_apart() {
    let html = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>";
    let proxy = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
    let broken = b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n";
    let cases = [
        (peers::closed_port().await, Outcome::Fail, Reason::Refused),
        (peers::silent().await.port(), Outcome::Fail, Reason::Timeout),
        (peers::resets().await.port(), Outcome::Fail, Reason::Reset),
        (peers::greets(b"SSH-2.0-OpenSSH_9.2\r\n").await.port(), Outcome::Fail, Reason::Protocol),
        (peers::answers(html.to_vec()).await.port(), Outcome::Fail, Reason::Protocol),
        (peers::answers(proxy.to_vec()).await.port(), Outcome::Indeterminate, Reason::PermissionDenied),
        (peers::answers(broken.to_vec()).await.port(), Outcome::Fail, Reason::Status),
    ];
    for (port, outcome, reason) in cases {
        let seen = look(&format!("http://127.0.0.1:{port}")).await;
        assert_eq!((seen.0, seen.1), (outcome, Some(reason)), "{}", seen.2);
    }
    for address in ["tcp://127.0.0.1:2375", "127.0.0.1:2375", "unix://engine.sock", "http://u@127.0.0.1:1"] {
        let seen = look(address).await;
        assert_eq!((seen.0, seen.1), (Outcome::Indeterminate, Some(Reason::Unconfigured)), "{address}: {}", seen.2);
    }
}

#[test]
fn networks_ports_and_logs_of_containers_are_bounded() {
    let judged = |parameters: Value, answer: Value| {
        let leg: Docker = serde_json::from_value(json!({ "target": "e", "containers": parameters })).unwrap();
        let facts = Facts { alive: true, container_count: 1, containers: vec![container(answer)], ..Facts::default() };
        let verdict = judge::judge(&leg, &facts);
        (verdict.outcome(), verdict.sentence().to_owned())
    };
    let with = |parameters: Value, answer: Value| {
        let mut all = json!({ "running": false, "health": "ignored" });
        all.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        judged(all, answer)
    };
    let on = |networks: Value| json!({ "Name": "/a", "NetworkSettings": { "Networks": networks } });
    let only = json!({ "only_networks": ["inner"] });
    assert_eq!(with(only.clone(), on(json!({ "inner": {} }))).0, Outcome::Pass);
    let (outcome, said) = with(only.clone(), on(json!({ "inner": {}, "outer": {} })));
    assert!(outcome == Outcome::Fail && said.contains("is on the network outer"), "{said}");
    let host = json!({ "Name": "/a", "HostConfig": { "NetworkMode": "host" } });
    assert_eq!(with(only, host).0, Outcome::Fail, "on none by name");
    let open = |address: &str| {
        let ports = json!({ "80/tcp": [{ "HostIp": address, "HostPort": "8080" }] });
        json!({ "Name": "/a", "NetworkSettings": { "Ports": ports } })
    };
    let only = |ports: Value| json!({ "only_ports": ports });
    assert_eq!(with(only(json!([])), open("127.0.0.1")).0, Outcome::Pass);
    assert_eq!(with(only(json!([8080])), open("0.0.0.0")).0, Outcome::Pass);
    assert_eq!(with(only(json!([80])), open("::")).0, Outcome::Fail, "it is about the port of the host");
    let log = |kind: &str, options: Value| {
        let host = json!({ "LogConfig": { "Type": kind, "Config": options } });
        with(json!({ "must": ["log_rotation"] }), json!({ "Name": "/a", "HostConfig": host })).0
    };
    assert_eq!(log("json-file", json!({ "max-size": "1m" })), Outcome::Fail);
    assert_eq!(log("json-file", json!({ "max-size": "1m", "max-file": "3" })), Outcome::Pass);
    assert_eq!(log("local", json!({})), Outcome::Pass);
}
