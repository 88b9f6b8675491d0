//! What a run has made and must take away again. It is written down before it is made; it is taken
//! away by the run itself, or by others if the run is dropped, or by the next run if the process is
//! killed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use tokio::time::{Instant, timeout_at};

use super::{Afterwards, Leftover, Leftovers};
use crate::model::Reason;
use crate::probe::{ProbeCx, ProbeError};

/// How one kind takes away what it made.
pub(crate) trait Undo: Send + Sync + 'static {
    /// Must also succeed if there is nothing to take away, and touch nothing that the record does not name.
    fn undo(&self, cx: &ProbeCx, record: &Leftover) -> impl Future<Output = Result<(), ProbeError>> + Send;
}

/// Takes it away when it is dropped, unless that was done.
pub(crate) struct Debt<U: Undo> {
    owed: Option<Owed<U>>,
    afterwards: Afterwards,
}

struct Owed<U> {
    undo: Arc<U>,
    cx: ProbeCx,
    journal: Leftovers,
    record: Leftover,
    within: Duration,
}

/// Earlier runs that are cleaned up in one run.
const MOST_CLEANED: usize = 8;
/// Forgetting what is clean must not fail for want of time.
const TO_FORGET: Duration = Duration::from_millis(200);

/// Runs `work` on a blocking thread, and waits for it until the deadline at most.
pub(crate) async fn on_disk<T: Send + 'static>(
    deadline: Instant,
    work: impl FnOnce() -> Result<T, ProbeError> + Send + 'static,
) -> Result<T, ProbeError> {
    match timeout_at(deadline, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(ProbeError::internal("the journal of left-overs panicked")),
        Err(_) => Err(ProbeError::observer(Reason::Timeout, "the journal of left-overs did not answer in time")),
    }
}

/// Letters and digits that nobody can guess, for names of what a run makes.
pub(crate) fn random_name() -> Result<String, ProbeError> {
    let mut bytes = [0_u8; 8];
    rand::fill(&mut bytes).map_err(|_| ProbeError::internal("there is no randomness"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The journal; without one nothing may be begun.
fn journal(cx: &ProbeCx) -> Result<Leftovers, ProbeError> {
    let journal = cx.clients().hazards().leftovers.clone();
    journal.ok_or_else(|| ProbeError::unconfigured("there is no place to remember what a run leaves behind"))
}

/// Takes away what earlier runs of this name left, and tells how many. The first that cannot be taken
/// away is an error: then nothing new may be made.
pub(crate) async fn settle<U: Undo>(
    undo: &Arc<U>,
    cx: &ProbeCx,
    name: &str,
    until: Instant,
) -> Result<u64, ProbeError> {
    let journal = journal(cx)?;
    let (earlier, owner) = (journal.clone(), name.to_owned());
    let found = on_disk(until, move || Ok(earlier.of(&owner))).await?;
    let count = found.len();
    let mut cleaned = 0;
    for record in found {
        let why = if cleaned < MOST_CLEANED {
            let owed = Owed::new(undo, cx, &journal, record, Duration::ZERO);
            owed.pay(until).await.err()
        } else {
            Some(ProbeError::internal("there are too many for one run"))
        };
        if let Some(why) = why {
            let detail = format!(
                "expected nothing to be left over by earlier runs, saw {} that could not be cleaned up: {}",
                count - cleaned,
                why.detail
            );
            // Who cannot be reached, or does not let us in, is told so as always.
            return Err(match why.reason {
                Reason::Assertion | Reason::Internal | Reason::Other => ProbeError::observer(Reason::Other, detail),
                _ => ProbeError { detail, ..why },
            });
        }
        cleaned += 1;
    }
    Ok(u64::try_from(cleaned).unwrap_or(u64::MAX))
}

impl<U: Undo> Owed<U> {
    fn new(undo: &Arc<U>, cx: &ProbeCx, journal: &Leftovers, record: Leftover, within: Duration) -> Self {
        let cx = cx.step(cx.deadline());
        Self { undo: Arc::clone(undo), cx, journal: journal.clone(), record, within }
    }

    /// Takes it away, and forgets it if that succeeded.
    async fn pay(&self, until: Instant) -> Result<(), ProbeError> {
        let cx = self.cx.step(until);
        let undone = timeout_at(until, self.undo.undo(&cx, &self.record)).await;
        undone.unwrap_or_else(|_| Err(ProbeError::observer(Reason::Timeout, "the clean-up did not end in time")))?;
        let (journal, record) = (self.journal.clone(), self.record.clone());
        on_disk(until.max(Instant::now()) + TO_FORGET, move || journal.remove(&record)).await
    }
}

impl<U: Undo> Debt<U> {
    /// Writes down what will be made; only then it may be. `within`: what a clean-up after a dropped run
    /// may take.
    pub(crate) async fn begin(
        undo: &Arc<U>,
        cx: &ProbeCx,
        record: Leftover,
        within: Duration,
    ) -> Result<Self, ProbeError> {
        let owed = Owed::new(undo, cx, &journal(cx)?, record, within);
        let (journal, record) = (owed.journal.clone(), owed.record.clone());
        on_disk(cx.deadline(), move || journal.write(&record)).await?;
        Ok(Self { owed: Some(owed), afterwards: cx.clients().hazards().afterwards.clone() })
    }

    /// Takes it away now. What stays is in the journal.
    pub(crate) async fn pay(mut self, until: Instant) -> Result<(), ProbeError> {
        let paid = match &self.owed {
            Some(owed) => owed.pay(until).await,
            None => Ok(()),
        };
        self.owed = None;
        paid
    }
}

impl<U: Undo> Drop for Debt<U> {
    fn drop(&mut self) {
        let Some(owed) = self.owed.take() else { return };
        // If nobody takes it, the record is there for the next run.
        self.afterwards.hand_over(Box::pin(async move {
            let until = Instant::now() + owed.within;
            // What stays is in the journal, and counted.
            let _ = owed.pay(until).await;
        }));
    }
}
