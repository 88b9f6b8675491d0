//! Each named check on what a real cluster said in a good and in a bad state, and on states in which
//! the objects are there and do nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::model::{Outcome, Timestamp};
use crate::probe::kinds::kubernetes::facts::Other;
use crate::probe::kinds::kubernetes::judge::judge;
use crate::probe::kinds::kubernetes::page;
use crate::probe::kinds::kubernetes::project::Keep;
use crate::probe::kinds::kubernetes::resource::path;

fn shared(items: Vec<Value>) -> Vec<std::sync::Arc<Value>> {
    items.into_iter().map(Into::into).collect()
}

type Lists = BTreeMap<String, Vec<Value>>;
/// A part of the sentence, and what is changed.
type Changed<'a> = (&'a str, &'a dyn Fn(&mut Lists));

fn leg(parameters: Value) -> Kubernetes {
    let mut whole = json!({ "target": "k" });
    whole.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
    let leg: Kubernetes = serde_json::from_value(whole).unwrap();
    let mut findings = Findings::default();
    crate::probe::Probe::check(&leg, &mut findings);
    assert!(findings.0.is_empty(), "{findings:?}");
    leg
}

/// By path, what was answered with 200 to a question without a query.
fn recorded(world: &str) -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/kubernetes").join(world);
    let mut answers = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let record: Value = serde_json::from_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
        let (request, answer) = (&record["request"], &record["response"]);
        let metadata = request["headers"]["Accept"].as_str().unwrap_or_default().contains("PartialObject");
        let path = request["path"].as_str().unwrap().to_owned();
        let meant = metadata == path.ends_with("/secrets");
        if request["method"] == "GET" && request["query"] == "" && answer["status"] == 200 && meant {
            answers.insert(path, answer["body"].clone());
        }
    }
    answers
}

/// What the leg would have listed, with the fields that are kept.
fn lists(leg: &Kubernetes, world: &str) -> Lists {
    let answers = recorded(world);
    let mut lists = Lists::new();
    for need in leg.checks().into_iter().flat_map(|check| check.needs(leg)) {
        let own;
        let spaces = match &need.within {
            Within::Namespaces => leg.namespaces.as_slice(),
            Within::Cluster => &[],
            Within::Namespace(name) => {
                own = [name.clone()];
                &own
            }
        };
        let at = |space| path(need.resource.api_version, need.resource.plural, space);
        let found: Vec<&Value> = if spaces.is_empty() && !answers.contains_key(&at(None)) {
            let tail = format!("/{}", need.resource.plural);
            answers.iter().filter(|(path, _)| path.ends_with(&tail)).map(|(_, answer)| answer).collect()
        } else if spaces.is_empty() {
            vec![&answers[&at(None)]]
        } else {
            spaces.iter().filter_map(|space| answers.get(&at(Some(space)))).collect()
        };
        let items = found.into_iter().flat_map(|list| list["items"].as_array().cloned().unwrap_or_default());
        let keep = need.resource.keep().unwrap();
        lists.insert(
            need.resource.name().to_owned(),
            items
                .map(|item| crate::probe::kinds::kubernetes::page::object(item.to_string().as_bytes(), &keep).unwrap())
                .collect(),
        );
    }
    lists
}

fn verdict(leg: &Kubernetes, lists: Lists) -> Verdict {
    let list = |(name, items)| (name, List { installed: true, cut: false, items: shared(items) });
    let facts = Facts { lists: lists.into_iter().map(list).collect(), ..Facts::default() };
    // When the worlds were recorded.
    let now: jiff::Timestamp = "2026-11-21T23:38:10Z".parse().unwrap();
    judge(leg, &facts, Timestamp(now.as_millisecond()))
}

/// The leg passes on the good recording, fails on the bad one with this in its sentence, and fails on
/// the good one after each of the changes.
fn proved(parameters: Value, bad: &str, changes: &[Changed<'_>]) {
    let leg = leg(parameters);
    let good = verdict(&leg, lists(&leg, "ready"));
    assert_eq!(good.outcome(), Outcome::Pass, "{}", good.sentence());
    if !bad.is_empty() {
        let seen = verdict(&leg, lists(&leg, "not-ready"));
        assert!(seen.outcome() == Outcome::Fail && seen.sentence().contains(bad), "{}", seen.sentence());
    }
    for (says, change) in changes {
        let mut changed = lists(&leg, "ready");
        change(&mut changed);
        let seen = verdict(&leg, changed);
        assert!(seen.outcome() == Outcome::Fail && seen.sentence().contains(says), "{says}: {}", seen.sentence());
    }
    let nothing = verdict(&leg, lists(&leg, "ready").into_keys().map(|name| (name, Vec::new())).collect());
    assert_ne!(nothing.outcome(), Outcome::Pass, "nothing proves nothing: {}", nothing.sentence());
}

/// Changes the object of this name.
fn with<'a>(list: &'a str, name: &'a str, change: impl Fn(&mut Value) + 'a) -> impl Fn(&mut Lists) + 'a {
    move |lists| {
        let objects = lists.get_mut(list).unwrap();
        let found = objects.iter_mut().filter(|object| object["metadata"]["name"].as_str().unwrap().starts_with(name));
        let mut count = 0;
        for object in found {
            change(object);
            count += 1;
        }
        assert!(count > 0, "no {name} among {list}");
    }
}

fn without<'a>(list: &'a str, name: &'a str) -> impl Fn(&mut Lists) + 'a {
    move |lists| lists.get_mut(list).unwrap().retain(|object| object["metadata"]["name"] != name)
}

const PHOENIX: [&str; 3] = ["phoenix-system", "phoenix-prod", "phoenix-experiments"];

#[test]
fn default_deny() {
    let allows = with("networkpolicies", "phoenix-default-deny", |policy| policy["spec"]["egress"] = json!([{}]));
    let half = with("networkpolicies", "phoenix-default-deny", |p| p["spec"]["policyTypes"] = json!(["Ingress"]));
    let some = with("networkpolicies", "phoenix-default-deny", |policy| {
        policy["spec"]["podSelector"] = json!({"matchLabels": {"app.kubernetes.io/name": "phoenix"}});
    });
    let gone = without("namespaces", "phoenix-prod");
    proved(
        json!({"namespaces": PHOENIX, "default_deny": {}}),
        "which allows something",
        &[
            ("which allows something", &allows),
            ("which is about Ingress only", &half),
            ("for all pods", &some),
            ("no namespace phoenix-prod", &gone),
        ],
    );
    proved(json!({"namespaces": ["parallax"], "default_deny": {}}), "about Ingress only", &[]);
    proved(json!({"namespaces": ["parallax-agents"], "default_deny": {}}), "no policy in parallax-agents", &[]);
}

#[test]
fn policy_effective() {
    let nobody = with("networkpolicies", "allow-dashboard", |policy| {
        policy["spec"]["podSelector"] = json!({"matchLabels": {"app.kubernetes.io/name": "phoenix"}});
    });
    let all = with("networkpolicies", "allow-dashboard", |policy| policy["spec"]["podSelector"] = json!({}));
    let open = with("networkpolicies", "allow-dashboard", |policy| {
        policy["spec"]["ingress"][0]["from"] = json!([{"namespaceSelector": {}}]);
    });
    let world = with("networkpolicies", "allow-dashboard", |policy| {
        policy["spec"]["ingress"] = json!([{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]);
    });
    let range = with("networkpolicies", "allow-api-gateway", |policy| {
        policy["spec"]["ingress"][0]["ports"][0]["endPort"] = json!(9000);
    });
    proved(
        json!({"namespaces": PHOENIX, "policy_effective": {"public_ports": ["api-gateway:8080"]}}),
        "selects",
        &[
            ("allow-dashboard, which selects no running pod", &nobody),
            ("allow-dashboard, which selects all pods", &all),
            ("allow-dashboard, which is open to all on 8080", &open),
            ("allow-dashboard, which is open to all on any port", &world),
            ("allow-api-gateway, which is open to all on any port", &range),
            ("which no policy allows anything", &without("networkpolicies", "allow-dashboard")),
        ],
    );
    let peers = json!({"namespaces": ["parallax-agents"], "policy_effective": {
        "may_select_all": true, "peers": ["kube-system", "parallax"]}});
    let other = with("networkpolicies", "allow-agents", |policy| policy["spec"]["egress"] = json!([{}]));
    proved(peers, "", &[("whose egress is about others than kube-system, parallax", &other)]);
}

const NAMES: [&str; 6] =
    ["api-gateway", "experiment-controller", "config-generator", "pipeline-operator", "loadsim-operator", "dashboard"];

#[test]
fn replicas() {
    let leaders = ["experiment-controller", "pipeline-operator", "loadsim-operator"];
    let one_node = with("pods", "dashboard", |pod| pod["spec"]["nodeName"] = json!("node-a1"));
    let wants_two = with("deployments", "dashboard", |one| one["status"]["availableReplicas"] = json!(1));
    let stale = with("leases", "pipeline-operator", |l| l["spec"]["renewTime"] = json!("2026-11-21T23:30:00.000000Z"));
    let gone =
        with("leases", "pipeline-operator", |lease| lease["spec"]["holderIdentity"] = json!("pipeline-operator-x"));
    let dead =
        with("pods", "dashboard", |pod| pod["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]));
    proved(
        json!({"namespaces": ["phoenix-system", "phoenix-prod"], "replicas": {"expected": NAMES, "leader_elected": leaders}}),
        "no Deployment",
        &[
            ("dashboard on 1 nodes", &one_node),
            ("dashboard with 1 of 2 available", &wants_two),
            ("dashboard on 0 nodes", &dead),
            ("Lease was renewed 8m 10s ago", &stale),
            ("none of its running pods", &gone),
            ("without a Lease", &without("leases", "loadsim-operator")),
            ("no Deployment dashboard", &without("deployments", "dashboard")),
        ],
    );
}

#[test]
fn pdb_covers() {
    let nobody = with("poddisruptionbudgets", "dashboard", |budget| {
        budget["spec"]["selector"] = json!({"matchLabels": {"app.kubernetes.io/name": "phoenix"}});
    });
    let none = with("poddisruptionbudgets", "dashboard", |budget| budget["spec"]["selector"] = Value::Null);
    let full = with("poddisruptionbudgets", "dashboard", |budget| budget["status"]["disruptionsAllowed"] = json!(0));
    let least = with("poddisruptionbudgets", "dashboard", |budget| budget["spec"]["minAvailable"] = json!("100%"));
    let fewer = with("poddisruptionbudgets", "dashboard", |budget| budget["status"]["expectedPods"] = json!(1));
    let twice = |lists: &mut Lists| {
        let budgets = lists.get_mut("poddisruptionbudgets").unwrap();
        let more = budgets.iter().find(|budget| budget["metadata"]["name"] == "dashboard").unwrap().clone();
        budgets.push(more);
    };
    proved(
        json!({"namespaces": PHOENIX, "pdb_covers": {}}),
        "fits no running pod",
        &[
            ("dashboard, which fits no running pod", &nobody),
            ("dashboard, which fits no running pod", &none),
            ("dashboard, which allows no disruption", &full),
            ("keeps all 2 pods", &least),
            ("for 1 pods, not the 2", &fewer),
            ("2 budgets for phoenix-prod/dashboard", &twice),
            ("dashboard without a budget", &without("poddisruptionbudgets", "dashboard")),
        ],
    );
}

#[test]
fn spread() {
    let others = with("deployments", "api-gateway", |one| {
        let terms = "requiredDuringSchedulingIgnoredDuringExecution";
        one["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"][terms][0]["labelSelector"] =
            json!({"matchLabels": {"app.kubernetes.io/name": "phoenix"}});
    });
    let together = with("pods", "api-gateway", |pod| pod["spec"]["nodeName"] = json!("node-a1"));
    let zone = with("nodes", "node-b", |node| node["metadata"]["labels"]["topology.kubernetes.io/zone"] = json!("a"));
    let zones = |lists: &mut Lists| {
        with("nodes", "node-", |n| n["metadata"]["labels"]["topology.kubernetes.io/zone"] = json!("a"))(lists);
        with("nodes", "node-c", |n| n["metadata"]["labels"]["topology.kubernetes.io/zone"] = json!("c"))(lists);
        zone(lists);
    };
    proved(
        json!({"namespaces": PHOENIX, "spread": {}}),
        "",
        &[
            ("api-gateway without a rule of its own pods", &others),
            ("api-gateway on 1 of 3 nodes", &together),
            ("in 1 of 2 zones", &zones),
        ],
    );
}

#[test]
fn probes() {
    let change = |field: &'static str, to: Value| {
        with("deployments", "dashboard", move |one| {
            let container = &mut one["spec"]["template"]["spec"]["containers"][0];
            *container.pointer_mut(field).unwrap() = to.clone();
        })
    };
    let gone = |field: &'static str| {
        with("deployments", "dashboard", move |one| {
            one["spec"]["template"]["spec"]["containers"][0].as_object_mut().unwrap().remove(field);
        })
    };
    let same = with("deployments", "dashboard", |one| {
        let container = &mut one["spec"]["template"]["spec"]["containers"][0];
        container["livenessProbe"] = container["readinessProbe"].clone();
    });
    let port = "/readinessProbe/httpGet/port";
    proved(
        json!({"namespaces": ["phoenix-system", "phoenix-prod"], "probes": {}}),
        "",
        &[
            ("readiness probe of port metrics, which it has not", &change(port, json!("metrics"))),
            ("readiness probe of port 8082, which it has not", &change(port, json!(8082))),
            ("without a liveness probe", &gone("livenessProbe")),
            ("whose two probes are the same", &same),
            ("waits 60 s", &change("/livenessProbe/timeoutSeconds", json!(60))),
            ("which is not ready", &with("pods", "dashboard", |pod| pod["status"]["conditions"] = json!([]))),
            ("without a running pod", &with("pods", "dashboard", |pod| pod["status"]["phase"] = json!("Pending"))),
        ],
    );
    let paths = json!({"liveness_path": "/health/live", "readiness_path": "/health/ready",
        "paths_of": ["parallax-control-plane"]});
    proved(json!({"namespaces": ["parallax"], "probes": paths}), "liveness probe", &[]);
}

#[test]
fn quota_room() {
    let full = with("resourcequotas", "", |quota| {
        let hard = quota["status"]["hard"]["pods"].clone();
        quota["status"]["used"]["pods"] = hard;
    });
    let other = with("resourcequotas", "", |quota| {
        quota["spec"]["hard"].as_object_mut().unwrap().remove("pods");
    });
    let unknown = with("limitranges", "", |range| range["metadata"]["namespace"] = json!("other"));
    proved(
        json!({"namespaces": ["parallax-agents"], "quota_room": {}}),
        "for all of these",
        &[("pods used of", &full), ("for all of these", &other), ("no LimitRange", &unknown)],
    );
}

#[test]
fn hpa_healthy() {
    let condition = |kind: &'static str, to: &'static str, reason: &'static str| {
        with("horizontalpodautoscalers", "dashboard", move |scaler| {
            for condition in scaler["status"]["conditions"].as_array_mut().unwrap() {
                if condition["type"] == kind {
                    condition["status"] = json!(to);
                    condition["reason"] = json!(reason);
                }
            }
        })
    };
    let change = |field: &'static str, to: Value| {
        with("horizontalpodautoscalers", "dashboard", move |s| *s.pointer_mut(field).unwrap() = to.clone())
    };
    proved(
        json!({"namespaces": ["phoenix-prod"], "hpa_healthy": {"workloads": ["api-gateway", "dashboard"]}}),
        "api-gateway",
        &[
            (
                "not ScalingActive (FailedGetResourceMetric)",
                &condition("ScalingActive", "False", "FailedGetResourceMetric"),
            ),
            ("without a metric that it reads", &change("/status/currentMetrics", json!([{"type": ""}]))),
            ("without a metric that it reads", &change("/status/currentMetrics", Value::Null)),
            ("at its limit for", &condition("ScalingLimited", "True", "TooManyReplicas")),
            ("from 1 to 4 replicas", &change("/spec/minReplicas", json!(1))),
            ("from 2 to 2 replicas", &change("/spec/maxReplicas", json!(2))),
            ("that is not there", &without("deployments", "dashboard")),
            ("no autoscaler for dashboard", &without("horizontalpodautoscalers", "dashboard")),
        ],
    );
}

fn classes() -> Value {
    json!({
        "max_age_days": {"api_key": 90, "database": 30, "jwt": 90, "certificate": 365},
        "class_by_name": {"newrelic-secret": "api_key", "phoenix-secrets": "jwt", "phoenix-db-credentials": "database",
            "phoenix-tls-cert": "certificate"},
        "ignore": [],
    })
}

#[test]
fn secret_age() {
    let old = with("secrets", "phoenix-db-credentials", |secret| {
        secret["metadata"]["annotations"]["rotated-at"] = json!("2026-10-01T00:00:00Z");
    });
    // Only the annotations were touched since.
    let touched = with("secrets", "phoenix-db-credentials", |secret| {
        secret["metadata"].as_object_mut().unwrap().remove("annotations");
        secret["metadata"]["managedFields"] = json!([
            {"time": "2026-09-01T00:00:00Z", "fieldsV1": {"f:data": {".": {}}}},
            {"time": "2026-11-21T00:00:00Z", "fieldsV1": {}},
        ]);
    });
    let unseen = with("secrets", "phoenix-db-credentials", |secret| {
        secret["metadata"]["annotations"]["rotated-at"] = json!("2026-11-21T20:00:00Z");
    });
    proved(
        json!({"namespaces": ["phoenix-prod"], "secret_age": classes()}),
        "",
        &[
            ("database secret phoenix-prod/phoenix-db-credentials of 51 days, more than 30", &old),
            ("of 81 days, more than 30", &touched),
            ("which started before phoenix-prod/phoenix-db-credentials was changed", &unseen),
            ("no secret phoenix-prod/phoenix-db-credentials", &without("secrets", "phoenix-db-credentials")),
        ],
    );
    let mut some = classes();
    some["class_by_name"].as_object_mut().unwrap().remove("phoenix-db-credentials");
    let unknown = leg(json!({"namespaces": ["phoenix-prod"], "secret_age": some}));
    let seen = verdict(&unknown, lists(&unknown, "ready"));
    assert_eq!(seen.reason(), Some(Reason::Unconfigured), "{}", seen.sentence());
}

#[test]
fn secret_owner() {
    let nobody = with("secrets", "phoenix-db-credentials", |secret| {
        secret["metadata"].as_object_mut().unwrap().remove("ownerReferences");
    });
    let other =
        with("secrets", "phoenix-db-credentials", |s| s["metadata"]["ownerReferences"][0]["kind"] = json!("ConfigMap"));
    let failing = with("externalsecrets", "phoenix-db-credentials", |one| {
        one["status"]["conditions"][0]["status"] = json!("False")
    });
    let stale = with("externalsecrets", "phoenix-db-credentials", |s| {
        s["status"]["refreshTime"] = json!("2026-11-21T20:00:00Z")
    });
    let store = with("secretstores", "vault", |one| one["status"]["conditions"][0]["status"] = json!("False"));
    proved(
        json!({"namespaces": ["phoenix-prod"], "secret_owner": {}}),
        "phoenix-secrets not ready (SecretSyncedError)",
        &[
            ("phoenix-db-credentials of nobody", &nobody),
            ("phoenix-db-credentials of ConfigMap", &other),
            ("phoenix-db-credentials not ready", &failing),
            ("refreshed 3h 38m ago", &stale),
            ("of the store vault, which is not ready", &store),
            ("of the store vault, which is not there", &without("secretstores", "vault")),
        ],
    );
}

#[test]
fn rbac_least_privilege() {
    let star = with("roles", "phoenix-controller", |role| role["rules"][0]["verbs"] = json!(["*"]));
    let roles = with("roles", "phoenix-controller", |role| role["rules"][0]["resources"] = json!(["rolebindings"]));
    let everybody = |lists: &mut Lists| {
        lists.get_mut("clusterrolebindings").unwrap().push(json!({
            "metadata": {"name": "all"}, "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "Group", "name": "system:serviceaccounts:phoenix-prod"}],
        }));
    };
    let secrets = |lists: &mut Lists| {
        lists.get_mut("clusterroles").unwrap().push(json!({
            "metadata": {"name": "writes"},
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "patch"]}],
        }));
        lists.get_mut("clusterrolebindings").unwrap().push(json!({
            "metadata": {"name": "all"}, "roleRef": {"kind": "ClusterRole", "name": "writes"},
            "subjects": [{"kind": "ServiceAccount", "namespace": "phoenix-system", "name": "phoenix-controller"}],
        }));
    };
    proved(
        json!({"namespaces": PHOENIX, "rbac_least_privilege": {}}),
        "",
        &[
            ("phoenix-system/phoenix-controller, which allows *", &star),
            ("to change rolebindings", &roles),
            ("cluster-admin, which allows *", &everybody),
            ("to change secrets", &secrets),
        ],
    );
}

#[test]
fn argocd_app() {
    let change = |field: &'static str, to: Value| {
        with("applications", "phoenix-collectors", move |one| *one.pointer_mut(field).unwrap() = to.clone())
    };
    let untracked = with("deployments", "dashboard", |one| {
        one["metadata"].as_object_mut().unwrap().remove("annotations");
    });
    let applications = ["phoenix-control-plane", "phoenix-collectors"];
    proved(
        json!({"namespaces": ["phoenix-system", "phoenix-prod"], "argocd_app": {"applications": applications}}),
        "not",
        &[
            ("phoenix-collectors OutOfSync, not Synced", &change("/status/sync/status", json!("OutOfSync"))),
            ("Degraded, not Healthy", &change("/status/health/status", json!("Degraded"))),
            ("Running, not Succeeded", &change("/status/operationState/phase", json!("Running"))),
            ("reconciled 1h 38m ago", &change("/status/reconciledAt", json!("2026-11-21T22:00:00Z"))),
            ("without selfHeal", &change("/spec/syncPolicy/automated/selfHeal", json!(false))),
            ("dashboard, which none of them tracks", &untracked),
            ("no application phoenix-collectors", &without("applications", "phoenix-collectors")),
        ],
    );
}

#[test]
fn rollout() {
    let canary = with("rollouts", "dashboard", |one| one["spec"]["strategy"] = json!({"canary": {}}));
    let paused = with("rollouts", "dashboard", |one| one["status"]["phase"] = json!("Paused"));
    proved(
        json!({"namespaces": ["phoenix-prod"], "rollout": {"workloads": ["phoenix-api", "dashboard"]}}),
        "Degraded",
        &[("with another strategy", &canary), ("dashboard Paused", &paused)],
    );
    let strict =
        leg(json!({"namespaces": ["phoenix-prod"], "rollout": {"workloads": ["phoenix-api"], "services": true}}));
    let seen = verdict(&strict, lists(&strict, "ready"));
    assert!(seen.sentence().contains("without its activeService phoenix-api-active"), "{}", seen.sentence());

    // Two slots, by labels.
    let slots = leg(json!({"namespaces": ["a"], "rollout": {"workloads": ["web"]}}));
    let of = |slot: &str| {
        json!({"metadata": {"name": slot, "namespace": "a"},
            "spec": {"template": {"metadata": {"labels": {"app": "web", "slot": slot}}}}})
    };
    let with_selector = |selector: Value| {
        let service = json!({"metadata": {"name": "web", "namespace": "a"}, "spec": {"selector": selector}});
        let deployments = vec![of("blue"), of("green")];
        Lists::from([
            ("services".to_owned(), vec![service]),
            ("deployments".to_owned(), deployments),
            ("rollouts".to_owned(), Vec::new()),
        ])
    };
    let seen = verdict(&slots, with_selector(json!({"app": "web", "slot": "green"})));
    assert_eq!(seen.outcome(), Outcome::Pass, "{}", seen.sentence());
    let seen = verdict(&slots, with_selector(json!({"app": "web"})));
    assert!(seen.sentence().contains("points to no single slot"), "{}", seen.sentence());
}

#[test]
fn lb_ready() {
    let objects = ["ingress/phoenix-ingress", "ingress/phoenix-dashboard-ingress", "service/phoenix-front"];
    let pending = with("ingresses", "phoenix-ingress", |one| one["status"]["loadBalancer"] = json!({}));
    let other = with("ingresses", "phoenix-ingress", |one| one["spec"]["ingressClassName"] = json!("kong"));
    let unready = with("endpointslices", "dashboard", |slice| {
        slice["endpoints"][0]["conditions"]["ready"] = json!(false);
    });
    let none = with("endpointslices", "dashboard", |slice| slice["endpoints"] = Value::Null);
    let backend = with("ingresses", "phoenix-ingress", |one| {
        one["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = json!("gone");
    });
    proved(
        json!({"namespaces": ["phoenix-prod"], "lb_ready": {"objects": objects}}),
        "without an address",
        &[
            ("ingress/phoenix-ingress without an address", &pending),
            ("of the class kong, which is not there", &other),
            ("dashboard with 1 ready endpoints", &unready),
            ("dashboard with 0 ready endpoints", &none),
            ("before the Service gone, which is not there", &backend),
            ("no service/phoenix-front", &without("services", "phoenix-front")),
        ],
    );
}

#[test]
fn cert_ready() {
    let names = ["phoenix-tls-cert", "phoenix-dashboard-tls-cert"];
    let change = |field: &'static str, to: Value| {
        with("certificates", "phoenix-tls-cert", move |one| *one.pointer_mut(field).unwrap() = to.clone())
    };
    let failed = with("orders", "phoenix-tls-cert-1", |order| order["status"]["state"] = json!("invalid"));
    proved(
        json!({"namespaces": ["phoenix-prod"], "cert_ready": {"certificates": names, "issuer": "letsencrypt-prod"}}),
        "not ready",
        &[
            ("not ready", &change("/status/conditions/0/status", json!("False"))),
            ("which ends at 2026-12-01", &change("/status/notAfter", json!("2026-12-01T00:00:00Z"))),
            ("was to be renewed at 2026-11-01", &change("/status/renewalTime", json!("2026-11-01T00:00:00Z"))),
            ("of the issuer staging", &change("/spec/issuerRef/name", json!("staging"))),
            ("with the order phoenix-tls-cert-1, which failed", &failed),
            ("no certificate phoenix-tls-cert", &without("certificates", "phoenix-tls-cert")),
        ],
    );
}

#[test]
fn cronjob_fresh() {
    let suspended = with("cronjobs", "postgres-backup", |job| job["spec"]["suspend"] = json!(true));
    let old = with("cronjobs", "postgres-backup", |job| {
        job["status"]["lastSuccessfulTime"] = json!("2026-11-20T00:00:00Z");
    });
    // It runs, and fails each time.
    let never = with("cronjobs", "postgres-backup", |job| {
        job["status"].as_object_mut().unwrap().remove("lastSuccessfulTime");
    });
    proved(
        json!({"namespaces": ["phoenix-prod"], "cronjob_fresh": {"names": ["postgres-backup"]}}),
        "postgres-backup",
        &[
            ("suspended", &suspended),
            ("successful 1d 23h ago", &old),
            ("never successful", &never),
            ("no CronJob postgres-backup", &without("cronjobs", "postgres-backup")),
        ],
    );
}

#[test]
fn compare() {
    let staging = leg(json!({"namespaces": ["phoenix-prod"], "compare": {"with": "production"}}));
    let lists_of = |lists: Lists| -> BTreeMap<String, List> {
        lists
            .into_iter()
            .map(|(name, items)| (name, List { installed: true, cut: false, items: shared(items) }))
            .collect()
    };
    let seen = |own: Lists, other: Option<Lists>| {
        let facts = Facts {
            lists: lists_of(own),
            other: other.map(|lists| Other { version: None, lists: lists_of(lists) }),
            ..Facts::default()
        };
        judge(&staging, &facts, Timestamp(0))
    };
    let ready = || lists(&staging, "ready");
    let verdict = seen(ready(), Some(ready()));
    assert_eq!(verdict.outcome(), Outcome::Pass, "{}", verdict.sentence());
    let verdict = seen(ready(), None);
    assert_eq!(verdict.outcome(), Outcome::Indeterminate, "{}", verdict.sentence());
    let smaller = |lists: &mut Lists| {
        let objects = lists.get_mut("deployments").unwrap();
        for one in objects {
            let container = &mut one["spec"]["template"]["spec"]["containers"][0];
            container["resources"]["requests"]["memory"] = json!("64Mi");
            container["image"] = json!("other:1");
            one["spec"]["replicas"] = json!(1);
        }
    };
    let mut own = ready();
    smaller(&mut own);
    let verdict = seen(own, Some(ready()));
    assert!(verdict.outcome() == Outcome::Fail, "{}", verdict.sentence());
    for part in ["images of", "replicas of", "requests of"] {
        assert!(verdict.sentence().contains(part), "{}", verdict.sentence());
    }
    let mut own = ready();
    without("networkpolicies", "allow-dashboard")(&mut own);
    without("deployments", "dashboard")(&mut own);
    let verdict = seen(own, Some(ready()));
    assert!(verdict.sentence().contains("deployments dashboard only in production"), "{}", verdict.sentence());
}

#[test]
fn pods() {
    let restarted = with("pods", "parallax-web-dashboard", |pod| {
        pod["status"]["containerStatuses"][0] = json!({"name": "web", "ready": false, "restartCount": 2});
    });
    let once = with("pods", "parallax-runtime-k8s", |pod| pod["spec"]["restartPolicy"] = json!("Never"));
    let hangs = with("pods", "parallax-runtime-k8s", |pod| pod["spec"]["containers"][0]["livenessProbe"] = Value::Null);
    let host = with("pods", "parallax-runtime-k8s", |pod| pod["spec"]["hostNetwork"] = json!(true));
    let two = with("pods", "parallax-runtime-k8s", |pod| pod["metadata"]["labels"]["pod-template-hash"] = json!("x"));
    let checked = json!({"namespaces": ["parallax"], "pods": {
        "must": ["own_namespaces", "always_restarts", "liveness", "ready"],
        "only_ports": [3000, 8080, 8081, 9878], "only_node_ports": []}});
    proved(
        checked,
        "restarted 17 times",
        &[
            ("web was restarted 2 times and is not ready", &restarted),
            ("with the restart policy Never", &once),
            ("no liveness probe of runtime", &hangs),
            ("with the network of its node", &host),
            ("none", &|lists: &mut Lists| lists.get_mut("pods").unwrap().clear()),
        ],
    );
    let alone = json!({"namespaces": ["parallax-agents"], "pods": {"one_per": "parallax.ai/agent-id"}});
    let same = with("pods", "agent", |pod| pod["metadata"]["labels"]["parallax.ai/agent-id"] = json!("a"));
    proved(alone, "", &[("both with parallax.ai/agent-id=a", &same)]);
    let leg = leg(json!({"namespaces": ["parallax"], "pods": {"one_per": "app.kubernetes.io/name"}}));
    let mut own = lists(&leg, "ready");
    two(&mut own);
    assert_eq!(verdict(&leg, own).outcome(), Outcome::Fail, "two pods of one name");
}

#[test]
fn templates() {
    let written = with("deployments", "parallax-runtime-k8s", |one| {
        let container = &mut one["spec"]["template"]["spec"]["containers"][0];
        container["env"] = json!([{"name": "A_TOKEN", "literal": "sealed:1"}]);
    });
    let secrets = json!({"namespaces": ["parallax"], "templates": {"secrets": ["TOKEN", "DATABASE_URL"]}});
    proved(secrets.clone(), "DATABASE_URL of control-plane", &[("A_TOKEN of runtime in the Deployment", &written)]);
    // A value that only names other variables is no secret that stands there.
    let leg = leg(secrets);
    let from = |name: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}});
    let literal = |name: &str, value: &str| json!({"name": name, "value": value});
    let url = || literal("DATABASE_URL", "postgres://$(USER):$(PW)@db");
    for (env, named) in [
        (json!([url()]), None),
        (json!([from("PW"), literal("USER", "app"), url()]), None),
        (json!([literal("PW", ""), url()]), None),
        // The value that is taken stands beside it.
        (json!([literal("PW", "hunter22"), url()]), Some("DATABASE_URL of runtime")),
        (json!([literal("PW0", "hunter22"), literal("PW", "$(PW0)"), url()]), Some("DATABASE_URL of runtime")),
        (json!([from("PW0"), literal("PW", "$(PW0)"), url()]), None),
    ] {
        let mut own = lists(&leg, "ready");
        with("deployments", "parallax-runtime-k8s", |one| {
            let keep = Keep::of(["env.name", "env.literal"]).unwrap();
            let kept = page::object(json!({ "env": env }).to_string().as_bytes(), &keep).unwrap();
            assert!(!kept.to_string().contains("hunter22"), "{kept}");
            one["spec"]["template"]["spec"]["containers"][0]["env"] = kept["env"].clone();
        })(&mut own);
        let seen = verdict(&leg, own);
        let expected = if named.is_some() { Outcome::Fail } else { Outcome::Pass };
        assert_eq!(seen.outcome(), expected, "{env}: {}", seen.sentence());
        assert!(seen.sentence().contains(named.unwrap_or_default()), "{}", seen.sentence());
    }
    let claim = with("deployments", "parallax-runtime-k8s", |one| {
        let spec = &mut one["spec"]["template"]["spec"];
        spec["volumes"] = json!([{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}]);
        spec["containers"][0]["volumeMounts"] = json!([{"name": "d", "mountPath": "/var/run/application"}]);
    });
    let writable = json!({"namespaces": ["parallax"], "templates": {"writable": ["/var/run/app/"]}});
    proved(writable, "", &[("/var/run/application of runtime", &claim)]);
}

#[test]
fn encrypted_claims() {
    let plain = with("storageclasses", "gp3-encrypted", |class| class["parameters"] = json!({"type": "gp3"}));
    let checked = json!({"namespaces": ["phoenix-prod"], "encrypted_claims": {}});
    let lost = with("persistentvolumeclaims", "", |claim| claim["status"]["phase"] = json!("Lost"));
    proved(
        checked.clone(),
        "of the class gp2",
        &[("which has not encrypted=true", &plain), ("whose volume is lost", &lost)],
    );
    for (phase, says) in [(json!("Pending"), "Pending, without a volume"), (Value::Null, "without a phase")] {
        let leg = leg(checked.clone());
        let mut own = lists(&leg, "ready");
        with("persistentvolumeclaims", "", |claim| claim["status"]["phase"] = phase.clone())(&mut own);
        let seen = verdict(&leg, own);
        assert_eq!((seen.outcome(), seen.reason()), (Outcome::Indeterminate, Some(Reason::NoData)));
        assert!(seen.sentence().contains(says), "{}", seen.sentence());
    }
}

#[test]
fn canary_weights() {
    let weights = |parameters: Value, sort: &str, object: Value| {
        let leg = leg(json!({"namespaces": ["a"], "canary_weight": parameters}));
        let seen = verdict(&leg, BTreeMap::from([(sort.to_owned(), vec![object])]));
        (seen.outcome(), seen.sentence().to_owned())
    };
    let named = json!({"namespace": "a", "name": "x"});
    let rollout = |weight: Value| {
        let object = json!({"metadata": named, "status": {"canary": {"weights": {"canary": {"weight": weight}}}}});
        weights(json!({"max": 0.1, "rollouts": ["x"]}), "rollouts", object).0
    };
    assert_eq!(rollout(json!(10)), Outcome::Pass);
    assert_eq!(rollout(json!(11)), Outcome::Fail);
    assert_eq!(rollout(Value::Null), Outcome::Indeterminate);
    let route = |backends: Value| {
        let object = json!({"metadata": named, "spec": {"rules": [{"backendRefs": backends}]}});
        weights(json!({"max": 0.1, "routes": ["x"], "backends": ["new"]}), "httproutes", object)
    };
    assert_eq!(route(json!([{"name": "old", "weight": 9}, {"name": "new"}])).0, Outcome::Pass, "a weight of 1");
    assert_eq!(route(json!([{"name": "old"}, {"name": "new"}])).0, Outcome::Fail);
    assert_eq!(route(json!([{"name": "old"}])).0, Outcome::Indeterminate, "no rule leads to it");
    assert_eq!(weights(json!({"max": 0.1}), "rollouts", Value::Null).0, Outcome::Indeterminate);
}

/// A Deployment of `shop` whose one container has this beside its name, as it is kept.
fn with_container(more: Value) -> Value {
    let mut container = json!({"name": "web"});
    container.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let whole = json!({
        "metadata": {"name": "web", "namespace": "shop"}, "spec": {"template": {"spec": {"containers": [container]}}},
    });
    let keep = crate::probe::kinds::kubernetes::resource::DEPLOYMENTS.keep().unwrap();
    crate::probe::kinds::kubernetes::page::object(whole.to_string().as_bytes(), &keep).unwrap()
}

#[test]
fn env_set() {
    let leg = leg(json!({"namespaces": ["shop"], "env_set": {"variable": "SENTRY_DSN"}}));
    let secret = |namespace: &str| json!({"metadata": {"name": "sentry", "namespace": namespace}});
    let judged = |deployments: Vec<Value>, secrets: Vec<Value>| {
        verdict(&leg, [("deployments".to_owned(), deployments), ("secrets".to_owned(), secrets)].into())
    };
    let from_secret = |optional: bool| {
        let key = json!({"name": "sentry", "key": "dsn", "optional": optional});
        with_container(
            json!({"env": [{"name": "OTHER", "value": "x"}, {"name": "SENTRY_DSN", "valueFrom": {"secretKeyRef": key}}]}),
        )
    };
    let written = |value: &str| with_container(json!({"env": [{"name": "SENTRY_DSN", "value": value}]}));
    for good in [from_secret(false), from_secret(true), written("https://s3cret@sentry.example/1")] {
        let seen = judged(vec![good], vec![secret("shop")]);
        assert_eq!(seen.outcome(), Outcome::Pass, "{}", seen.sentence());
        assert!(!format!("{seen:?}").contains("s3cret"), "{seen:?}");
    }
    let other = with_container(json!({"env": [{"name": "SENTRY_DSN_2", "value": "x"}]}));
    for (deployments, secrets, says) in [
        (vec![other], vec![], "shop/web without it"),
        (vec![with_container(json!({}))], vec![], "shop/web without it"),
        (vec![written("")], vec![], "where it is empty"),
        // That it may be absent does not make it a variable that is set.
        (vec![from_secret(true)], vec![], "the secret sentry, which is not there"),
        (vec![from_secret(false)], vec![secret("elsewhere")], "the secret sentry, which is not there"),
        (vec![from_secret(false), with_container(json!({}))], vec![secret("shop")], "shop/web without it"),
        (vec![], vec![secret("shop")], "no Deployment"),
    ] {
        let seen = judged(deployments, secrets);
        assert_eq!((seen.outcome(), seen.reason()), (Outcome::Fail, Some(Reason::Missing)), "{}", seen.sentence());
        assert!(seen.sentence().contains(says), "{says}: {}", seen.sentence());
    }
    for (more, says) in [
        (json!({"envFrom": [{"secretRef": {"name": "sentry"}}]}), "with `envFrom`, which may set it"),
        (
            json!({"env": [{"name": "SENTRY_DSN", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]}),
            "where it comes from no secret",
        ),
    ] {
        let seen = judged(vec![with_container(more)], vec![secret("shop")]);
        assert_eq!(seen.outcome(), Outcome::Indeterminate, "{}", seen.sentence());
        assert!(seen.sentence().contains(says), "{}", seen.sentence());
    }
}

#[test]
fn secrets_of_any_use_are_young() {
    let old = with("secrets", "parallax-license", |secret| {
        secret["metadata"]["managedFields"][0]["time"] = json!("2025-01-01T00:00:00Z");
    });
    let checked = json!({"namespaces": ["parallax"], "secret_age": {"every_s": 7_776_000}});
    proved(checked, "", &[("the secret parallax/parallax-license of 689 days", &old)]);
}

#[test]
fn lists_that_are_cut_off_or_not_there_decide_nothing() {
    let leg = leg(json!({"namespaces": ["phoenix-prod"], "pdb_covers": {}}));
    let of = |cut: bool, installed: bool| {
        let list = |(name, items)| (name, List { installed, cut, items: shared(items) });
        let facts = Facts { lists: lists(&leg, "not-ready").into_iter().map(list).collect(), ..Facts::default() };
        judge(&leg, &facts, Timestamp(0))
    };
    let seen = of(true, true);
    assert_eq!((seen.outcome(), seen.reason()), (Outcome::Indeterminate, Some(Reason::TooLarge)));
    let seen = of(false, false);
    assert_eq!((seen.outcome(), seen.reason()), (Outcome::Fail, Some(Reason::Missing)), "{}", seen.sentence());
}
