use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;

use super::*;
use crate::model::Outcome;
use crate::store::conformance::{evidence, item, kept, memory, transition};
use crate::store::rows;

async fn fresh() -> (Sqlite, TempDir) {
    let directory = TempDir::new().unwrap();
    (Sqlite::open_in(&directory.path().join("a/b")).await.unwrap(), directory)
}

crate::store::conformance::suite!(super::fresh().await);

async fn raw(directory: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(directory.join("readiness.db")).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

async fn refused(directory: &Path) -> String {
    Sqlite::open_in(directory).await.unwrap_err().to_string()
}

fn batch(n: u64) -> Batch {
    Batch {
        memories: vec![kept("a", n)],
        transitions: vec![transition("a", 10)],
        evidence: vec![evidence("a", "http", 10, Outcome::Fail)],
        removed: Vec::new(),
    }
}

#[tokio::test]
async fn all_is_there_after_a_restart() {
    let directory = TempDir::new().unwrap();
    let mut runner = TestRunner::deterministic();
    let strategy = rows::tests::memories();
    let memories: Vec<_> =
        (0..50).map(|n| (item(&format!("i{n:02}")), strategy.new_tree(&mut runner).unwrap().current())).collect();
    let store = Sqlite::open_in(directory.path()).await.unwrap();
    let shared = memories.iter().map(|(item, memory)| (item.clone(), Arc::new(memory.clone()))).collect();
    store.commit(&Batch { memories: shared, ..batch(1) }).await.unwrap();
    drop(store);

    let store = Sqlite::open_in(directory.path()).await.unwrap();
    let mut restored = store.restore().await.unwrap();
    restored.memories.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(restored.memories, memories);
    assert_eq!(store.history(&item("a"), 9, None).await.unwrap(), [transition("a", 10)]);
    assert_eq!(store.evidence(&item("a")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn only_the_owner_may_read_it() {
    let (store, directory) = fresh().await;
    store.commit(&batch(1)).await.unwrap();
    let mode = |path: &str| directory.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("a/b"), 0o700);
    for file in ["a/b/readiness.db", "a/b/readiness.db-wal", "a/b/readiness.lock"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
}

/// What a killed process leaves behind: the database and its log, copied while a transaction is
/// open in the one case and after its commit, but before any checkpoint, in the other.
#[tokio::test]
async fn a_kill_leaves_the_whole_batch_or_nothing() {
    let (store, directory) = fresh().await;
    let live = directory.path().join("a/b");
    store.commit(&batch(1)).await.unwrap();
    let copy = |to: &str| {
        let to = directory.path().join(to);
        std::fs::create_dir(&to).unwrap();
        for file in ["readiness.db", "readiness.db-wal"] {
            std::fs::copy(live.join(file), to.join(file)).unwrap();
        }
        to
    };

    let mut transaction = store.writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
    // A tiny cache makes SQLite write pages of an open transaction to the log.
    sqlx::query("PRAGMA cache_size = 5").execute(&mut *transaction).await.unwrap();
    for n in 0..400 {
        sqlx::query("INSERT INTO item_memory (item, memory) VALUES ('list/half' || ?, ?)")
            .bind(n)
            .bind(format!(r#"{{"digest":0,"pad":"{}"}}"#, "x".repeat(2000)))
            .execute(&mut *transaction)
            .await
            .unwrap();
    }
    let log = live.join("readiness.db-wal").metadata().unwrap().len();
    assert!(log > 400_000, "the half-written batch must have reached the log: {log} bytes");
    let killed = copy("half");
    transaction.commit().await.unwrap();
    let killed_later = copy("whole");

    let restored = Sqlite::open_in(&killed).await.unwrap().restore().await.unwrap();
    assert_eq!(restored.memories, [(item("a"), memory(1))]);
    let restored = Sqlite::open_in(&killed_later).await.unwrap().restore().await.unwrap();
    assert_eq!((restored.memories.len(), restored.unreadable), (401, 0));
}

#[tokio::test]
async fn an_abandoned_commit_leaves_nothing() {
    let (store, _directory) = fresh().await;
    let half = store.writer.begin_with("BEGIN IMMEDIATE").await;
    let mut half = half.unwrap();
    sqlx::query("INSERT INTO item_memory (item, memory) VALUES ('list/half', '{}')").execute(&mut *half).await.unwrap();
    assert!(store.restore().await.unwrap().memories.is_empty());
    drop(half);
    store.commit(&batch(1)).await.unwrap();
    assert_eq!(store.restore().await.unwrap().memories, [(item("a"), memory(1))]);
}

#[tokio::test]
async fn rows_that_are_not_understood_are_counted() {
    let (store, directory) = fresh().await;
    store.commit(&batch(1)).await.unwrap();
    let mut other = raw(&directory.path().join("a/b")).await;
    for sql in [
        "INSERT INTO item_memory (item, memory) VALUES ('list/x', 'no JSON')",
        "INSERT INTO item_memory (item, memory) VALUES ('without a slash', '{\"digest\":1}')",
        "INSERT INTO item_memory (item, memory) VALUES ('list/y', CAST(x'fffe' AS TEXT))",
        "UPDATE transition SET to_state = 'glorious'",
        "UPDATE evidence SET trace = '{'",
    ] {
        sqlx::query(sql).execute(&mut other).await.unwrap();
    }
    let restored = store.restore().await.unwrap();
    assert_eq!((restored.memories.len(), restored.unreadable), (1, 3));
    assert!(store.history(&item("a"), 9, None).await.unwrap().is_empty());
    assert!(store.evidence(&item("a")).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("readiness.db");
    let garbage = "garbage, much of it\n".repeat(500);
    std::fs::write(&file, &garbage).unwrap();
    let said = refused(directory.path()).await;
    assert!(said.contains("is damaged or no SQLite database"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), garbage);

    let directory = TempDir::new().unwrap();
    let mut other = raw(directory.path()).await;
    sqlx::query("CREATE TABLE invoices (id INTEGER)").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let before = std::fs::read(directory.path().join("readiness.db")).unwrap();
    let said = refused(directory.path()).await;
    assert!(said.contains("is a database of another program"), "{said}");
    assert_eq!(std::fs::read(directory.path().join("readiness.db")).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_page_is_an_error() {
    let directory = TempDir::new().unwrap();
    let store = Sqlite::open_in(directory.path()).await.unwrap();
    let many = (0..2000).map(|n| kept(&format!("i{n}"), n)).collect();
    store.commit(&Batch { memories: many, ..Batch::default() }).await.unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&store.writer).await.unwrap();
    store.writer.close().await;
    store.readers.close().await;
    drop(store);
    let file = directory.path().join("readiness.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let header = 4096;
    bytes[header..].fill(0xA5);
    std::fs::write(&file, bytes).unwrap();
    let said = match Sqlite::open_in(directory.path()).await {
        Ok(store) => store.restore().await.unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    assert!(said.contains("malformed") || said.contains("damaged"), "{said}");
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let (store, directory) = fresh().await;
    let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
               VALUES (99, 'later', 1, x'00', 0)";
    sqlx::query(sql).execute(&store.writer).await.unwrap();
    drop(store);
    let said = refused(&directory.path().join("a/b")).await;
    assert!(said.contains("another version of this program") && said.contains("99"), "{said}");
}

#[tokio::test]
async fn one_process_at_a_time() {
    let (_store, directory) = fresh().await;
    let said = refused(&directory.path().join("a/b")).await;
    assert!(said.contains("another daemon has it open"), "{said}");
}

#[tokio::test]
async fn a_foreign_lock_is_an_error_within_bounds() {
    let (store, directory) = fresh().await;
    let mut other = raw(&directory.path().join("a/b")).await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    let said = tokio::time::timeout(DEADLINE, store.commit(&batch(1))).await.unwrap().unwrap_err().to_string();
    assert_eq!(said, "commit a batch: database is locked");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    store.commit(&batch(2)).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_passes() {
    let (store, _directory) = fresh().await;
    store.commit(&batch(1)).await.unwrap();
    sqlx::query("PRAGMA max_page_count = 20").execute(&store.writer).await.unwrap();
    let many = (0..5000).map(|n| kept(&format!("i{n}"), n)).collect();
    let said = store.commit(&Batch { memories: many, ..Batch::default() }).await.unwrap_err().to_string();
    assert_eq!(said, "commit a batch: database or disk is full");
    assert_eq!(store.restore().await.unwrap().memories.len(), 1);
    sqlx::query("PRAGMA max_page_count = 100000").execute(&store.writer).await.unwrap();
    store.commit(&batch(2)).await.unwrap();
}

#[tokio::test]
async fn health_notices_that_nothing_can_be_written() {
    let (store, _directory) = fresh().await;
    store.health().await.unwrap();
    sqlx::query("PRAGMA query_only = 1").execute(&store.writer).await.unwrap();
    let said = store.health().await.unwrap_err().to_string();
    assert!(said.contains("attempt to write a readonly database"), "{said}");
    // The connection was thrown away, and with it what was wrong with it.
    store.health().await.unwrap();
}

#[tokio::test]
async fn a_place_that_cannot_be_made_is_named() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let said = refused(&file.join("below")).await;
    assert!(said.starts_with("create the directory of the store: ") && said.contains("below"), "{said}");
}
