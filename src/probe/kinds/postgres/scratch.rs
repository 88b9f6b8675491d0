//! Files of SQL are applied to a scratch database of a random name, which is dropped again.
//!
//! The name is written down before the database is made. Only a database with the prefix and the random
//! part of a record is ever dropped; no other one is touched.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use super::address::Address;
use super::session::{self, Entry};
use super::{Facts, Postgres};
use crate::model::{Reason, Secret, Target, TlsFiles, Verdict};
use crate::probe::hazards::{Debt, Leftover, Paid, Site, Undo, random_name, settle};
use crate::probe::kinds::file::look::read;
use crate::probe::line::line;
use crate::probe::{Findings, ProbeCx, ProbeError};

/// A database that is made for the check, and dropped.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Scratch {
    /// Lower-case letters, digits and hyphens. What a run leaves behind is kept under it, so no two
    /// checks may have the same.
    name: String,
    /// The name of the database begins with it, and ends with random letters.
    prefix: String,
    /// Absolute paths of files of SQL; `*`, `?` and `[…]` stand for parts of one name. Applied in the order of
    /// their paths, each in one transaction.
    files: Vec<String>,
    /// Names of folders, of each of which one of the files must lie in; what has none fails the check.
    expected: Vec<String>,
    /// Kept of the timeout of the check for dropping the database, in seconds; 1 to 60.
    cleanup_s: u32,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            name: String::new(),
            prefix: "readiness_scratch_".to_owned(),
            files: Vec::new(),
            expected: Vec::new(),
            cleanup_s: 10,
        }
    }
}

/// One file of SQL.
#[derive(Clone, Debug)]
pub(super) struct Script {
    /// The end of its path.
    name: String,
    sql: String,
}

/// What was applied.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Applied {
    /// Folder and name of each file, in order.
    pub(super) files: Vec<String>,
    /// Scratch databases of earlier runs that were dropped first.
    pub(super) leftovers_cleaned: u64,
    /// Why the database may still be there.
    pub(super) kept: Option<String>,
    /// Of `expected`, those of which there is no file.
    pub(super) missing: Vec<String>,
}

const FILES: usize = 1000;
const FILE_BYTES: usize = 4 << 20;
const ALL_BYTES: usize = 32 << 20;
const SAID: usize = 200;
/// Under this name the journal keeps the database.
const DATABASE: &str = "database";

/// Names of databases are never quoted away: nothing else is in them.
fn is_plain(name: &str) -> bool {
    name.len() <= 60
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

impl Scratch {
    pub(super) fn check(&self, findings: &mut Findings) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(plain) {
            findings.error("scratch.name", "expected 1 to 64 lower-case letters, digits and hyphens");
        }
        if !is_plain(&self.prefix) || self.prefix.len() < 4 || self.prefix.len() > 40 || !self.prefix.ends_with('_') {
            let message = "expected 4 to 40 lower-case letters, digits and _ that begin with a letter and end with _";
            findings.error("scratch.prefix", message);
        }
        if self.files.is_empty() {
            findings.error("scratch.files", "no file is named");
        }
        for (at, path) in self.files.iter().enumerate() {
            let field = format!("scratch.files[{at}]");
            if !path.starts_with('/') {
                findings.error_with_hint(&field, "the path is not absolute", "begin it with /");
            }
            if glob::Pattern::new(path).is_err() || path.contains("**") {
                findings.error(&field, "expected a path in which `*` stands for a part of one name");
            }
        }
        if !(1..=60).contains(&self.cleanup_s) {
            findings.error("scratch.cleanup_s", "expected 1 to 60 seconds");
        }
    }

    fn within(&self) -> Duration {
        Duration::from_secs(self.cleanup_s.into())
    }

    /// No scenario can have this name.
    pub(super) fn owner(&self) -> String {
        format!("postgres.{}", self.name)
    }

    /// All files, in order. Blocking.
    fn scripts(&self) -> Result<Vec<Script>, ProbeError> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for pattern in &self.files {
            let found = glob::glob(pattern).map_err(|error| ProbeError::unconfigured(error.msg.to_owned()))?;
            for path in found {
                paths.push(path.map_err(|error| unreadable(error.path(), error.error()))?);
            }
        }
        paths.sort();
        paths.dedup();
        if paths.is_empty() {
            return Err(ProbeError::observer(Reason::Missing, "there is no file of SQL to apply"));
        }
        if paths.len() > FILES {
            return Err(ProbeError::observer(Reason::TooLarge, format!("there are more than {FILES} files of SQL")));
        }
        let mut all = 0;
        let mut scripts = Vec::new();
        for path in paths {
            let what = || line(&path.display().to_string(), SAID);
            // What a link leads to may be a secret, and what the server says of it would show it.
            if std::fs::symlink_metadata(&path).map_err(|error| unreadable(&path, &error))?.is_symlink() {
                return Err(ProbeError::observer(
                    Reason::Invalid,
                    format!("{} is a link, and is not followed", what()),
                ));
            }
            let bytes = read(&path, FILE_BYTES)?;
            all += bytes.len();
            if all > ALL_BYTES {
                let text = format!("all files up to {} are larger than is applied", what());
                return Err(ProbeError::observer(Reason::TooLarge, text));
            }
            let sql = String::from_utf8(bytes)
                .map_err(|_| ProbeError::observer(Reason::Invalid, format!("{} is no text of UTF-8", what())))?;
            scripts.push(Script { name: short(&path), sql });
        }
        Ok(scripts)
    }

    fn missing(&self, scripts: &[Script]) -> Vec<String> {
        let there = |folder: &String| scripts.iter().any(|script| script.name.split('/').next() == Some(folder));
        self.expected.iter().filter(|folder| !there(folder)).cloned().collect()
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> ProbeError {
    let reason = match error.kind() {
        std::io::ErrorKind::PermissionDenied => Reason::PermissionDenied,
        std::io::ErrorKind::NotFound => Reason::Missing,
        _ => Reason::Other,
    };
    let path = line(&path.display().to_string(), SAID);
    ProbeError::observer(reason, format!("{path} cannot be read: {}", error.kind()))
}

/// Folder and name.
fn short(path: &Path) -> String {
    let name = |path: Option<&Path>| {
        path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    line(&format!("{}/{}", name(path.parent()), name(Some(path))), SAID)
}

/// Drops a scratch database; owns what that needs, so that it can outlive the run.
pub(super) struct Dropper {
    address: Address,
    tls: TlsFiles,
    password: Option<Secret>,
    prefix: String,
}

impl Dropper {
    /// Runs statements one by one in a session of its own on this database; none: that of the address.
    async fn session(&self, cx: &ProbeCx, database: Option<&str>, leg: &Postgres) -> Result<Facts, ProbeError> {
        let mut address = self.address.clone();
        address.replace(None, None, database);
        let entry = Entry { address: &address, tls: &self.tls, password: self.password.as_ref() };
        session::run(leg, cx, entry).await
    }

    fn site(&self, target: &Target) -> Site {
        Site::new(Some(target), [self.address.to_string().as_str()])
    }

    /// Only on what is declared to be no server of production.
    fn allowed(&self, cx: &ProbeCx) -> Result<(), ProbeError> {
        if self.address.may_hold_scratch(cx.clients().hazards()) {
            return Ok(());
        }
        let address = &self.address;
        let text = format!("expected {address} to be listed in engine.sandbox_databases, and it is not");
        Err(ProbeError::observer(Reason::NotEnabled, text))
    }

    async fn administer(&self, cx: &ProbeCx, sql: String) -> Result<(), ProbeError> {
        self.session(cx, None, &Postgres { administer: Some(sql), ..Postgres::default() }).await.map(|_| ())
    }
}

impl Undo for Dropper {
    async fn undo(&self, cx: &ProbeCx, record: &Leftover) -> Result<(), ProbeError> {
        let name = record.values.get(DATABASE).filter(|name| is_plain(name) && name.starts_with(&self.prefix));
        let Some(name) = name else {
            return Err(ProbeError::internal("the record of a scratch database names none that could have been made"));
        };
        self.allowed(cx)?;
        // With whatever session a run that was cut off has left in it.
        self.administer(cx, format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)")).await
    }
}

/// The server has said that this role may not, or may not come in. Whatever else it says may be the word of
/// what stands in between.
fn refused(error: &ProbeError) -> bool {
    matches!(error.reason, Reason::PermissionDenied | Reason::AuthRejected)
}

/// Makes the database, applies the files, asks the question of the leg there, and drops it.
pub(super) async fn run(leg: &Postgres, scratch: &Scratch, cx: &ProbeCx) -> Result<Facts, ProbeError> {
    let target = cx.target()?;
    let mut address = Address::parse(&target.address)?;
    address.replace(leg.sslmode, leg.user.as_deref(), leg.database.as_deref());
    let password = match leg.credential.as_deref().or(target.credential.as_deref()) {
        Some(name) => Some(cx.credential(name).await?),
        None => None,
    };
    let dropper = Dropper { address, tls: target.tls.clone(), password, prefix: scratch.prefix.clone() };
    dropper.allowed(cx)?;
    let (site, dropper) = (dropper.site(target), Arc::new(dropper));
    let until = cx.deadline().checked_sub(scratch.within()).unwrap_or_else(Instant::now);
    if until <= Instant::now() {
        let text = format!("`scratch.cleanup_s` is {} s, which leaves nothing of the timeout", scratch.cleanup_s);
        return Err(ProbeError::unconfigured(text));
    }
    let leftovers_cleaned = settle(&dropper, cx, &site, &scratch.owner(), until).await?;
    let wanted = scratch.clone();
    let scripts = cx.look_at_file("the files of SQL", move || wanted.scripts()).await?;
    let mut applied = Applied {
        files: scripts.iter().map(|script| script.name.clone()).collect(),
        missing: scratch.missing(&scripts),
        leftovers_cleaned,
        kept: None,
    };

    let run = random_name()?;
    let database = format!("{}{run}", scratch.prefix);
    let record = Leftover {
        name: scratch.owner(),
        run,
        values: [(DATABASE.to_owned(), database.clone())].into(),
        ..Leftover::default()
    };
    let mut debt = Debt::begin(&dropper, cx, &site, record, scratch.within()).await?;
    let step = cx.step(until);
    let made = timeout_at(until, async {
        // From the template that nobody adds to: the database is as empty as a new one can be.
        let created = dropper.administer(&step, format!("CREATE DATABASE \"{database}\" TEMPLATE template0")).await;
        if created.as_ref().err().is_none_or(refused) {
            debt.answered().await;
        }
        created?;
        let inside = Postgres {
            scripts,
            sql: leg.sql.clone(),
            bind: leg.bind.clone(),
            max_rows: leg.max_rows,
            max_bytes: leg.max_bytes,
            ..Postgres::default()
        };
        dropper.session(&step, Some(&database), &inside).await
    })
    .await;
    let made = made
        .unwrap_or_else(|_| Err(ProbeError::target(Reason::Timeout, "the files of SQL could not be applied in time")));
    // Whatever came of it, the database goes.
    let dropped = debt.pay(cx.deadline()).await;
    let mut facts = made.map_err(|error| match &dropped {
        Ok(Paid::Gone) => error,
        Ok(Paid::MayStillCome) => {
            let detail = format!("{}; the server may make the database yet, so the next run looks again", error.detail);
            ProbeError { detail, ..error }
        }
        Err(kept) => {
            let detail = format!("{}; the scratch database may be left behind: {}", error.detail, kept.detail);
            ProbeError { detail, ..error }
        }
    })?;
    applied.kept = dropped.err().map(|error| error.detail);
    facts.scratch = Some(applied);
    Ok(facts)
}

impl Applied {
    /// What was applied, for the proof.
    pub(super) fn verdict(&self) -> Result<String, Verdict> {
        if let Some(folder) = self.missing.first() {
            let sentence = format!("expected a file of SQL in {folder}, saw none among {} files", self.files.len());
            return Err(Verdict::fail(Reason::Missing, sentence));
        }
        match &self.kept {
            Some(why) => {
                let sentence = format!("expected the scratch database to be dropped again, and it was not: {why}");
                Err(Verdict::indeterminate(Reason::Other, sentence))
            }
            None => Ok(format!("{} files", self.files.len())),
        }
    }
}

impl Script {
    /// In one transaction. A script that ends the transaction itself has its way.
    pub(super) fn in_transaction(&self) -> String {
        format!("BEGIN;\n{}\n;COMMIT", self.sql)
    }

    /// The server took the others, and not this one: it is the script that is wrong.
    pub(super) fn failed(&self, code: &str, message: &str) -> ProbeError {
        let name = &self.name;
        match code {
            "42501" => {
                let detail = format!("the role may not do what {name} does: {message}");
                ProbeError::observer(Reason::PermissionDenied, detail)
            }
            // No connection, no room, no memory, a lock, a shutdown, or our own transaction around it.
            _ if ["08", "40", "53", "55", "57", "58", "XX"].iter().any(|class| code.starts_with(class))
                || code == "25001" =>
            {
                let detail =
                    format!("{name} could not be applied here, which says nothing about it: {code}: {message}");
                ProbeError::observer(Reason::Other, detail)
            }
            _ => {
                let detail = format!("expected {name} to apply to an empty database, saw {code}: {message}");
                ProbeError::target(Reason::Query, detail)
            }
        }
    }
}
