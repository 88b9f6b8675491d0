use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::*;
use crate::model::{Outcome, Reason};
use crate::probe::fixture::{cx, run, run_with};

/// A repository with two commits, a branch and some tags.
fn repository() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    git(dir.path(), &["init", "-q", "-b", "main"], "");
    write("README.md", "# Read me\n**Version**: 1.0\n[a](docs/a.md)\n");
    write("docs/a.md", "[b](b.md) [up](../README.md)\n");
    git(dir.path(), &["add", "-A"], "");
    git(dir.path(), &["commit", "-q", "-m", "first"], "2020-01-01T00:00:00Z");
    git(dir.path(), &["tag", "v1.9.0"], "");
    git(dir.path(), &["tag", "-a", "-m", "x", "v1.10.0"], "");
    write("config.ini", "password = hunter22\n");
    git(dir.path(), &["add", "-A"], "");
    git(dir.path(), &["commit", "-q", "-m", "second"], "");
    dir
}

fn git(at: &Path, arguments: &[&str], date: &str) {
    let mut command = Command::new("git");
    command.arg("-C").arg(at).args([
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.org",
        "-c",
        "commit.gpgsign=false",
    ]);
    if !date.is_empty() {
        command.env("GIT_COMMITTER_DATE", date).env("GIT_AUTHOR_DATE", date);
    }
    assert!(command.args(arguments).status().unwrap().success(), "{arguments:?}");
}

/// `git daemon` over what lies in a folder. Ends when dropped.
struct Daemon(Child, u16);

impl Daemon {
    fn over(base: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("git");
        command.args(["daemon", "--export-all", "--reuseaddr", "--listen=127.0.0.1"]);
        command.arg(format!("--port={port}")).arg(format!("--base-path={}", base.display())).arg(base);
        // So that the daemon and not its parent is what is ended.
        let program = String::from_utf8(Command::new("git").arg("--exec-path").output().unwrap().stdout).unwrap();
        let mut direct = Command::new(Path::new(program.trim()).join("git-daemon"));
        direct.args(command.get_args().skip(1)).stderr(Stdio::null());
        let child = direct.spawn().unwrap();
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Self(child, port)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Tests run side by side, so others may still hold a folder.
async fn nothing_is_left() -> bool {
    for _ in 0..300 {
        if left_over() == 0 {
            return true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    false
}

fn left_over() -> usize {
    let prefix = format!("readiness-git-{}-", std::process::id());
    let entries = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)).count()
}

#[tokio::test]
async fn a_local_repository_is_read() {
    let dir = repository();
    let parameters = json!({
        "repository": dir.path(), "ref": "main", "tags": "^v",
        "files": [
            {"path": "README.md", "contains": ["# Read"], "extract": {"version": "\\*\\*Version\\*\\*: (\\S+)"}, "links": true},
            {"path": "gone.md", "absent": true},
        ],
        "history": [{"name": "docs", "paths": ["docs"], "since": "v1.9.0"}, {"name": "all", "max_age_s": 3600}],
    });
    let conditions = [
        "newest_tag == 'v1.10.0'",
        "files[0].found.version == '1.0'",
        "history.docs.age_s > 100000000.0",
        "history.all.age_s < 3600.0",
        "history.docs.commits == 0",
        "head == 'main'",
        "fetched == commit",
    ];
    let seen = run_with("git", parameters, &conditions, &cx(20_000)).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
}

#[tokio::test]
async fn what_is_wrong_is_told_without_the_line() {
    let dir = repository();
    let with = |more: serde_json::Value| {
        let mut parameters = json!({"repository": dir.path(), "ref": "main"});
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parameters
    };
    let cases = [
        (json!({"ref": "none"}), Reason::Missing, "the ref none"),
        (json!({"files": [{"path": "gone.md"}]}), Reason::Missing, "gone.md"),
        (json!({"files": [{"path": "docs"}]}), Reason::Missing, "docs"),
        (json!({"files": [{"path": "docs/a.md", "links": true}]}), Reason::Missing, "1 that do not: b.md"),
        (json!({"files": [{"path": "config.ini", "lacks": ["hunter"]}]}), Reason::Assertion, "line 1"),
        (json!({"files": [{"path": "README.md", "contains": ["Rollback"]}]}), Reason::Assertion, "Rollback"),
        (json!({"files": [{"path": "README.md", "absent": true}]}), Reason::Assertion, "README.md"),
        (
            json!({"search": [{"name": "passwords", "pattern": "password *= *[a-z0-9]+", "at_most": 0}]}),
            Reason::Assertion,
            "config.ini:1",
        ),
        (json!({"search": [{"name": "flags", "pattern": "FLAG", "at_least": 1}]}), Reason::TooFew, "flags"),
        (json!({"history": [{"name": "docs", "paths": ["docs"], "max_age_s": 60}]}), Reason::TooOld, "docs"),
        (json!({"history": [{"name": "gone", "paths": ["gone"], "max_age_s": 60}]}), Reason::Missing, "gone"),
    ];
    for (more, reason, says) in cases {
        let seen = run("git", with(more), &cx(20_000)).await;
        let sentence = seen.verdict.sentence();
        assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Fail, Some(reason)), "{sentence}");
        assert!(sentence.contains(says) && !sentence.contains("hunter22"), "{sentence}");
        assert!(!serde_json::to_string(&seen.facts).unwrap().contains("hunter22"));
    }
    assert!(nothing_is_left().await);
}

#[tokio::test]
async fn what_is_cut_off_neither_passes_nor_fails_a_condition() {
    let dir = repository();
    let links: String = (0..150).map(|n| format!("[a](none-{n}.md) FIXME\n")).collect();
    std::fs::write(dir.path().join("many.md"), links).unwrap();
    git(dir.path(), &["add", "-A"], "");
    git(dir.path(), &["commit", "-q", "-m", "third"], "");
    for wanted in [json!({"path": "many.md", "links": true}), json!({"path": "many.md", "lacks": ["FIXME"]})] {
        let parameters = json!({"repository": dir.path(), "ref": "main", "files": [wanted]});
        // The leg itself has seen enough to fail.
        let seen = run("git", parameters.clone(), &cx(20_000)).await;
        assert_eq!(seen.verdict.outcome(), Outcome::Fail, "{}", seen.verdict.sentence());
        let leg: Git = serde_json::from_value(parameters).unwrap();
        let facts = leg.observe(&cx(20_000)).await.unwrap();
        assert!(leg.gaps(&facts).iter().any(|gap| gap.field == "files" && gap.why.contains("more than")));
    }
    let mut stream = String::new();
    for n in 0..10_001 {
        let from = if n == 0 { "from refs/heads/main^0\n" } else { "" };
        stream += &format!("commit refs/heads/main\ncommitter t <t@e> {} +0000\ndata 0\n{from}\n", 1_600_000_000 + n);
    }
    let mut import = Command::new("git");
    import.arg("-C").arg(dir.path()).args(["fast-import", "--quiet"]).stdin(Stdio::piped());
    let mut import = import.spawn().unwrap();
    std::io::Write::write_all(&mut import.stdin.take().unwrap(), stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
    let history = json!({"name": "all", "since": "v1.9.0"});
    let parameters = json!({"repository": dir.path(), "ref": "main", "history": [history]});
    for condition in ["history.all.commits > 5", "history.all.commits == null", "history.all.commits <= 10000"] {
        let seen = run_with("git", parameters.clone(), &[condition], &cx(20_000)).await;
        assert_eq!(seen.verdict.outcome(), Outcome::Indeterminate, "{}", seen.verdict.sentence());
    }
}

#[tokio::test]
async fn branches_are_listed_with_where_they_begin() {
    let dir = repository();
    for (branch, author) in [("experiment-1", "Bot <b@e>"), ("experiment-2", "Else <e@e>")] {
        git(dir.path(), &["checkout", "-q", "-b", branch, "main"], "");
        let author = format!("--author={author}");
        git(dir.path(), &["commit", "-q", "--allow-empty", &author, "-m", "a"], "2021-01-01T00:00:00Z");
        git(dir.path(), &["commit", "-q", "--allow-empty", "-m", "b"], "2022-01-01T00:00:00Z");
    }
    git(dir.path(), &["branch", "experiment-3", "main"], "");
    let daemon = Daemon::over(dir.path());
    for address in [dir.path().display().to_string(), format!("git://127.0.0.1:{}/.git", daemon.1)] {
        let parameters = json!({"repository": address, "ref": "main", "branches": "^experiment-", "branch_starts": true, "depth": 0});
        let conditions = [
            "size(branch_names) == 3",
            "branch_starts[0].author == 'Bot' && branch_starts[0].committed_s == 1609459200.0",
            "branch_starts[1].author == 'Else'",
            "branch_starts[2].commit == null",
        ];
        let seen = run_with("git", parameters, &conditions, &cx(20_000)).await;
        assert_eq!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
    }
    // Where the history ends nobody knows where a branch begins.
    let parameters = json!({"repository": format!("git://127.0.0.1:{}/.git", daemon.1), "ref": "main",
        "branches": "^experiment-1", "branch_starts": true, "depth": 1});
    let seen = run_with("git", parameters, &["branch_starts[0].author == 'Bot'"], &cx(20_000)).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Indeterminate, "{}", seen.verdict.sentence());
}

#[test]
fn what_cannot_be_pushed_is_said_at_load() {
    for (push, field) in [
        (json!({"name": "A b"}), "push.name"),
        (json!({"name": "a", "prefix": "x/"}), "push.prefix"),
        (json!({"name": "a", "prefix": "main"}), "push.prefix"),
        (json!({"name": "a", "prefix": "../heads/"}), "push.prefix"),
        (json!({"name": "a", "cleanup_s": 0}), "push.cleanup_s"),
    ] {
        let parameters = json!({"repository": "https://h/r", "push": push});
        let parsed = crate::probe::kinds::find("git").unwrap().parse(parameters).unwrap();
        assert!(parsed.findings.0.iter().any(|one| one.field == field), "{push}: {:?}", parsed.findings);
    }
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_no_failure() {
    let empty = tempfile::tempdir().unwrap();
    let seen = run("git", json!({"repository": empty.path()}), &cx(20_000)).await;
    assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Indeterminate, Some(Reason::Missing)));
    let dir = repository();
    let bad = json!({"repository": dir.path(), "search": [{"name": "x", "pattern": "(", "at_most": 0}]});
    let seen = run("git", bad, &cx(20_000)).await;
    assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Indeterminate, Some(Reason::Query)));
}

#[tokio::test]
async fn a_remote_repository_is_fetched_and_removed_again() {
    let dir = repository();
    let daemon = Daemon::over(dir.path());
    let url = format!("git://127.0.0.1:{}/.git", daemon.1);
    let parameters = json!({
        "repository": url, "ref": "main", "tags": "^v", "fetch": true,
        "files": [{"path": "README.md", "links": true}],
        "history": [{"name": "docs", "paths": ["docs"]}],
    });
    let conditions = ["fetched == commit", "history.docs.age_s > 100000000.0", "size(tags) == 2"];
    let seen = run_with("git", parameters, &conditions, &cx(20_000)).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
    // Where a shallow history ends everything looks new: here the second commit seems to add all files.
    let shallow = json!({"repository": url, "ref": "main", "depth": 1, "history": [{"name": "docs", "paths": ["docs"], "max_age_s": 3600}]});
    let seen = run("git", shallow, &cx(20_000)).await;
    assert_eq!(
        (seen.verdict.outcome(), seen.verdict.reason()),
        (Outcome::Indeterminate, Some(Reason::NoData)),
        "{}",
        seen.verdict.sentence()
    );
    let large = json!({"repository": url, "ref": "main", "fetch": true, "max_bytes": 10});
    let seen = run("git", large, &cx(20_000)).await;
    assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Indeterminate, Some(Reason::TooLarge)));
    let gone = json!({"repository": format!("git://127.0.0.1:{}/none", daemon.1)});
    let seen = run("git", gone, &cx(20_000)).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Indeterminate, "{}", seen.verdict.sentence());
    drop(daemon);
    let seen = run("git", json!({"repository": url}), &cx(20_000)).await;
    assert_eq!(
        (seen.verdict.outcome(), seen.verdict.reason()),
        (Outcome::Fail, Some(Reason::Refused)),
        "{}",
        seen.verdict.sentence()
    );
    assert!(nothing_is_left().await);
}

#[test]
fn addresses_with_a_login_or_of_another_protocol_are_refused() {
    for address in
        ["https://u:p@h/r", "ext::sh -c id", "file:///r", "r", "ssh://-oProxyCommand=x/r", "git://u@h/r", "https://"]
    {
        assert!(place::Scheme::of(address).is_err(), "{address}");
    }
    for address in ["/r", "https://h/r", "ssh://git@h:22/r", "git://h/r"] {
        assert!(place::Scheme::of(address).is_ok(), "{address}");
    }
}

/// Whether the words of some program that runs now hold this text: what everybody on the host can see.
fn on_a_command_line(text: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().any(|process| {
        let words = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(text)
    })
}

#[tokio::test]
async fn a_login_is_sent_in_a_header_and_seen_nowhere() {
    use std::io::{Read, Write};

    use crate::model::{Target, TlsFiles};
    use crate::probe::fixture::{credential, cx_with};

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/repo", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 1024];
        while !request.windows(4).any(|part| part == b"\r\n\r\n") {
            let read = peer.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..read]);
        }
        // base64 of `reader:hunter22-secret`
        let shown = on_a_command_line("cmVhZGVyOmh1bnRlcjIyLXNlY3JldA==");
        peer.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        (String::from_utf8(request).unwrap(), shown)
    });
    let target = Target {
        name: "peer".into(),
        address: address.as_str().into(),
        credential: Some("token".into()),
        tls: TlsFiles::default(),
    };
    let clients = std::sync::Arc::new(crate::probe::net::Clients::new());
    let cx = cx_with(20_000, Some(target), credential("token", "hunter22-secret"), clients);
    let seen = run("git", json!({"target": "peer", "user": "reader"}), &cx).await;
    let (request, shown) = server.join().unwrap();
    assert!(request.contains("Authorization: Basic cmVhZGVyOmh1bnRlcjIyLXNlY3JldA=="), "{request}");
    assert!(!shown);
    let sentence = seen.verdict.sentence();
    assert_eq!(
        (seen.verdict.outcome(), seen.verdict.reason()),
        (Outcome::Indeterminate, Some(Reason::PermissionDenied)),
        "{sentence}"
    );
    assert!(!sentence.contains("hunter22") && !sentence.contains("cmVh"), "{sentence}");
}

/// The commits of `main`, the newest first.
fn commits(at: &Path) -> Vec<String> {
    let said = Command::new("git").arg("-C").arg(at).args(["rev-list", "main"]).output().unwrap();
    String::from_utf8(said.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn seen_by(leg: &str, values: serde_json::Value) -> std::sync::Arc<crate::probe::LegFacts> {
    std::sync::Arc::new(crate::probe::LegFacts::from([(leg.into(), json!({ "values": values }))]))
}

#[tokio::test]
async fn names_and_lines_are_held_against_the_tree() {
    let dir = repository();
    let ask = |more: serde_json::Value| {
        let mut parameters = json!({"repository": dir.path(), "ref": "main"});
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        async move { run("git", parameters, &cx(20_000)).await.verdict }
    };
    let link = "\\]\\(([^)]+)\\)";
    let file = |path: &str, more: serde_json::Value| json!({"files": [{"path": path, "collect": {"links": more}}]});
    let cases = [
        (file("README.md", json!({"pattern": link, "paths": true, "at_least": 1})), None),
        (file("docs/a.md", json!({"pattern": link, "paths": true})), Some(Reason::Missing)),
        (file("README.md", json!({"pattern": link, "at_least": 2})), Some(Reason::TooFew)),
        (file("README.md", json!({"pattern": link, "code": true, "at_least": 1})), Some(Reason::TooFew)),
        (json!({"files": [{"path": "README.md", "block": "backup"}]}), Some(Reason::Invalid)),
        (
            json!({"files": [{"path": "README.md", "sections": [{"headings": ["^Read"], "at_least": 2}]}]}),
            Some(Reason::TooFew),
        ),
        (json!({"search": [{"name": "x", "pattern": "^# ", "followed_by": "Version"}]}), None),
        (json!({"search": [{"name": "x", "pattern": "Version", "followed_by": "^# "}]}), Some(Reason::Assertion)),
        (json!({"search": [{"name": "x", "pattern": "password", "max_age_s": 3600}]}), None),
        (json!({"search": [{"name": "x", "pattern": "Version", "max_age_s": 3600}]}), Some(Reason::TooOld)),
    ];
    for (more, reason) in cases {
        let verdict = ask(more).await;
        assert_eq!(verdict.reason(), reason, "{}", verdict.sentence());
    }
}

#[tokio::test]
async fn what_changed_since_others_looked_is_known_or_said_not_to_be() {
    let dir = repository();
    let ids = commits(dir.path());
    let first = ids.last().unwrap();
    let churn = |place: &str, paths: &[&str]| {
        let since = json!({"leg": "seen", "path": "values"});
        json!({"repository": place, "ref": "main", "churn": [{"name": "x", "paths": paths, "since": since, "max_ratio": 0.2}]})
    };
    let local = dir.path().display().to_string();
    let missing = "0".repeat(40);
    let cases = [
        (churn(&local, &["docs"]), json!([first]), None),
        (churn(&local, &[]), json!([first]), Some((Outcome::Fail, Reason::Assertion))),
        (churn(&local, &["config.ini"]), json!([first]), Some((Outcome::Fail, Reason::Missing))),
        (churn(&local, &["docs"]), json!([first, missing]), Some((Outcome::Fail, Reason::Missing))),
        (churn(&local, &["docs"]), json!([]), Some((Outcome::Indeterminate, Reason::NoData))),
    ];
    for (parameters, values, expected) in cases {
        let verdict = run("git", parameters, &cx(20_000).with_legs(Some(seen_by("seen", values)))).await.verdict;
        assert_eq!(verdict.reason().map(|reason| (verdict.outcome(), reason)), expected, "{}", verdict.sentence());
    }
    let parent = dir.path().parent().unwrap();
    let name = dir.path().file_name().unwrap().to_string_lossy().into_owned();
    let daemon = Daemon::over(parent);
    let mut parameters = churn(&format!("git://127.0.0.1:{}/{name}", daemon.1), &["docs"]);
    parameters["depth"] = json!(1);
    let lent = || Some(seen_by("seen", json!([first])));
    let verdict = run("git", parameters.clone(), &cx(20_000).with_legs(lent())).await.verdict;
    assert_eq!(verdict.outcome(), Outcome::Indeterminate, "it was not fetched: {}", verdict.sentence());
    parameters["depth"] = json!(0);
    let verdict = run("git", parameters, &cx(20_000).with_legs(lent())).await.verdict;
    assert_eq!(verdict.outcome(), Outcome::Pass, "{}", verdict.sentence());
}

#[tokio::test]
async fn releases_follow_a_change_or_a_review() {
    let dir = repository();
    git(dir.path(), &["tag", "-f", "-a", "-m", "x", "v1.10.0", "v1.9.0^{commit}"], "2020-03-01T00:00:00Z");
    git(dir.path(), &["tag", "-a", "-m", "x", "v2.0.0"], "2020-06-01T00:00:00Z");
    let ask = |tags: &str, paths: &str| {
        json!({"repository": dir.path(), "releases": {"tags": tags, "paths": [paths],
        "reviewed": {"leg": "seen", "path": "values"}}})
    };
    let (between, before) = (1_580_000_000, 1_500_000_000);
    for (tags, paths, reviews, reason) in [
        ("^v", "config.ini", json!([between]), None),
        ("^v", "config.ini", json!([]), Some(Reason::Missing)),
        ("^v", "config.ini", json!([before]), Some(Reason::Missing)),
        ("^v2", "config.ini", json!([]), Some(Reason::NoData)),
        ("^v(1.10|2)", "config.ini", json!([]), None),
        ("^v(1.10|2)", "docs", json!([]), Some(Reason::Missing)),
    ] {
        let verdict = run("git", ask(tags, paths), &cx(20_000).with_legs(Some(seen_by("seen", reviews)))).await.verdict;
        assert_eq!(verdict.reason(), reason, "{tags} {paths}: {}", verdict.sentence());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_not_read_to_its_end_fails_and_passes_nothing() {
    let dir = repository();
    let document: String = (0..=20_000).map(|n| format!("- {n}\n")).collect();
    std::fs::write(dir.path().join("many.yaml"), document).unwrap();
    git(dir.path(), &["add", "-A"], "");
    git(dir.path(), &["commit", "-q", "-m", "many"], "");
    for wanted in ["contains", "lacks"] {
        let file = json!({"path": "many.yaml", "values": true, wanted: ["secret"]});
        let seen = run("git", json!({"repository": dir.path(), "files": [file]}), &cx(20_000)).await;
        let said = (seen.verdict.outcome(), seen.verdict.reason());
        assert_eq!(said, (Outcome::Indeterminate, Some(Reason::TooLarge)), "{}", seen.verdict.sentence());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_held_against_its_hash() {
    let dir = repository();
    let sum = |text: &str| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let hex = |text: &str| sum(text).as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    for (text, outcome) in [("password = hunter22\n", Outcome::Pass), ("password = hunter22", Outcome::Fail)] {
        let file = json!({"path": "config.ini", "sha256": hex(text)});
        let seen = run("git", json!({"repository": dir.path(), "files": [file]}), &cx(20_000)).await;
        assert_eq!(seen.verdict.outcome(), outcome, "{}", seen.verdict.sentence());
    }
    let parse = |parameters| crate::probe::kinds::find("git").unwrap().parse(parameters).unwrap().findings.0;
    let short = parse(json!({"repository": "/r", "files": [{"path": "a", "sha256": "abc"}]}));
    assert_eq!(short.first().map(|one| one.field.as_str()), Some("files[0].sha256"));
}

#[test]
fn entries_of_one_leg_have_names_of_their_own() {
    let findings = |more: serde_json::Value| {
        let mut parameters = json!({"repository": "/r"});
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        crate::probe::kinds::find("git").unwrap().parse(parameters).unwrap().findings.0
    };
    let search = |name: &str| json!({"name": name, "pattern": "x"});
    let history = |name: &str| json!({"name": name});
    assert!(findings(json!({"search": [search("a"), search("b")], "history": [history("a")]})).is_empty());
    let found = findings(json!({"search": [search("a"), search("b"), search("a")]}));
    assert_eq!(
        (found[0].field.as_str(), found[0].message.as_str()),
        ("search[2].name", "`search[0]` has the same name")
    );
    assert_eq!(findings(json!({"history": [history("a"), history("a")]}))[0].field, "history[1].name");
    let churn = || json!({"name": "a", "since": {"leg": "l", "path": "p"}});
    assert_eq!(findings(json!({"churn": [churn(), churn()]}))[0].field, "churn[1].name");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_read_whole_or_not_at_all() {
    let dir = repository();
    let write = |name: &str, text: &str| {
        std::fs::create_dir_all(dir.path().join("ops/rules")).unwrap();
        std::fs::write(dir.path().join("ops").join(name), text).unwrap();
        git(dir.path(), &["add", "-A"], "");
        git(dir.path(), &["commit", "-q", "-m", "a document"], "");
    };
    let look = |folder: &str| {
        let parameters = json!({"repository": dir.path(), "documents": folder});
        async move { run("git", parameters, &cx(20_000)).await }
    };
    write("a.json", "{\"uid\": \"a\"}");
    write("rules/b.yml", "groups: []\n");
    write("notes.md", "# Notes\n");
    let seen = look("ops").await;
    assert_eq!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
    let documents = json!({"ops/a.json": {"uid": "a"}, "ops/rules/b.yml": {"groups": []}});
    assert_eq!(seen.facts.unwrap()["documents"], documents);
    let none = look("nowhere").await.verdict;
    assert_eq!((none.outcome(), none.reason()), (Outcome::Fail, Some(Reason::Missing)), "{}", none.sentence());
    write("large.json", &format!("\"{}\"", "x".repeat(1 << 20)));
    for (folder, reason) in [("ops", Some(Reason::TooLarge)), ("ops/rules", None)] {
        let seen = look(folder).await.verdict;
        assert_eq!(seen.reason(), reason, "{}", seen.sentence());
        assert_eq!(seen.outcome() == Outcome::Indeterminate, reason.is_some());
    }
    write("large.json", "{");
    let broken = look("ops").await.verdict;
    assert_eq!((broken.outcome(), broken.reason()), (Outcome::Fail, Some(Reason::Invalid)), "{}", broken.sentence());
    std::os::unix::fs::symlink("../b.yml", dir.path().join("ops/rules/linked.yml")).unwrap();
    write("rules/c.yml", "a: yes\n---\nb: 1\n");
    let linked = look("ops/rules").await.verdict;
    assert_eq!((linked.outcome(), linked.reason()), (Outcome::Indeterminate, Some(Reason::NoData)));
    assert!(linked.sentence().contains("ops/rules/linked.yml is a symbolic link"), "{}", linked.sentence());
    std::fs::remove_file(dir.path().join("ops/rules/linked.yml")).unwrap();
    write("large.json", "{}");
    let documents =
        json!({"ops/rules/b.yml": {"groups": []}, "ops/rules/c.yml": {"a": "yes"}, "ops/rules/c.yml#2": {"b": 1}});
    assert_eq!(look("ops/rules").await.facts.unwrap()["documents"], documents);
}
