//! The rules in force: read again when one of their files has changed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Rules, file};
use crate::web::WebError;

/// How often the files are looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(in crate::web) struct Live {
    path: Option<PathBuf>,
    rules: ArcSwap<Rules>,
    watch: Mutex<Watch>,
}

struct Watch {
    files: Vec<PathBuf>,
    stamps: Vec<Stamp>,
    looked: Instant,
}

/// What changes when a file is written or replaced.
type Stamp = Option<(SystemTime, u64)>;

impl Live {
    /// Without a path everybody is let in, without TLS.
    pub(in crate::web) async fn open(path: Option<PathBuf>) -> Result<Self, WebError> {
        let (rules, files, stamps) = match &path {
            None => (Rules::default(), Vec::new(), Vec::new()),
            Some(path) => {
                let (rules, files) = read(path.clone())
                    .await
                    .map_err(|detail| WebError::Configuration { path: path.clone(), detail })?;
                let stamps = stamps(&files).await;
                (rules, files, stamps)
            }
        };
        let watch = Mutex::new(Watch { files, stamps, looked: Instant::now() });
        Ok(Self { path, rules: ArcSwap::from_pointee(rules), watch })
    }

    /// A file that cannot be read any more changes nothing: the last good rules stay in force.
    pub(in crate::web) async fn current(&self) -> Arc<Rules> {
        if let Some(path) = &self.path
            && let Ok(mut watch) = self.watch.try_lock()
            && watch.looked.elapsed() >= LOOK_EVERY
        {
            watch.looked = Instant::now();
            self.refresh(path, &mut watch).await;
        }
        self.rules.load_full()
    }

    async fn refresh(&self, path: &std::path::Path, watch: &mut Watch) {
        // Taken before reading: a change during it is seen by the next look.
        let seen = stamps(&watch.files).await;
        if seen == watch.stamps {
            return;
        }
        watch.stamps = seen;
        match read(path.to_owned()).await {
            Ok((rules, files)) => {
                if files != watch.files {
                    watch.stamps = stamps(&files).await;
                    watch.files = files;
                }
                self.rules.store(Arc::new(rules));
                tracing::info!(file = %path.display(), "web configuration read again");
            }
            Err(error) => {
                tracing::error!(file = %path.display(), error, "web configuration rejected, the one before it stays");
            }
        }
    }
}

async fn read(path: PathBuf) -> Result<(Rules, Vec<PathBuf>), String> {
    let work = tokio::task::spawn_blocking(move || file::read(&path));
    work.await.unwrap_or_else(|_| Err("reading it failed".to_owned()))
}

async fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let mut all = Vec::with_capacity(files.len());
    for file in files {
        let meta = tokio::fs::metadata(file).await.ok();
        all.push(meta.and_then(|meta| Some((meta.modified().ok()?, meta.len()))));
    }
    all
}
