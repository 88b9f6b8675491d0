//! What the web server and the command line hold of a running engine.

use std::sync::Arc;

use prometheus::Registry;
use tokio::sync::{mpsc, oneshot};

use super::Clock;
use crate::model::{ItemId, Timestamp};
use crate::snapshot::Current;
use crate::store::Store;

/// Cloning shares the engine.
#[derive(Clone)]
pub struct Handle {
    pub current: Current,
    /// Self-metrics.
    pub registry: Registry,
    /// For history and evidence pages; readers must bound their wait.
    pub store: Arc<dyn Store>,
    pub clock: Clock,
    pub(super) commands: mpsc::Sender<Command>,
}

/// What may be asked of a running engine.
#[derive(Debug)]
pub enum Command {
    /// Run one item now. Answers when its result has been absorbed, with the time it finished, or
    /// `None` if there is no such item or nothing to run.
    RunNow {
        item: ItemId,
        done: oneshot::Sender<Option<Timestamp>>,
    },
    Reload {
        done: oneshot::Sender<ReloadOutcome>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadOutcome {
    Unchanged,
    Replaced {
        items: usize,
    },
    /// The old catalogue stays; the rendered errors, redacted.
    Rejected(Arc<str>),
}

/// The engine has too much to do, or is draining: ask again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl Handle {
    pub async fn run_now(&self, item: ItemId) -> Result<Option<Timestamp>, Busy> {
        let (done, answer) = oneshot::channel();
        self.commands.try_send(Command::RunNow { item, done }).map_err(|_| Busy)?;
        answer.await.map_err(|_| Busy)
    }

    pub async fn reload(&self) -> Result<ReloadOutcome, Busy> {
        let (done, answer) = oneshot::channel();
        self.commands.try_send(Command::Reload { done }).map_err(|_| Busy)?;
        answer.await.map_err(|_| Busy)
    }

    /// A handle whose commands nobody answers, for tests of handlers.
    pub fn detached(
        current: Current,
        registry: Registry,
        store: Arc<dyn Store>,
        clock: Clock,
    ) -> (Self, mpsc::Receiver<Command>) {
        let (commands, receiver) = mpsc::channel(64);
        (Self { current, registry, store, clock, commands }, receiver)
    }
}
