//! The kind `git` against a real forge over HTTPS, and a real server of ssh; and its pushes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use readiness::expect::Conditions;
use readiness::model::{Access, Outcome, Reason, Target, Timestamp, TlsFiles};
use readiness::probe::net::Clients;
use readiness::probe::{Afterwards, CredentialSource, Credentials, Hazards, Leftovers, Observation, ProbeCx, kinds};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::forge::{Forge, OUTSIDER, READER, Sandbox, Sshd, WRITER};

const WRONG: &str = "wr0ng-s3cret-4711";

/// Both servers, one repository, and what a daemon lends.
struct Bench {
    directory: tempfile::TempDir,
    sandbox: Sandbox,
    forge: Forge,
    sshd: Sshd,
    left: Arc<AtomicUsize>,
    clean_ups: Arc<Mutex<tokio::task::JoinSet<()>>>,
}

#[derive(Clone)]
struct Look {
    address: String,
    password: &'static str,
    ca: Option<PathBuf>,
    parameters: Value,
    within: Duration,
    /// Whether the repository is declared a sandbox.
    declared: bool,
    /// Whether clean-ups of dropped runs are finished.
    takes: bool,
    /// Seconds after now.
    later: i64,
}

impl Bench {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let served = directory.path().join("served");
        std::fs::create_dir(&served).unwrap();
        let sandbox = Sandbox::make(&served);
        let forge = Forge::start(&directory.path().join("forge"), &served);
        let sshd = Sshd::start(&directory.path().join("ssh"));
        let (left, clean_ups) = (Arc::default(), Arc::default());
        Self { directory, sandbox, forge, sshd, left, clean_ups }
    }

    fn http(&self, who: (&'static str, &'static str)) -> Look {
        Look {
            address: self.forge.address(),
            password: who.1,
            ca: Some(self.forge.ca()),
            parameters: json!({ "user": who.0, "ref": "main", "fetch": true }),
            within: Duration::from_secs(20),
            declared: true,
            takes: true,
            later: 0,
        }
    }

    fn ssh(&self, key: &str, known: &str) -> Look {
        let file = |name: &str| self.sshd.file(name);
        Look {
            address: self.sshd.address(&self.sandbox.path),
            parameters: json!({
                "ref": "main", "fetch": true, "ssh_key": file(key), "ssh_known_hosts": file(known),
            }),
            ..self.http(READER)
        }
    }

    fn push(&self, who: (&'static str, &'static str)) -> Look {
        let parameters = json!({
            "user": who.0, "ref": "main", "push": { "name": "canary", "prefix": "rdy-canary/", "cleanup_s": 5 },
        });
        Look { parameters, ..self.http(who) }
    }

    fn cx(&self, look: &Look) -> ProbeCx {
        let file = self.directory.path().join("password");
        std::fs::write(&file, look.password).unwrap();
        let target = Target {
            name: "box".into(),
            address: look.address.as_str().into(),
            credential: Some("password".into()),
            tls: TlsFiles { ca: look.ca.clone(), ..TlsFiles::default() },
        };
        let left = Arc::clone(&self.left);
        let journal = self.directory.path().join("leftovers");
        let (takes, clean_ups) = (look.takes, Arc::clone(&self.clean_ups));
        let hazards = Hazards {
            sandbox_repositories: if look.declared { vec![look.address.clone()] } else { Vec::new() },
            leftovers: Some(Leftovers::new(journal, move |count| left.store(count, Ordering::SeqCst))),
            afterwards: Afterwards::new(move |work| {
                if takes {
                    clean_ups.lock().unwrap().spawn(work);
                }
                takes
            }),
            ..Hazards::default()
        };
        ProbeCx::new(
            Timestamp(jiff::Timestamp::now().as_millisecond() + 1000 * look.later),
            Instant::now() + look.within,
            Some(Arc::new(target)),
            Arc::new(Credentials::new(BTreeMap::from([("password".to_owned(), CredentialSource::File(file))]))),
            Arc::new(Clients::with(hazards)),
        )
    }

    async fn run(&self, look: &Look) -> Observation {
        let mut parameters = look.parameters.clone();
        parameters["target"] = json!("box");
        let parsed = kinds::find("git").unwrap().parse(parameters).unwrap();
        assert!(parsed.findings.0.is_empty(), "{:?}", parsed.findings);
        let changes = look.parameters.get("push").is_some();
        assert_eq!(parsed.access, if changes { Access::Mutates } else { Access::Read });
        let cx = self.cx(look);
        let begun = std::time::Instant::now();
        let seen = parsed.probe.run(&cx, &Conditions::default()).await;
        assert!(begun.elapsed() < look.within + Duration::from_millis(500), "{:?}", begun.elapsed());
        let all = format!("{seen:?} {:?}", cx.trace().take());
        for secret in [WRITER.1, READER.1, OUTSIDER.1, WRONG] {
            assert!(!all.contains(secret), "a secret leaked: {all}");
        }
        assert!(!all.contains("PRIVATE KEY"), "{all}");
        eprintln!("{:?} {:?} {}", seen.verdict.outcome(), seen.verdict.reason(), seen.verdict.sentence());
        seen
    }

    async fn says(&self, look: Look, outcome: Outcome, reason: Option<Reason>, part: &str) -> Value {
        let seen = self.run(&look).await;
        let said = seen.verdict.sentence();
        assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (outcome, reason), "{said}");
        assert!(said.contains(part), "`{part}` is not in: {said}");
        seen.facts.unwrap_or_default()
    }

    /// When nothing that was cut off by now can come any more.
    fn much_later(&self) -> Look {
        Look { later: 200, ..self.push(WRITER) }
    }

    fn left(&self) -> usize {
        self.left.load(Ordering::SeqCst)
    }

    fn records(&self) -> Vec<Value> {
        let files = std::fs::read_dir(self.directory.path().join("leftovers")).unwrap();
        files.map(|file| serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap()).collect()
    }

    fn is_clean(&self) -> bool {
        self.sandbox.branches() == ["main"] && self.left() == 0
    }
}

const PASS: Outcome = Outcome::Pass;
const FAIL: Outcome = Outcome::Fail;
const UNKNOWN: Outcome = Outcome::Indeterminate;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_servers() {
    let mut bench = Bench::start();
    over_https(&mut bench).await;
    over_ssh(&mut bench).await;
    pushes(&bench).await;
    pushes_that_are_refused(&bench).await;
    pushes_that_are_cut_off(&bench).await;
}

async fn over_https(bench: &mut Bench) {
    let facts = bench.says(bench.http(READER), PASS, None, "saw commit").await;
    assert_eq!(facts["fetched"], facts["commit"]);
    let wrong = Look { password: WRONG, ..bench.http(READER) };
    bench.says(wrong, UNKNOWN, Some(Reason::AuthRejected), "").await;
    bench.says(bench.http(OUTSIDER), UNKNOWN, Some(Reason::PermissionDenied), "403").await;
    let none = Look { address: bench.forge.address().replace("box", "none"), ..bench.http(READER) };
    bench.says(none, UNKNOWN, Some(Reason::Missing), "not found").await;
    // Without our authority the certificate is that of a stranger; nothing is sent then.
    let stranger = Look { ca: None, ..bench.http(READER) };
    bench.says(stranger, FAIL, Some(Reason::TlsUntrusted), "certificate").await;
    let other_name = Look { address: bench.forge.address().replace("localhost", "127.0.0.2"), ..bench.http(READER) };
    bench.says(other_name, FAIL, Some(Reason::Refused), "").await;
    bench.forge.nginx.pause();
    let hangs = Look { within: Duration::from_secs(2), ..bench.http(READER) };
    bench.says(hangs, FAIL, Some(Reason::Timeout), "git was killed").await;
    bench.forge.nginx.resume();
    bench.forge.nginx.stop();
    bench.says(bench.http(READER), FAIL, Some(Reason::Refused), "").await;
    bench.forge.start_again();
    bench.says(bench.http(READER), PASS, None, "").await;
}

async fn over_ssh(bench: &mut Bench) {
    bench.says(bench.ssh("user", "known_hosts"), PASS, None, "saw commit").await;
    bench.says(bench.ssh("stranger", "known_hosts"), UNKNOWN, Some(Reason::AuthRejected), "Permission denied").await;
    // A host that is not known is not made known by asking.
    for _ in 0..2 {
        let unknown = bench.ssh("user", "known_none");
        bench.says(unknown, UNKNOWN, Some(Reason::TlsUntrusted), "Host key verification failed").await;
    }
    assert_eq!(std::fs::read_to_string(bench.sshd.file("known_none")).unwrap(), "");
    let none =
        Look { address: bench.sshd.address(&bench.directory.path().join("none")), ..bench.ssh("user", "known_hosts") };
    bench.says(none, UNKNOWN, Some(Reason::Missing), "").await;
    bench.sshd.serve("other-host");
    let changed = bench.says(bench.ssh("user", "known_hosts"), FAIL, Some(Reason::TlsUntrusted), "HAS CHANGED").await;
    assert_eq!(changed, Value::Null);
    bench.says(bench.ssh("user", "known_other"), PASS, None, "").await;
    bench.sshd.serve("host");
    bench.sshd.process.pause();
    let hangs = Look { within: Duration::from_secs(2), ..bench.ssh("user", "known_hosts") };
    bench.says(hangs, FAIL, Some(Reason::Timeout), "git was killed").await;
    bench.sshd.process.resume();
    bench.says(bench.ssh("user", "known_hosts"), PASS, None, "").await;
}

async fn pushes(bench: &Bench) {
    let before = bench.sandbox.git(&["rev-parse", "main"]);
    let facts = bench.says(bench.push(WRITER), PASS, None, "saw commit").await;
    let pushed = &facts["pushed"];
    assert_eq!((&pushed["listed"], &pushed["removed"]), (&pushed["commit"], &json!(true)), "{pushed}");
    assert!(pushed["branch"].as_str().unwrap().starts_with("rdy-canary/"));
    assert!(bench.is_clean(), "{:?} {}", bench.sandbox.branches(), bench.left());
    assert_eq!(bench.sandbox.git(&["rev-parse", "main"]), before);
    // The same over ssh.
    let ssh = bench.ssh("user", "known_hosts");
    let mut parameters = ssh.parameters.clone();
    parameters["push"] = bench.push(WRITER).parameters["push"].clone();
    bench.says(Look { parameters, ..ssh }, PASS, None, "").await;
    assert!(bench.is_clean());
    let undeclared = Look { declared: false, ..bench.push(WRITER) };
    bench.says(undeclared, UNKNOWN, Some(Reason::NotEnabled), "engine.sandbox_repositories").await;
}

async fn pushes_that_are_refused(bench: &Bench) {
    bench.says(bench.push(READER), UNKNOWN, Some(Reason::PermissionDenied), "403").await;
    assert!(bench.is_clean(), "{:?} {}", bench.sandbox.branches(), bench.left());
    bench.sandbox.hook("pre-receive", Some("exit 1"));
    bench.says(bench.push(WRITER), FAIL, Some(Reason::Assertion), "pre-receive hook declined").await;
    assert!(bench.is_clean());
    // It says that it has taken the branch, and loses it.
    bench.sandbox.hook("post-receive", Some("while read old new ref; do git update-ref -d $ref; done"));
    bench.says(bench.push(WRITER), FAIL, Some(Reason::Missing), "does not").await;
    assert!(bench.is_clean());
    // It takes branches, and gives none back. What is left is remembered until it is gone.
    let kept = "while read old new ref; do case $new in *[1-9a-f]*) ;; *) exit 1;; esac; done";
    bench.sandbox.hook("pre-receive", Some(kept));
    bench.says(bench.push(WRITER), FAIL, Some(Reason::Assertion), "to be removed").await;
    assert_eq!((bench.sandbox.branches().len(), bench.left()), (2, 1));
    bench.says(bench.push(WRITER), UNKNOWN, Some(Reason::Other), "left over by earlier runs, saw 1").await;
    assert_eq!((bench.sandbox.branches().len(), bench.left()), (2, 1), "no second one is made");
    bench.sandbox.hook("pre-receive", None);
    let facts = bench.says(bench.push(WRITER), PASS, None, "").await;
    assert_eq!(facts["pushed"]["leftovers_cleaned"], 1);
    assert!(bench.is_clean());
}

/// The server takes a branch when the clean-up of the run that pushed it has found nothing.
async fn comes_late(bench: &Bench, cut_off: &Look) {
    let record = bench.records().into_iter().next().unwrap();
    let branch = record["values"]["branch"].as_str().unwrap().to_owned();
    assert_eq!(record["address"], bench.forge.address());
    // As the server would have it: at the commit that was pushed.
    let commit = record["values"]["commit"].as_str().unwrap();
    bench.sandbox.git(&["update-ref", &format!("refs/heads/{branch}"), commit]);
    // Only what it takes is slow.
    let slow = "while read old new ref; do case $new in *[1-9a-f]*) sleep 3;; esac; done";
    bench.sandbox.hook("post-receive", Some(slow));
    let soon = Look { later: 10, ..cut_off.clone() };
    bench.says(soon, FAIL, Some(Reason::Timeout), "").await;
    assert_eq!((bench.sandbox.branches().len(), bench.left()), (1, 2), "removed, and still remembered");
    bench.sandbox.hook("post-receive", None);
    let facts = bench.says(bench.much_later(), PASS, None, "").await;
    assert_eq!(facts["pushed"]["leftovers_cleaned"], 2);
    assert!(bench.is_clean(), "{:?} {}", bench.sandbox.branches(), bench.left());
    bench.sandbox.hook("post-receive", Some("sleep 3"));
}

/// What was pushed to one address is not looked for at another.
async fn elsewhere(bench: &Bench) {
    let (name, text) = (
        "git.canary.0.json",
        json!({
            "name": "git.canary", "run": "0", "pending": [], "target": "box", "address": "https://old.example/box.git",
            "values": { "branch": "main", "commit": bench.sandbox.git(&["rev-parse", "main"]).trim() },
        }),
    );
    let path = bench.directory.path().join("leftovers").join(name);
    std::fs::write(&path, text.to_string()).unwrap();
    bench.says(bench.much_later(), UNKNOWN, Some(Reason::Other), "made at https://old.example/box.git").await;
    assert_eq!((bench.sandbox.branches(), bench.left()), (vec!["main".to_owned()], 1));
    std::fs::remove_file(path).unwrap();
}

async fn pushes_that_are_cut_off(bench: &Bench) {
    // The branch is there at once, and the server then takes its time to say so.
    bench.sandbox.hook("post-receive", Some("sleep 3"));
    let mut slow = Look { within: Duration::from_secs(40), ..bench.push(WRITER) };
    slow.parameters["push"]["cleanup_s"] = json!(25);
    let cut_off = Look { within: Duration::from_secs(27), ..slow.clone() };
    bench.says(cut_off.clone(), FAIL, Some(Reason::Timeout), "so the next run looks again").await;
    assert_eq!((bench.sandbox.branches().len(), bench.left()), (1, 1), "it may come yet");
    comes_late(bench, &cut_off).await;
    // Dropped in the middle: others finish it; or nobody, as after a kill.
    for takes in [true, false] {
        let look = Look { takes, ..slow.clone() };
        let seen = AtomicBool::new(false);
        tokio::select! {
            _ = bench.run(&look) => panic!("it ended"),
            () = async {
                while bench.sandbox.branches().len() < 2 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                seen.store(true, Ordering::SeqCst);
            } => {}
        }
        assert!(seen.into_inner());
        let mut work = std::mem::take(&mut *bench.clean_ups.lock().unwrap());
        while work.join_next().await.is_some() {}
        // The push was not answered, so it is remembered although it was removed.
        let expected = if takes { (1, 1) } else { (2, 1) };
        assert_eq!((bench.sandbox.branches().len(), bench.left()), expected);
        if takes {
            bench.says(bench.much_later(), PASS, None, "").await;
            assert!(bench.is_clean(), "{:?} {}", bench.sandbox.branches(), bench.left());
        }
    }
    bench.sandbox.hook("post-receive", None);
    // Another process finds and counts it, and removes it before it goes on.
    bench.left.store(0, Ordering::SeqCst);
    drop(bench.cx(&slow));
    assert_eq!(bench.left(), 1);
    let facts = bench.says(bench.much_later(), PASS, None, "").await;
    assert_eq!(facts["pushed"]["leftovers_cleaned"], 1);
    assert!(bench.is_clean());
    elsewhere(bench).await;
    // What somebody else has pushed to since is not removed.
    let refuses = "while read old new ref; do case $new in *[1-9a-f]*) ;; *) exit 1;; esac; done";
    bench.sandbox.hook("pre-receive", Some(refuses));
    let facts = bench.says(bench.push(WRITER), FAIL, Some(Reason::Assertion), "to be removed").await;
    bench.sandbox.hook("pre-receive", None);
    let branch = facts["pushed"]["branch"].as_str().unwrap();
    bench.sandbox.branch(branch);
    bench.says(bench.push(WRITER), UNKNOWN, Some(Reason::Other), "somebody else has pushed").await;
    assert_eq!((bench.sandbox.branches().len(), bench.left()), (2, 1));
}
