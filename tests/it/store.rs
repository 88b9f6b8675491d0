//! The store file after a kill, with a real process that is really killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use readiness::model::{Cause, ItemId, ItemMemory, State, Timestamp, Transition};
use readiness::store::Batch;
use readiness::store::sqlite::Sqlite;

const DIRECTORY: &str = "READINESS_TEST_STORE";
const ITEMS: u64 = 200;

fn batch(n: u64) -> Batch {
    let item = |place: u64| ItemId::new("list", &format!("i{place}"));
    let memory = Arc::new(ItemMemory { evaluations: n, ..ItemMemory::default() });
    let transition = Transition {
        item: item(0),
        from: None,
        to: State::Pass,
        reason: None,
        at: Timestamp(i64::try_from(n).unwrap()),
        cause: Cause::Evaluation,
        root_cause: None,
        sentence: "passed".to_owned(),
    };
    Batch {
        memories: (0..ITEMS).map(|place| (item(place), Arc::clone(&memory))).collect(),
        transitions: vec![transition],
        ..Batch::default()
    }
}

/// Commits batch after batch for ever and says so after each, going on from what is there.
async fn commit_for_ever(directory: &Path) {
    let store = Sqlite::open(directory).await.unwrap();
    let known = store.restore().await.unwrap().memories;
    let first = known.first().map_or(1, |(_, memory)| memory.evaluations + 1);
    for n in first.. {
        store.commit(&batch(n)).await.unwrap();
        println!("committed {n}");
    }
}

/// Runs this very test again as a process of its own, which finds the directory in its
/// environment and is killed in the middle of its work.
#[tokio::test]
async fn a_killed_process_leaves_whole_batches() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return commit_for_ever(Path::new(&directory)).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..3 {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::a_killed_process_leaves_whole_batches", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut said = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("committed ")?.parse().ok());
        let enough = last + 5 + round;
        let acknowledged = said.find(|n: &u64| *n >= enough).expect("the process commits");
        victim.kill().unwrap();
        victim.wait().unwrap();

        let store = Sqlite::open(directory.path()).await.unwrap();
        let restored = store.restore().await.unwrap();
        assert_eq!((restored.memories.len() as u64, restored.unreadable), (ITEMS, 0));
        last = restored.memories[0].1.evaluations;
        assert!(last >= acknowledged, "batch {acknowledged} was acknowledged, {last} is there");
        assert!(restored.memories.iter().all(|(_, memory)| memory.evaluations == last), "half a batch is there");
        let newest = store.history(&ItemId::new("list", "i0"), 1, None).await.unwrap();
        assert_eq!(newest[0].at, Timestamp(i64::try_from(last).unwrap()));
    }
}
