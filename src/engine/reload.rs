//! Loads the catalogue off the loop, and hands over a whole one or nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::Watcher;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Clock, LEARN_TIMEOUT, ReloadOutcome};
use crate::catalog::{self, Builtins, Compiled};
use crate::diag::{self, Palette};

/// Editors and config maps touch a file several times; wait until they are done.
const SETTLE: Duration = Duration::from_millis(300);

/// What the event loop is told.
pub(super) enum Load {
    Replace {
        compiled: Box<Compiled>,
        done: Vec<oneshot::Sender<ReloadOutcome>>,
    },
    /// The old catalogue stays.
    Rejected {
        errors: Arc<str>,
        done: Vec<oneshot::Sender<ReloadOutcome>>,
    },
    /// The files say what they said before; an earlier rejection no longer stands.
    Unchanged {
        done: Vec<oneshot::Sender<ReloadOutcome>>,
    },
}

/// Who wants a reload.
pub(super) type Request = Option<oneshot::Sender<ReloadOutcome>>;

pub(super) struct Reloader {
    pub(super) root: PathBuf,
    pub(super) builtins: Builtins,
    pub(super) clock: Clock,
    pub(super) watch: bool,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) loads: mpsc::Sender<Load>,
    /// Of the catalogue in force.
    pub(super) fingerprint: u64,
    pub(super) files: Vec<PathBuf>,
}

impl Reloader {
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let (changed, mut changes) = mpsc::channel(1);
        let mut watcher = self.watch.then(|| watcher(changed)).flatten();
        if let Some(watcher) = &mut watcher {
            follow(watcher, &self.files);
        }
        loop {
            let mut done = Vec::new();
            tokio::select! {
                () = stop.cancelled() => return,
                request = self.requests.recv() => match request {
                    Some(request) => done.extend(request),
                    None => return,
                },
                Some(()) = changes.recv() => {
                    tokio::time::sleep(SETTLE).await;
                    let _ = changes.try_recv();
                }
            }
            // Everybody who asked before the files are read gets the same answer: a storm of
            // requests costs one load.
            while let Ok(request) = self.requests.try_recv() {
                done.extend(request);
            }
            let load = self.load(done).await;
            if let Some(watcher) = &mut watcher {
                follow(watcher, &self.files);
            }
            if self.loads.send(load).await.is_err() {
                return;
            }
        }
    }

    async fn load(&mut self, done: Vec<oneshot::Sender<ReloadOutcome>>) -> Load {
        let (root, builtins, now) = (self.root.clone(), self.builtins.clone(), self.clock.now());
        // A large catalogue is seconds of work.
        let loaded = tokio::task::spawn_blocking(move || catalog::load(&root, &builtins, now)).await;
        let Ok(loaded) = loaded else {
            return Load::Rejected { errors: "loading the catalogue panicked; this is a bug".into(), done };
        };
        match loaded.compiled {
            None => Load::Rejected { errors: diag::human(&loaded.report, Palette::Plain).into(), done },
            Some(compiled) if compiled.fingerprint == self.fingerprint => Load::Unchanged { done },
            Some(compiled) => {
                self.fingerprint = compiled.fingerprint;
                self.files.clone_from(&compiled.files);
                compiled.credentials.learn_all(Instant::now() + LEARN_TIMEOUT).await;
                Load::Replace { compiled: Box::new(compiled), done }
            }
        }
    }
}

fn watcher(changed: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let touched = event.is_ok_and(|event| !event.kind.is_access());
        if touched {
            // Full means that a change is already announced.
            let _ = changed.try_send(());
        }
    });
    match watcher {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(%error, "the files of the catalogue cannot be watched; use SIGHUP");
            None
        }
    }
}

/// Watches the directories, not the files: config maps are swapped by a symbolic link.
fn follow(watcher: &mut notify::RecommendedWatcher, files: &[PathBuf]) {
    let mut directories: Vec<_> = files.iter().filter_map(|file| file.parent()).collect();
    directories.sort_unstable();
    directories.dedup();
    for directory in directories {
        let directory = if directory.as_os_str().is_empty() { ".".as_ref() } else { directory };
        if let Err(error) = watcher.watch(directory, notify::RecursiveMode::NonRecursive) {
            tracing::warn!(%error, directory = %directory.display(), "cannot be watched");
        }
    }
}
