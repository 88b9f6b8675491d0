//! From a directory to an open database, or one sentence that says why not.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqlSafeStr, SqliteConnection, SqlitePool};

use super::{BUSY, DEADLINE, Sqlite, bounded, failed};
use crate::store::{Store, StoreError};

const FILE: &str = "readiness.db";
const LOCK: &str = "readiness.lock";
/// Set by the first migration.
const APPLICATION_ID: i64 = 1_380_208_211;

/// Forward-only; a file that is released is never edited.
const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "first", include_str!("../migrations/sqlite/0001_first.sql"))];

impl Sqlite {
    /// Opens the store in `directory`, creating the directory (0700) and the file (0600) where
    /// they are missing. Fails if the file is no database, belongs to another program or a newer
    /// version, cannot be written to, or is in use by another process.
    pub async fn open(directory: &Path) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(Self::open_in(directory).await?))
    }

    pub(super) async fn open_in(directory: &Path) -> Result<Self, StoreError> {
        let (file, lock) = prepare(directory).await?;
        let options = SqliteConnectOptions::new().filename(&file).busy_timeout(BUSY);
        bounded("open the database", DEADLINE, recognise(&options, &file)).await??;
        let options = options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            // Log the pages of a big batch once, then give the space back.
            .pragma("journal_size_limit", "67108864");
        let writer = connect("open the database", 1, options.clone()).await?;
        migrate(&writer).await?;
        let readers = connect("open the database", 2, options.pragma("query_only", "1")).await?;
        Ok(Self { writer, readers, _lock: lock })
    }
}

/// Creates what is missing and takes the lock.
async fn prepare(directory: &Path) -> Result<(PathBuf, File), StoreError> {
    let path = directory.to_owned();
    let work = tokio::task::spawn_blocking(move || {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        let say =
            |attempt, at: &Path, error: io::Error| StoreError { attempt, detail: format!("{}: {error}", at.display()) };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|e| say("create the directory of the store", &path, e))?;
        let create = |name: &str| {
            let at = path.join(name);
            let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(&at);
            file.map_err(|e| say("open the file of the store", &at, e))
        };
        let lock = create(LOCK)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let detail = format!("{} is in use: another daemon has it open", path.display());
                return Err(StoreError { attempt: "lock the store", detail });
            }
            Err(error) => return Err(say("lock the store", &path.join(LOCK), error.into())),
        }
        create(FILE)?;
        Ok((path.join(FILE), lock))
    });
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(StoreError { attempt: "open the store", detail: "the task was lost".to_owned() }),
        Err(_) => {
            let detail = format!("{} does not answer", directory.display());
            Err(StoreError { attempt: "open the store", detail })
        }
    }
}

/// Looks whose file it is before anything is changed in it.
async fn recognise(options: &SqliteConnectOptions, file: &Path) -> Result<Result<(), StoreError>, sqlx::Error> {
    let refuse = |what: &str| {
        let detail = format!("{} {what}", file.display());
        Ok(Err(StoreError { attempt: "open the database", detail }))
    };
    let mut connection = SqliteConnection::connect_with(options).await?;
    let looked = async {
        let id: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut connection).await?;
        // A start that was killed before the first migration leaves the table of the migrator.
        let tables = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name != '_sqlx_migrations'";
        let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut connection).await?;
        Ok::<_, sqlx::Error>((id, tables))
    }
    .await;
    let verdict = match looked {
        Ok((APPLICATION_ID, _) | (0, 0)) => Ok(Ok(())),
        Ok(_) => refuse("is a database of another program"),
        // SQLITE_NOTADB and SQLITE_CORRUPT.
        Err(error) if matches!(code(&error).as_deref(), Some("26" | "11")) => {
            refuse("is damaged or no SQLite database; move it away to start anew")
        }
        Err(error) => Err(error),
    };
    connection.close().await.ok();
    verdict
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code()).map(Cow::into_owned)
}

async fn connect(attempt: &'static str, size: u32, options: SqliteConnectOptions) -> Result<SqlitePool, StoreError> {
    let pool = SqlitePoolOptions::new()
        .max_connections(size)
        .acquire_timeout(DEADLINE / 2)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options);
    bounded(attempt, DEADLINE, pool).await
}

async fn migrate(writer: &SqlitePool) -> Result<(), StoreError> {
    const ATTEMPT: &str = "bring the database to the current format";
    let steps = MIGRATIONS.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let migrator = Migrator::with_migrations(steps.to_vec());
    let run = tokio::time::timeout(DEADLINE, migrator.run(writer)).await;
    match run {
        Ok(Ok(())) => Ok(()),
        Ok(Err(MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version))) => Err(StoreError {
            attempt: ATTEMPT,
            detail: format!("the file was written by another version of this program (its format has step {version})"),
        }),
        Ok(Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _))) => {
            Err(failed(ATTEMPT, &error))
        }
        Ok(Err(other)) => Err(StoreError { attempt: ATTEMPT, detail: other.to_string() }),
        Err(_) => Err(StoreError { attempt: ATTEMPT, detail: format!("not done within {} s", DEADLINE.as_secs()) }),
    }
}
