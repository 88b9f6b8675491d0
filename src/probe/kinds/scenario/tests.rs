use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::model::{Access, Outcome, Reason};
use crate::probe::net::Clients;
use crate::probe::net::peers::{self, response};
use crate::probe::{Afterwards, Credentials, Hazards, Leftovers, Observation, ProbeCx, fixture};

/// A peer that keeps things, its own log of requests, and what it answers instead of the usual.
#[derive(Clone, Default)]
pub(super) struct Things {
    pub(super) address: String,
    log: Arc<Mutex<Vec<String>>>,
    things: Arc<Mutex<Vec<String>>>,
    pub(super) odd: Arc<Mutex<Option<(&'static str, String)>>>,
}

impl Things {
    pub(super) async fn start() -> Self {
        let made = Self::default();
        let kept = made.clone();
        let address = peers::http(move |head| kept.answer(head.lines().next().unwrap_or_default())).await;
        Self { address: format!("http://{address}/"), ..made }
    }

    fn answer(&self, line: &str) -> String {
        // What follows a head is a body, which this peer takes for a head.
        let Some(request) = line.strip_suffix(" HTTP/1.1") else { return String::new() };
        let request = request.to_owned();
        let mut things = self.things.lock().unwrap();
        self.log.lock().unwrap().push(request.clone());
        let odd = self.odd.lock().unwrap().clone();
        let json = |status: &str, body: &str| response(status, "content-type: application/json\r\n", body);
        let usual = match request.split_once(' ').unwrap_or_default() {
            ("POST", "/things") => {
                things.push("7".to_owned());
                json("201 X", r#"{"id":7}"#)
            }
            ("GET", "/things/7") if !things.is_empty() => json("200 OK", r#"{"id":7,"state":"made"}"#),
            ("DELETE", "/things/7") => {
                let there = !things.is_empty();
                if odd.as_ref().is_none_or(|(method, _)| *method != "DELETE") {
                    things.clear();
                }
                response(if there { "204 X" } else { "404 X" }, "", "")
            }
            _ => response("404 X", "", ""),
        };
        odd.filter(|(method, _)| request.starts_with(method)).map_or(usual, |(_, answer)| answer)
    }

    pub(super) fn answers(&self, method: &'static str, answer: impl Into<String>) {
        *self.odd.lock().unwrap() = Some((method, answer.into()));
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub(super) fn left(&self) -> usize {
        self.things.lock().unwrap().len()
    }
}

/// A journal, the count it told last, and where clean-ups of dropped runs go.
#[derive(Clone)]
pub(super) struct Daemon {
    directory: Arc<tempfile::TempDir>,
    count: Arc<AtomicUsize>,
}

impl Daemon {
    pub(super) fn new() -> Self {
        Self { directory: Arc::new(tempfile::tempdir().unwrap()), count: Arc::default() }
    }

    /// As after a start. `takes`: dropped runs are finished.
    #[expect(clippy::disallowed_methods, reason = "in the place of the engine")]
    pub(super) fn cx(&self, milliseconds: u64, takes: bool) -> ProbeCx {
        let count = Arc::clone(&self.count);
        let leftovers = Leftovers::new(self.directory.path().join("l"), move |n| count.store(n, Ordering::SeqCst));
        let afterwards = Afterwards::new(move |work| {
            if takes {
                tokio::spawn(work);
            }
            takes
        });
        let hazards = Hazards { leftovers: Some(leftovers), afterwards, ..Hazards::default() };
        fixture::cx_with(milliseconds, None, Credentials::default(), Arc::new(Clients::with(hazards)))
    }

    pub(super) fn leftovers(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

fn parameters(things: &Things) -> Value {
    let url = things.address.as_str();
    json!({
        "name": "thing",
        "cleanup_s": 1,
        "steps": [
            { "name": "make", "do": { "http": { "url": url, "path": "/things", "method": "POST", "body": "{run}" } },
              "expect": ["json.id > 0"], "capture": { "id": "json.id" } },
            { "name": "see", "do": { "http": { "url": url, "path": "/things/{id}" } },
              "expect": ["json.state == \"made\"", "\"{id}\" == \"7\""] },
        ],
        "cleanup": [{ "name": "unmake",
            "do": { "http": { "url": url, "path": "/things/{id}", "method": "DELETE", "status": [204, 404] } } }],
    })
}

async fn run(things: &Things, cx: &ProbeCx) -> Observation {
    fixture::run("scenario", parameters(things), cx).await
}

pub(super) fn says(seen: &Observation, outcome: Outcome, reason: Option<Reason>, part: &str) {
    let verdict = &seen.verdict;
    assert_eq!((verdict.outcome(), verdict.reason()), (outcome, reason), "{} {:?}", verdict.sentence(), seen.facts);
    assert!(verdict.sentence().contains(part), "{}", verdict.sentence());
}

#[tokio::test]
async fn it_is_made_looked_at_and_unmade() {
    let (things, daemon) = (Things::start().await, Daemon::new());
    says(&run(&things, &daemon.cx(4000, true)).await, Outcome::Pass, None, "2 steps");
    assert_eq!(things.log(), ["POST /things", "GET /things/7", "DELETE /things/7"]);
    assert_eq!((things.left(), daemon.leftovers()), (0, 0));
}

#[tokio::test]
async fn rounds_are_run_one_after_the_other() {
    let (things, daemon) = (Things::start().await, Daemon::new());
    let mut rounds = parameters(&things);
    (rounds["times"], rounds["leaves"], rounds["cleanup"]) = (json!(3), json!("a thing"), json!([]));
    let seen = fixture::run("scenario", rounds.clone(), &daemon.cx(4000, true)).await;
    says(&seen, Outcome::Pass, None, "6 steps");
    assert_eq!(things.log(), ["POST /things", "GET /things/7"].repeat(3));
    things.answers("GET", response("500 X", "", ""));
    says(
        &fixture::run("scenario", rounds.clone(), &daemon.cx(4000, true)).await,
        Outcome::Fail,
        Some(Reason::Status),
        "",
    );
    assert_eq!(things.log().len(), 8, "no further round after one that failed");
    rounds["leaves"] = Value::Null;
    let parsed = crate::probe::kinds::find("scenario").unwrap().parse(rounds).unwrap();
    assert!(parsed.findings.0.iter().any(|one| one.field == "times"));
}

#[tokio::test]
async fn a_step_that_fails_is_cleaned_up_after() {
    let (things, daemon) = (Things::start().await, Daemon::new());
    things.answers("GET", response("500 X", "", ""));
    says(&run(&things, &daemon.cx(4000, true)).await, Outcome::Fail, Some(Reason::Status), "see: expected status 2xx");
    assert_eq!((things.left(), daemon.leftovers()), (0, 0));
    // What was refused made nothing, so there is nothing to unmake.
    things.answers("POST", response("403 X", "", ""));
    says(&run(&things, &daemon.cx(4000, true)).await, Outcome::Fail, Some(Reason::Status), "make:");
    assert_eq!((things.log().len(), daemon.leftovers()), (4, 0), "{:?}", things.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_step_that_hangs_is_cleaned_up_after() {
    let (things, daemon) = (Things::start().await, Daemon::new());
    // Its headers never end.
    things.answers("GET", "HTTP/1.1 200 OK\r\n");
    let begun = tokio::time::Instant::now();
    says(&run(&things, &daemon.cx(2000, true)).await, Outcome::Fail, Some(Reason::Timeout), "see:");
    assert_eq!((things.left(), daemon.leftovers()), (0, 0), "{:?}", things.log());
    assert!(begun.elapsed() < Duration::from_millis(2200), "within the deadline, {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_run_that_is_dropped_is_cleaned_up_after() {
    let (things, daemon) = (Things::start().await, Daemon::new());
    things.answers("GET", "HTTP/1.1 200 OK\r\n");
    for (takes, left) in [(true, 0), (false, 1)] {
        let cx = daemon.cx(8000, takes);
        let dropped = tokio::time::timeout(Duration::from_millis(500), run(&things, &cx)).await;
        assert!(dropped.is_err());
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!((things.left(), daemon.leftovers()), (left, left), "{:?}", things.log());
    }
    // Nobody took the second, as after a kill: the next run cleans first.
    *things.odd.lock().unwrap() = None;
    let before = things.log().len();
    let cx = daemon.cx(4000, true);
    assert_eq!(daemon.leftovers(), 1, "counted at the start");
    let seen = run(&things, &cx).await;
    says(&seen, Outcome::Pass, None, "");
    assert_eq!(seen.facts.unwrap()["leftovers_cleaned"], 1);
    assert_eq!(things.log()[before..], ["DELETE /things/7", "POST /things", "GET /things/7", "DELETE /things/7"]);
    assert_eq!((things.left(), daemon.leftovers()), (0, 0));
}

#[tokio::test]
async fn what_cannot_be_cleaned_is_told_until_it_can() {
    let (things, daemon) = (Things::start().await, Daemon::new());
    things.answers("DELETE", response("500 X", "", ""));
    let seen = run(&things, &daemon.cx(4000, true)).await;
    says(&seen, Outcome::Fail, Some(Reason::Status), "unmake: expected status 204 or 404");
    assert_eq!((things.left(), daemon.leftovers()), (1, 1));
    let seen = run(&things, &daemon.cx(4000, true)).await;
    says(&seen, Outcome::Indeterminate, Some(Reason::Other), "left over by earlier runs, saw 1");
    assert_eq!(things.log().iter().filter(|line| line.starts_with("POST")).count(), 1, "no second one is made");
    *things.odd.lock().unwrap() = None;
    says(&run(&things, &daemon.cx(4000, true)).await, Outcome::Pass, None, "");
    assert_eq!((things.left(), daemon.leftovers()), (0, 0));
}

#[tokio::test]
async fn what_may_have_been_made_without_a_name_is_not_forgotten() {
    let (things, daemon) = (Things::start().await, Daemon::new());
    things.answers("POST", "");
    let cx = daemon.cx(2000, true);
    says(&run(&things, &cx).await, Outcome::Fail, Some(Reason::Timeout), "the clean-up did not succeed either");
    assert_eq!((things.left(), daemon.leftovers()), (1, 1));
    let seen = run(&things, &daemon.cx(2000, true)).await;
    says(&seen, Outcome::Indeterminate, Some(Reason::Other), "clean it up by hand");
}

/// What is made is found by a name that is known beforehand.
fn by_name(things: &Things) -> Value {
    let mut parameters = parameters(things);
    parameters["steps"][0].as_object_mut().unwrap().remove("capture");
    parameters["steps"][1] = json!({ "name": "see", "do": { "http": { "url": things.address, "path": "/things/7" } } });
    parameters["cleanup"][0]["do"]["http"]["path"] = json!("/things/7");
    parameters
}

#[tokio::test]
async fn what_was_not_answered_is_cleaned_up_once_more() {
    let (things, daemon) = (Things::start().await, Daemon::new());
    let run = |later_s: u64| {
        let (now, cx) = (tokio::time::Instant::now(), daemon.cx(3000, true));
        let cx = cx.later(Duration::from_secs(later_s), now + Duration::from_millis(3000));
        let parameters = by_name(&things);
        async move { fixture::run("scenario", parameters, &cx).await }
    };
    let gateway = response("504 X", "", "");
    for (answer, reason) in [("", Reason::Timeout), (gateway.as_str(), Reason::Status)] {
        things.answers("POST", answer);
        says(&run(0).await, Outcome::Fail, Some(reason), "so the next run cleans up once more");
        assert_eq!((things.left(), daemon.leftovers()), (0, 1), "{:?}", things.log());
        *things.odd.lock().unwrap() = None;
        // The server does what it was asked for when all was clean.
        things.things.lock().unwrap().push("7".to_owned());
        let before = things.log().len();
        says(&run(10).await, Outcome::Pass, None, "");
        assert_eq!(things.log()[before..][..2], ["DELETE /things/7", "POST /things"]);
        assert_eq!((things.left(), daemon.leftovers()), (0, 1), "it may come again");
        let seen = run(70).await;
        says(&seen, Outcome::Pass, None, "");
        assert_eq!((&seen.facts.unwrap()["leftovers_cleaned"], daemon.leftovers()), (&json!(1), 0));
    }
    // Whether a look was answered makes no difference: it makes nothing.
    things.answers("GET", "HTTP/1.1 200 OK\r\n");
    says(&run(0).await, Outcome::Fail, Some(Reason::Timeout), "see:");
    assert_eq!((things.left(), daemon.leftovers()), (0, 0));
}

/// The second of two things would hide the first.
#[tokio::test]
async fn what_may_have_been_made_is_not_made_again() {
    let (things, daemon) = (Things::start().await, Daemon::new());
    let mut parameters = parameters(&things);
    parameters["steps"][0]["within_s"] = json!(2);
    let tries = |answer: &str| {
        things.log.lock().unwrap().clear();
        things.answers("POST", response(answer, "", ""));
        let (parameters, cx) = (parameters.clone(), daemon.cx(4000, true));
        async move { fixture::run("scenario", parameters, &cx).await }
    };
    let posts = || things.log().iter().filter(|line| line.starts_with("POST")).count();
    says(&tries("429 X").await, Outcome::Fail, Some(Reason::Status), "make:");
    assert!(posts() > 1, "{:?}", things.log());
    says(&tries("504 X").await, Outcome::Fail, Some(Reason::Status), "make:");
    assert_eq!(posts(), 1);
}

#[test]
fn a_proxy_that_gives_up_on_one_of_several_answers_is_not_heard() {
    let seen = |facts: Value| Observation {
        facts: Some(facts),
        ..Observation::failed(crate::model::Verdict::fail(Reason::Status, "x"))
    };
    let several = |status: u64| seen(json!({"responses": [{"status": 201}, {"status": status}]}));
    assert!(super::perform::has_ended(&several(500)) && !super::perform::has_ended(&several(524)));
    assert!(super::perform::has_ended(&seen(json!({"status": 500}))));
}

#[tokio::test]
async fn what_was_made_elsewhere_is_not_looked_for_here() {
    let (there, here, daemon) = (Things::start().await, Things::start().await, Daemon::new());
    there.answers("DELETE", response("500 X", "", ""));
    says(&run(&there, &daemon.cx(4000, true)).await, Outcome::Fail, Some(Reason::Status), "unmake:");
    let seen = run(&here, &daemon.cx(4000, true)).await;
    let at = there.address.trim_start_matches("http://").trim_end_matches('/');
    says(&seen, Outcome::Indeterminate, Some(Reason::Other), &format!("made at {at}"));
    assert_eq!((here.log().len(), there.left(), daemon.leftovers()), (0, 1, 1));
    *there.odd.lock().unwrap() = None;
    says(&run(&there, &daemon.cx(4000, true)).await, Outcome::Pass, None, "");
    assert_eq!((there.left(), daemon.leftovers()), (0, 0));
}

#[test]
fn a_captured_value_may_stand_where_a_name_is_checked() {
    let step = |what: Value| json!({ "name": "s", "do": what });
    let mut first = step(json!({ "git": { "target": "t", "ref": "main" } }));
    first["capture"] = json!({ "commit": "commit" });
    let parameters = |second: &str| {
        let second = step(json!({ "git": { "target": "t", "ref": second } }));
        json!({ "target": "t", "name": "a", "steps": [first, second], "leaves": "nothing" })
    };
    let findings =
        |second| crate::probe::kinds::find("scenario").unwrap().parse(parameters(second)).unwrap().findings.0;
    assert_eq!(findings("{commit}"), []);
    assert_eq!(findings("{comit}")[0].field, "steps[1].do.git.ref");
}

#[tokio::test]
async fn a_hostile_name_goes_nowhere() {
    let (things, daemon) = (Things::start().await, Daemon::new());
    let hostile = r#"{"id":"../users?x","n":1}"#;
    things.answers("POST", response("201 X", "content-type: application/json\r\n", hostile));
    let mut parameters = parameters(&things);
    parameters["steps"][0]["expect"] = json!([]);
    let seen = fixture::run("scenario", parameters, &daemon.cx(2000, true)).await;
    says(&seen, Outcome::Fail, Some(Reason::Invalid), "other characters than a name");
    assert_eq!(things.log(), ["POST /things"]);
}

#[tokio::test]
async fn a_secret_is_not_written_down() {
    let (things, daemon) = (Things::start().await, Daemon::new());
    let secret = r#"{"id":"s3cr3t-t0k3n"}"#;
    things.answers("POST", response("201 X", "content-type: application/json\r\n", secret));
    let mut parameters = parameters(&things);
    parameters["steps"][0]["expect"] = json!([]);
    parameters["steps"][0]["do"]["http"]["bearer"] = json!("key");
    let cx = daemon.cx(2000, true);
    let credentials = fixture::credential("key", "s3cr3t-t0k3n");
    let cx = fixture::cx_with(2000, None, credentials, Arc::clone(cx.clients()));
    let seen = fixture::run("scenario", parameters, &cx).await;
    says(&seen, Outcome::Fail, Some(Reason::Invalid), "saw a secret");
    assert!(!format!("{seen:?}").contains("s3cr3t"), "{seen:?}");
    for record in std::fs::read_dir(daemon.directory.path().join("l")).unwrap() {
        assert!(!std::fs::read_to_string(record.unwrap().path()).unwrap().contains("s3cr3t"));
    }
}

#[tokio::test]
async fn without_a_journal_nothing_is_begun() {
    let things = Things::start().await;
    let seen = run(&things, &fixture::cx(2000)).await;
    says(&seen, Outcome::Indeterminate, Some(Reason::Unconfigured), "remember");
    let daemon = Daemon::new();
    std::fs::write(daemon.directory.path().join("l"), "a file where the directory should be").unwrap();
    let seen = run(&things, &daemon.cx(2000, true)).await;
    says(&seen, Outcome::Indeterminate, Some(Reason::Other), "nothing is begun");
    assert!(things.log().is_empty());
}

#[test]
fn what_cannot_be_meant_is_said_at_load() {
    let step = |what: Value| json!({ "name": "s", "do": what });
    let good = || step(json!({ "http": { "url": "http://h/" } }));
    let all = |one: Value| json!({ "name": "a", "steps": [one], "cleanup": [good()] });
    for (parameters, field) in [
        (json!({ "name": "A b", "steps": [good()], "cleanup": [good()] }), "name"),
        (json!({ "name": "a", "steps": [good()] }), "cleanup"),
        (all(step(json!({}))), "steps[0].do"),
        (all(step(json!({ "htp": {} }))), "steps[0].do"),
        (all(step(json!({ "http": { "url": "http://h/", "pth": "" } }))), "steps[0].do"),
        (all(step(json!({ "http": { "url": "http://h/", "status": [1] } }))), "steps[0].do.http.status"),
        (all(step(json!({ "load": { "url": "http://h/" } }))), "steps[0].do"),
        (all(step(json!({ "http": { "target": "other" } }))), "steps[0].do"),
        (all(json!({ "name": "s", "do": { "http": { "url": "http://h/" } }, "expect": ["stats == 1"] })), "steps[0]"),
        (
            all(json!({ "name": "s", "do": { "http": { "url": "http://h/" } }, "capture": { "run": "status" } })),
            "steps[0].capture.run",
        ),
    ] {
        let parsed = crate::probe::kinds::find("scenario").unwrap().parse(parameters.clone()).unwrap();
        assert!(parsed.findings.0.iter().any(|one| one.field == field), "{parameters}: {:?}", parsed.findings);
        assert_eq!(parsed.access, Access::Mutates);
    }
    let with = json!({ "http": { "target": "cp", "bearer": "b" } });
    let parsed = crate::probe::kinds::find("scenario")
        .unwrap()
        .parse(json!({ "target": "cp", "name": "a", "steps": [step(with)], "cleanup": [step(json!({ "http": {} }))] }));
    let parsed = parsed.unwrap();
    assert_eq!((parsed.findings.0.len(), parsed.credentials.as_slice()), (0, ["b".to_owned()].as_slice()));
}
