use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::*;
use crate::model::{Target, TlsFiles};
use crate::probe::fixture::{cx_for, cx_with};
use crate::probe::kinds::kubernetes::Kubernetes;
use crate::probe::net::Clients;
use crate::probe::net::peers::{self, kept_directory, response};
use crate::probe::{Blame, CredentialSource, Credentials, Heard, Probe};

const QUICK: Pace = Pace {
    lasts_s: 1,
    grace: Duration::from_millis(200),
    arrive: Duration::from_secs(2),
    brief: Duration::from_millis(1),
    pause: Duration::from_millis(1),
    absent: Duration::from_millis(50),
};

/// What a stream does, one after the other.
#[derive(Clone)]
enum Step {
    Say(String),
    /// Ends as it should.
    End,
    /// Breaks off.
    Break,
    Hang,
    /// Instead of a stream.
    Refuse(&'static str),
}

/// A cluster whose streams do as they are told, in the order in which they are opened.
#[derive(Clone, Default)]
struct Cluster {
    scripts: Arc<Mutex<VecDeque<Vec<Step>>>>,
    /// Requests, with what was accepted and who asked.
    asked: Arc<Mutex<Vec<String>>>,
    /// Parts of paths of which lists are refused, and how.
    refused: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

impl Cluster {
    async fn start(&self, scripts: impl IntoIterator<Item = Vec<Step>>) -> SocketAddr {
        self.scripts.lock().unwrap().extend(scripts);
        let cluster = self.clone();
        peers::serve(move |mut stream| {
            let cluster = cluster.clone();
            async move {
                loop {
                    let head = peers::read_head(&mut stream).await;
                    if head.is_empty() {
                        return;
                    }
                    let of = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
                    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    let asked = format!("{target} {}{}", of("accept: "), of("authorization:"));
                    cluster.asked.lock().unwrap().push(asked);
                    if target.contains("watch=") || target.contains("watch=true") {
                        cluster.play(&mut stream).await;
                        return;
                    }
                    let answer = cluster.listed(&target);
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            }
        })
        .await
    }

    fn listed(&self, target: &str) -> String {
        let json = "content-type: application/json\r\n";
        if target == "/apis" {
            return response("200 OK", json, &json!({"groups": []}).to_string());
        }
        let refused = self.refused.lock().unwrap();
        let found = refused.iter().find(|(part, _)| target.contains(*part));
        found.map_or_else(
            || response("200 OK", json, &json!({"metadata": {"resourceVersion": "100"}, "items": null}).to_string()),
            |(_, line)| response(line, json, &json!({"message": "no"}).to_string()),
        )
    }

    async fn play(&self, stream: &mut (impl AsyncWriteExt + Unpin)) {
        let script = self.scripts.lock().unwrap().pop_front().unwrap_or_else(|| vec![Step::Hang]);
        let mut begun = false;
        for step in script {
            if let Step::Refuse(line) = step {
                let json = "connection: close\r\ncontent-type: application/json\r\n";
                let text = response(line, json, &json!({"message": "cannot watch"}).to_string());
                let _ = stream.write_all(text.as_bytes()).await;
                return;
            }
            if !std::mem::replace(&mut begun, true) {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
                let _ = stream.write_all(head.as_bytes()).await;
            }
            match step {
                Step::Say(text) => {
                    let chunk = format!("{:x}\r\n{text}\r\n", text.len());
                    let _ = stream.write_all(chunk.as_bytes()).await;
                    sleep(Duration::from_millis(20)).await;
                }
                Step::End => {
                    let _ = stream.write_all(b"0\r\n\r\n").await;
                    return;
                }
                Step::Break => return,
                Step::Hang | Step::Refuse(_) => std::future::pending().await,
            }
        }
    }

    /// Requests whose text has this part.
    fn of(&self, part: &str) -> Vec<String> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.contains(part)).cloned().collect()
    }
}

fn says(kind: &str, version: u32) -> Step {
    let event = json!({"type": kind, "object": {"metadata": {"name": "a", "resourceVersion": version.to_string()}}});
    Step::Say(format!("{event}\n"))
}

fn leg(parameters: Value) -> Kubernetes {
    let mut whole = json!({"target": "peer", "namespaces": ["a"]});
    whole.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

fn pods() -> Kubernetes {
    leg(json!({"objects": {"resource": "pods"}}))
}

/// Listens until it ends or for a second. What was heard, and what it ended with.
async fn hear(leg: &Kubernetes, cx: &ProbeCx, pace: &Pace) -> (Vec<Heard>, Option<ProbeError>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    let changes = Changes::new(move |news| log.lock().unwrap().push(news));
    let sorts = sorts(leg);
    let ended = timeout(Duration::from_secs(3), listen(sorts.first().unwrap(), cx, &changes, pace)).await;
    let heard = heard.lock().unwrap().clone();
    (heard, ended.ok().and_then(Result::err))
}

fn at(address: SocketAddr) -> ProbeCx {
    cx_for(2000, &format!("http://{address}"))
}

use Heard::{Change, Listening};

#[tokio::test]
async fn changes_are_heard_and_bookmarks_and_ends_are_none() {
    let cluster = Cluster::default();
    let first = vec![says("BOOKMARK", 105), says("MODIFIED", 107), says("BOOKMARK", 120), Step::End];
    let peer = cluster.start([first, vec![Step::End], vec![says("DELETED", 130), Step::Hang]]).await;
    let (heard, ended) = hear(&pods(), &at(peer), &USUAL_BUT_BRIEF).await;
    assert_eq!((heard, ended), (vec![Listening, Change, Change], None));
    let lists = cluster.of("limit=1");
    assert_eq!(lists.len(), 1, "once, and not after an end: {lists:?}");
    assert!(lists[0].contains("as=PartialObjectMetadataList"), "{lists:?}");
    let watches = cluster.of("watch=");
    let from: Vec<bool> = watches
        .iter()
        .zip(["resourceVersion=100", "resourceVersion=120", "resourceVersion=120"])
        .map(|(watch, version)| watch.contains(version) && watch.contains("allowWatchBookmarks=true"))
        .collect();
    assert_eq!(from, [true; 3], "{watches:?}");
    let accepted =
        watches.iter().all(|watch| watch.contains("as=PartialObjectMetadata;") && watch.contains("timeoutSeconds=2"));
    assert!(accepted, "{watches:?}");
}

const USUAL_BUT_BRIEF: Pace = Pace { brief: Duration::from_millis(1), pause: Duration::from_millis(1), ..USUAL };

#[tokio::test]
async fn what_ends_an_ear_is_said() {
    let error = |code: u16, message: &str| {
        let event =
            json!({"type": "ERROR", "object": {"kind": "Status", "code": code, "message": message, "metadata": {}}});
        Step::Say(format!("{event}\n"))
    };
    let (target, observer) = (Blame::Target, Blame::Observer);
    for (script, blame, reason, part, open) in [
        (vec![says("ADDED", 101), Step::Break], target, Reason::Reset, "", true),
        (vec![error(410, "too old resource version")], observer, Reason::Status, "with 410 (too old", true),
        (vec![error(403, "no")], observer, Reason::PermissionDenied, "403", true),
        (vec![error(500, "etcd")], target, Reason::Status, "etcd", true),
        (vec![Step::Say("<html>\n".to_owned())], target, Reason::Protocol, "saw 6 bytes that are none", true),
        (vec![Step::Say("x".repeat(3 << 20))], target, Reason::TooLarge, "too long", true),
        (vec![Step::Refuse("403 Forbidden")], observer, Reason::PermissionDenied, "cannot watch", false),
        (vec![Step::Refuse("401 Unauthorized")], observer, Reason::AuthRejected, "cannot watch", false),
        (vec![Step::Refuse("410 Gone")], observer, Reason::Protocol, "410", false),
        (vec![Step::Refuse("503 X")], target, Reason::Status, "503", false),
    ] {
        let peer = Cluster::default().start([script]).await;
        let (heard, ended) = hear(&pods(), &at(peer), &USUAL).await;
        let ended = ended.expect(part);
        assert_eq!((ended.blame, ended.reason), (blame, reason), "{}", ended.detail);
        assert!(ended.detail.contains(part), "{}", ended.detail);
        assert_eq!(heard.contains(&Listening), open, "{part}");
    }
}

#[tokio::test]
async fn a_list_that_may_not_be_seen_is_not_listened_to() {
    let cluster = Cluster::default();
    cluster.refused.lock().unwrap().insert("/pods", "403 Forbidden".to_owned());
    let peer = cluster.start([]).await;
    let (heard, ended) = hear(&pods(), &at(peer), &USUAL).await;
    let ended = ended.unwrap();
    assert_eq!((ended.blame, ended.reason), (Blame::Observer, Reason::PermissionDenied), "{}", ended.detail);
    assert!(heard.is_empty() && cluster.of("watch=").is_empty());
}

#[tokio::test]
async fn a_stream_that_falls_silent_beyond_its_time_is_dead() {
    let peer = Cluster::default().start([vec![says("BOOKMARK", 101), Step::Hang]]).await;
    let pace = Pace { lasts_s: 0, ..QUICK };
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    let changes = Changes::new(move |news| log.lock().unwrap().push(news));
    let sorts = sorts(&pods());
    let ended = timeout(Duration::from_secs(5), listen(sorts.first().unwrap(), &at(peer), &changes, &pace)).await;
    let ended = ended.unwrap().unwrap_err();
    assert_eq!((ended.reason, heard.lock().unwrap().clone()), (Reason::Timeout, vec![Listening]), "{}", ended.detail);
}

#[tokio::test]
async fn one_that_ends_at_once_is_not_opened_for_ever() {
    let cluster = Cluster::default();
    let peer = cluster.start((0..50).map(|_| vec![Step::Say("\n".to_owned()), Step::End])).await;
    let pace = Pace { brief: Duration::from_secs(60), pause: Duration::from_millis(1), ..USUAL };
    let (heard, ended) = hear(&pods(), &at(peer), &pace).await;
    assert_eq!((heard, ended.unwrap().reason), (vec![Listening], Reason::Protocol));
    assert_eq!(cluster.of("watch=").len(), 6);
}

#[tokio::test]
async fn each_list_is_an_ear_of_its_own() {
    let cluster = Cluster::default();
    let peer = cluster.start([vec![says("ADDED", 130), Step::Break]]).await;
    let both = leg(json!({"pdb_covers": {}}));
    let names: Vec<String> = sorts(&both).iter().map(Sort::shown).collect();
    assert_eq!(names, ["deployments.apps in a", "poddisruptionbudgets.policy in a", "pods in a"]);
    let ears = both.watches();
    assert_eq!(ears.len(), 3);
    let changes = Changes::new(|_| ());
    let ended = Probe::listen(&both, &ears[1], &at(peer), &changes).await;
    assert_eq!(ended.reason, Reason::Reset, "{}", ended.detail);
    assert_eq!((cluster.of("limit=1").len(), cluster.of("watch=").len()), (1, 1), "and no other");
    assert!(cluster.of("watch=")[0].contains("/poddisruptionbudgets?"));
    let ended = Probe::listen(&both, "another", &at(peer), &changes).await;
    assert_eq!(ended.reason, Reason::Internal);
}

#[tokio::test]
async fn what_a_cluster_has_not_is_waited_for() {
    let cluster = Cluster::default();
    cluster.refused.lock().unwrap().insert("/applications", "404 Not Found".to_owned());
    let peer = cluster.start([]).await;
    let some = leg(json!({"objects": {"api_version": "argoproj.io/v1alpha1", "resource": "applications"}}));
    let cx = at(peer);
    let mend = async {
        sleep(Duration::from_millis(200)).await;
        assert!(cluster.of("/applications").len() > 1, "asked for again");
        cluster.refused.lock().unwrap().clear();
    };
    let ((heard, ended), ()) = tokio::join!(hear(&some, &cx, &QUICK_BUT_LONG), mend);
    assert_eq!((heard, ended), (vec![Listening, Change], None));
    // What is never there is no ear.
    let cluster = Cluster::default();
    cluster.refused.lock().unwrap().insert("/applications", "404 Not Found".to_owned());
    let peer = cluster.start([]).await;
    assert_eq!(hear(&some, &at(peer), &USUAL).await, (vec![], None));
}

const QUICK_BUT_LONG: Pace = Pace { lasts_s: 290, ..QUICK };

#[tokio::test]
async fn a_login_is_read_anew_for_each_stream() {
    let file = kept_directory().join("token");
    std::fs::write(&file, "first-token").unwrap();
    let credentials = Credentials::new(BTreeMap::from([("token".to_owned(), CredentialSource::File(file.clone()))]));
    let cluster = Cluster::default();
    let says_one = vec![says("BOOKMARK", 101), Step::Say("\n".to_owned()), Step::Say("\n".to_owned()), Step::End];
    let peer = cluster.start([says_one]).await;
    let address = format!("http://{peer}").into();
    let target = Target { name: "peer".into(), address, credential: Some("token".into()), tls: TlsFiles::default() };
    let cx = cx_with(2000, Some(target), credentials, Arc::new(Clients::new()));
    let rotate = async {
        while cluster.of("watch=").is_empty() {
            sleep(Duration::from_millis(1)).await;
        }
        std::fs::write(&file, "second-token").unwrap();
    };
    let leg = pods();
    let ((heard, ended), ()) = tokio::join!(hear(&leg, &cx, &QUICK_BUT_LONG), rotate);
    assert_eq!((heard, ended), (vec![Listening], None));
    let watches = cluster.of("watch=");
    let by: Vec<bool> =
        watches.iter().zip(["first-token", "second-token"]).map(|(watch, token)| watch.contains(token)).collect();
    assert_eq!(by, [true, true], "{watches:?}");
}

#[test]
fn legs_say_what_they_listen_to() {
    let shown = |parameters: Value| sorts(&leg(parameters)).iter().map(Sort::shown).collect::<Vec<_>>();
    assert_eq!(shown(json!({"objects": {"resource": "secrets"}})), ["secrets in a"]);
    assert!(shown(json!({"ready": true, "access": [{"verb": "get", "resource": "pods"}]})).is_empty());
    assert!(shown(json!({"objects": {"api_version": "coordination.k8s.io/v1", "resource": "leases"}})).is_empty());
    assert!(shown(json!({"objects": {"resource": "events"}})).is_empty());
    let elected = json!({"replicas": {"expected": ["x"], "leader_elected": ["x"]}});
    assert!(!shown(elected).iter().any(|sort| sort.contains("leases")), "they are renewed every two seconds");
    let many: Vec<String> = (0..40).map(|n| format!("n{n}")).collect();
    assert_eq!(shown(json!({"namespaces": many, "objects": {"resource": "pods"}})).len(), 40);
    // One by its name is a stream of that one.
    let one = leg(json!({"objects": {"resource": "pods", "name": "web-0"}}));
    let (path, accept) = sorts(&one).first().unwrap().changes("7", 60).unwrap();
    assert!(
        path.starts_with("/api/v1/namespaces/a/pods?") && path.contains("fieldSelector=metadata.name%3Dweb-0"),
        "{path}"
    );
    assert!(accept.contains("as=PartialObjectMetadata;"), "{accept}");
    // Equal lists share an ear, whatever else is asked, and no others.
    let ears = |parameters: Value| leg(parameters).watches();
    assert_eq!(ears(json!({"pdb_covers": {}})), ears(json!({"pdb_covers": {}, "ready": true})));
    let alone = ears(json!({"objects": {"resource": "pods"}}));
    assert!(alone.len() == 1 && ears(json!({"pdb_covers": {}})).contains(&alone[0]));
    assert_ne!(ears(json!({"pdb_covers": {}})), ears(json!({"pdb_covers": {}, "selector": "a=b"})));
    assert!(ears(json!({"ready": true})).is_empty());
}
