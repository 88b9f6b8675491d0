//! What a run has made and must take away again. It is written down before it is made; it is taken
//! away by the run itself, or by others if the run is dropped, or by the next run if the process is
//! killed.
//!
//! A step that was cut off, or whose answer was lost, may be done by the server after the clean-up has
//! found nothing. So the record stays until a clean-up has succeeded that came after the step is known to
//! have ended, or long after it was begun.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use tokio::time::{Instant, timeout_at};

use super::{Afterwards, Leftover, Leftovers, Site};
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

/// What a clean-up that succeeded is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paid {
    /// It is gone, and forgotten.
    Gone,
    /// It is not there now, and may come yet: the next run looks again.
    MayStillCome,
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

/// Takes away what earlier runs of this name left at this place, and tells how many. The first that cannot
/// be taken away is an error, as is one of another place: then nothing new may be made.
pub(crate) async fn settle<U: Undo>(
    undo: &Arc<U>,
    cx: &ProbeCx,
    site: &Site,
    name: &str,
    until: Instant,
) -> Result<u64, ProbeError> {
    let journal = journal(cx)?;
    let (earlier, owner) = (journal.clone(), name.to_owned());
    let found = on_disk(until, move || Ok(earlier.of(&owner))).await?;
    let count = found.len();
    let mut cleaned = 0;
    for record in found {
        let why = match site.holds(&record) {
            Ok(()) if cleaned < MOST_CLEANED => {
                let owed = Owed::new(undo, cx, &journal, record, Duration::ZERO);
                owed.pay(until).await.err()
            }
            Ok(()) => Some(ProbeError::internal("there are too many for one run")),
            Err(elsewhere) => Some(elsewhere),
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

    /// Takes it away, and forgets it if that succeeded and nothing can come after it.
    async fn pay(&self, until: Instant) -> Result<Paid, ProbeError> {
        let cx = self.cx.step(until);
        let undone = timeout_at(until, self.undo.undo(&cx, &self.record)).await;
        undone.unwrap_or_else(|_| Err(ProbeError::observer(Reason::Timeout, "the clean-up did not end in time")))?;
        // As of the start of the run, which is before the clean-up looked.
        if self.record.may_still_come(self.cx.now()) {
            return Ok(Paid::MayStillCome);
        }
        let (journal, record) = (self.journal.clone(), self.record.clone());
        on_disk(until.max(Instant::now()) + TO_FORGET, move || journal.remove(&record)).await?;
        Ok(Paid::Gone)
    }
}

impl<U: Undo> Debt<U> {
    /// Writes down what will be made, and where; only then it may be, and `answered` tells that it is known
    /// what came of it. `within`: what a clean-up after a dropped run may take.
    pub(crate) async fn begin(
        undo: &Arc<U>,
        cx: &ProbeCx,
        site: &Site,
        mut record: Leftover,
        within: Duration,
    ) -> Result<Self, ProbeError> {
        site.sign(&mut record);
        record.unheard_until = Some(cx.ends().0);
        let owed = Owed::new(undo, cx, &journal(cx)?, record, within);
        let (journal, record) = (owed.journal.clone(), owed.record.clone());
        on_disk(cx.deadline(), move || journal.write(&record)).await?;
        Ok(Self { owed: Some(owed), afterwards: cx.clients().hazards().afterwards.clone() })
    }

    /// The step that makes it has ended: the server has said that it is done, or that it will not be.
    pub(crate) async fn answered(&mut self) {
        let Some(owed) = &mut self.owed else { return };
        owed.record.unheard_until = None;
        let (journal, record) = (owed.journal.clone(), owed.record.clone());
        // If that fails, a run after a kill looks once more than it needs to.
        let _ = on_disk(owed.cx.deadline(), move || journal.write(&record)).await;
    }

    /// Takes it away now. What stays, or may come yet, is in the journal.
    pub(crate) async fn pay(mut self, until: Instant) -> Result<Paid, ProbeError> {
        let paid = match &self.owed {
            Some(owed) => owed.pay(until).await,
            None => Ok(Paid::Gone),
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::model::Timestamp;
    use crate::probe::net::Clients;
    use crate::probe::{Credentials, Hazards};

    /// A place in which there are things; counts how often it was cleaned up.
    #[derive(Default)]
    struct Place {
        things: AtomicUsize,
        looked: AtomicUsize,
    }

    impl Undo for Place {
        async fn undo(&self, _: &ProbeCx, _: &Leftover) -> Result<(), ProbeError> {
            self.things.store(0, Ordering::SeqCst);
            self.looked.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }

    struct Bench {
        directory: tempfile::TempDir,
        count: Arc<AtomicUsize>,
        place: Arc<Place>,
    }

    impl Bench {
        fn new() -> Self {
            Self { directory: tempfile::tempdir().unwrap(), count: Arc::default(), place: Arc::default() }
        }

        /// A run that begins so many seconds after the first, and has 5 s.
        fn cx(&self, second: i64) -> ProbeCx {
            let count = Arc::clone(&self.count);
            let journal = Leftovers::new(self.directory.path().to_owned(), move |n| count.store(n, Ordering::SeqCst));
            let clients = Clients::with(Hazards { leftovers: Some(journal), ..Hazards::default() });
            let deadline = Instant::now() + Duration::from_secs(5);
            ProbeCx::new(Timestamp::from_secs(second), deadline, None, Credentials::default().into(), clients.into())
        }

        fn left(&self) -> usize {
            self.count.load(Ordering::SeqCst)
        }

        async fn begin(&self, cx: &ProbeCx, at: &Site) -> Debt<Place> {
            let record = Leftover { name: "thing".into(), run: "1".into(), ..Leftover::default() };
            Debt::begin(&self.place, cx, at, record, Duration::ZERO).await.unwrap()
        }

        async fn settle(&self, second: i64, at: &Site) -> Result<u64, ProbeError> {
            let cx = self.cx(second);
            settle(&self.place, &cx, at, "thing", cx.deadline()).await
        }
    }

    #[tokio::test]
    async fn what_was_answered_is_forgotten_at_once() {
        let (bench, here) = (Bench::new(), Site::new(None, ["h:1"]));
        let cx = bench.cx(0);
        let mut debt = bench.begin(&cx, &here).await;
        assert_eq!(bench.left(), 1);
        debt.answered().await;
        assert_eq!((debt.pay(cx.deadline()).await, bench.left()), (Ok(Paid::Gone), 0));
    }

    #[tokio::test]
    async fn what_was_not_answered_is_looked_for_again() {
        let (bench, here) = (Bench::new(), Site::new(None, ["h:1"]));
        let cx = bench.cx(0);
        let debt = bench.begin(&cx, &here).await;
        assert_eq!((debt.pay(cx.deadline()).await, bench.left()), (Ok(Paid::MayStillCome), 1));
        // It comes when everything was looked at already.
        bench.place.things.store(1, Ordering::SeqCst);
        assert_eq!((bench.settle(30, &here).await, bench.left()), (Ok(1), 1));
        assert_eq!(bench.place.things.load(Ordering::SeqCst), 0);
        // The run had 5 s, so that it can have asked until then.
        assert_eq!((bench.settle(64, &here).await, bench.left()), (Ok(1), 1));
        assert_eq!((bench.settle(65, &here).await, bench.left()), (Ok(1), 0));
        assert_eq!((bench.settle(66, &here).await, bench.place.looked.load(Ordering::SeqCst)), (Ok(0), 4));
    }

    #[tokio::test]
    async fn a_record_of_another_address_is_kept_and_told() {
        let (bench, there) = (Bench::new(), Site::new(None, ["h:1"]));
        drop(bench.begin(&bench.cx(0), &there).await);
        let error = bench.settle(100, &Site::new(None, ["h:2"])).await.unwrap_err();
        assert_eq!((error.reason, bench.left(), bench.place.looked.load(Ordering::SeqCst)), (Reason::Other, 1, 0));
        assert!(error.detail.contains("saw 1 that could not be cleaned up: it was made at h:1"), "{error}");
        assert_eq!((bench.settle(100, &there).await, bench.left()), (Ok(1), 0));
    }
}
