//! One look for all who ask: what one probe fetched serves the others for a while.
//!
//! There is no task behind a flight. Whoever asks first fetches, others wait for it; if it is cut off
//! in the middle, the next in the queue fetches with its own time. An error goes to those who waited
//! for it, and to nobody who asks later.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::ProbeError;
use crate::model::Reason;

/// Nothing is kept for longer, however old the askers would take it.
const KEPT: Duration = Duration::from_secs(600);
const MAX_ENTRIES: usize = 1024;
/// Bytes of all that is kept, as those who fetched it say.
const MAX_BYTES: usize = 64 << 20;
/// For those who wait for somebody with the same deadline, so that they hear what came of it.
const GRACE: Duration = Duration::from_millis(100);

#[derive(Default)]
pub(crate) struct Shared(Mutex<HashMap<String, Arc<Slot>>>);

/// What a fetch yields.
pub(crate) struct Fetched<T> {
    pub(crate) value: T,
    /// About how many bytes it takes.
    pub(crate) bytes: usize,
}

#[derive(Default)]
struct Slot {
    /// Held by whoever fetches.
    flight: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Flights that came to an end.
    landed: u64,
    last: Option<Landed>,
}

struct Landed {
    begun: Instant,
    bytes: usize,
    /// An error with the deadline of who met it.
    result: Result<Arc<dyn Any + Send + Sync>, (ProbeError, Instant)>,
}

impl Shared {
    /// What `fetch` yields, or what it yielded to another asker at most `max_age` ago, or to one who is
    /// just at it. Under one key there is one type, and one meaning.
    pub(crate) async fn get<T, F, Fut>(
        &self,
        deadline: Instant,
        key: &str,
        max_age: Duration,
        fetch: F,
    ) -> Result<Arc<T>, ProbeError>
    where
        T: Any + Send + Sync,
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<Fetched<T>, ProbeError>> + Send,
    {
        let slot = self.slot(key);
        let arrived = {
            let state = slot.lock();
            if let Some(value) = state.last.as_ref().and_then(|last| last.fresh(max_age)) {
                return typed(value);
            }
            state.landed
        };
        let Ok(_flight) = timeout_at(deadline + GRACE, slot.flight.lock()).await else {
            let text = "another check that asks for the same has had no answer yet";
            return Err(ProbeError::observer(Reason::Timeout, text));
        };
        if let Some(result) = slot.lock().meanwhile(arrived, deadline, max_age) {
            return result.and_then(typed);
        }
        let begun = Instant::now();
        let fetched = fetch().await;
        let (bytes, result, mine) = match fetched {
            Ok(Fetched { value, bytes }) => {
                let value = Arc::new(value);
                let kept: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(&value);
                (bytes, Ok(kept), Ok(value))
            }
            Err(error) => (0, Err((error.clone(), deadline)), Err(error)),
        };
        {
            let mut state = slot.lock();
            state.landed += 1;
            state.last = Some(Landed { begun, bytes, result });
        }
        self.purge(&slot);
        mine
    }

    fn slot(&self, key: &str) -> Arc<Slot> {
        let mut slots = self.lock();
        if let Some(slot) = slots.get(key) {
            return Arc::clone(slot);
        }
        let slot = Arc::new(Slot::default());
        slots.insert(key.to_owned(), Arc::clone(&slot));
        slot
    }

    /// Takes away what is too old, and the oldest while it is too much; never `newest`, nor what
    /// somebody waits for.
    fn purge(&self, newest: &Arc<Slot>) {
        let mut slots = self.lock();
        slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.lock().last.as_ref().is_some_and(Landed::is_kept));
        let mut all: Vec<(Instant, usize, String)> = slots
            .iter()
            .filter(|(_, slot)| !Arc::ptr_eq(slot, newest) && Arc::strong_count(slot) == 1)
            .filter_map(|(key, slot)| slot.lock().last.as_ref().map(|last| (last.begun, last.bytes, key.clone())))
            .collect();
        all.sort();
        let mut bytes = all.iter().fold(newest.bytes(), |sum, (_, bytes, _)| sum.saturating_add(*bytes));
        for (_, freed, key) in all {
            if bytes <= MAX_BYTES && slots.len() <= MAX_ENTRIES {
                break;
            }
            slots.remove(&key);
            bytes = bytes.saturating_sub(freed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bytes(&self) -> usize {
        self.lock().last.as_ref().map_or(0, |last| last.bytes)
    }
}

impl State {
    /// What came of flights that ended since `arrived`, if it serves somebody with this deadline.
    fn meanwhile(
        &self,
        arrived: u64,
        deadline: Instant,
        max_age: Duration,
    ) -> Option<Result<Arc<dyn Any + Send + Sync>, ProbeError>> {
        let last = self.last.as_ref()?;
        match &last.result {
            Ok(value) if self.landed > arrived => Some(Ok(Arc::clone(value))),
            Ok(_) => last.fresh(max_age).map(Ok),
            // Who has more time than the other had may find out more.
            Err((error, other)) if error.reason == Reason::Timeout && deadline > *other => None,
            Err((error, _)) => (self.landed > arrived).then(|| Err(error.clone())),
        }
    }
}

impl Landed {
    fn fresh(&self, max_age: Duration) -> Option<Arc<dyn Any + Send + Sync>> {
        let value = self.result.as_ref().ok()?;
        (self.begun.elapsed() <= max_age.min(KEPT) && !max_age.is_zero()).then(|| Arc::clone(value))
    }

    fn is_kept(&self) -> bool {
        self.result.is_ok() && self.begun.elapsed() <= KEPT
    }
}

fn typed<T: Any + Send + Sync>(value: Arc<dyn Any + Send + Sync>) -> Result<Arc<T>, ProbeError> {
    value.downcast().map_err(|_| ProbeError::internal("two sorts of things are shared under one key"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;
    use tokio::time::{sleep, timeout};

    use super::*;

    const AGE: Duration = Duration::from_secs(10);

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    /// A fetch that counts itself and takes a second.
    async fn counted(count: &AtomicU32) -> Result<Fetched<u32>, ProbeError> {
        let value = count.fetch_add(1, Ordering::SeqCst);
        sleep(Duration::from_secs(1)).await;
        Ok(Fetched { value, bytes: 8 })
    }

    #[tokio::test(start_paused = true)]
    async fn one_flight_serves_all_who_ask_and_those_who_ask_soon() {
        let (shared, count) = (Shared::default(), AtomicU32::new(0));
        let ask = || shared.get(soon(), "list", AGE, || counted(&count));
        let all = join_all((0..20).map(|_| ask())).await;
        assert!(all.into_iter().all(|value| *value.unwrap() == 0));
        sleep(Duration::from_secs(9)).await;
        assert_eq!(*ask().await.unwrap(), 0, "ten seconds after it was begun");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(*ask().await.unwrap(), 1, "too old");
        assert_eq!(*shared.get(soon(), "other", AGE, || counted(&count)).await.unwrap(), 2);
        assert_eq!(*shared.get(soon(), "list", Duration::ZERO, || counted(&count)).await.unwrap(), 3, "never old");
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_goes_to_those_who_waited_and_to_nobody_else() {
        let (shared, count) = (Shared::default(), AtomicU32::new(0));
        let fail = || async {
            counted(&count).await?;
            Err::<Fetched<u32>, _>(ProbeError::target(Reason::Refused, "no"))
        };
        let all = join_all((0..5).map(|_| shared.get(soon(), "list", AGE, fail))).await;
        assert!(all.into_iter().all(|result| result.unwrap_err().reason == Reason::Refused));
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert_eq!(*shared.get(soon(), "list", AGE, || counted(&count)).await.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_takes_over_from_one_who_is_cut_off() {
        let (shared, count) = (Shared::default(), AtomicU32::new(0));
        let ask = || shared.get(soon(), "list", AGE, || counted(&count));
        let first = timeout(Duration::from_millis(500), ask());
        let (first, second, third) = tokio::join!(first, ask(), ask());
        assert!(first.is_err());
        assert_eq!((*second.unwrap(), *third.unwrap()), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_more_time_tries_again_and_who_has_not_waits_no_longer() {
        let shared = Shared::default();
        let until = |deadline: Instant| async move {
            tokio::time::sleep_until(deadline).await;
            Err::<Fetched<u32>, _>(ProbeError::target(Reason::Timeout, "late"))
        };
        let (short, long) = (Instant::now() + Duration::from_secs(1), Instant::now() + Duration::from_secs(3));
        let (first, same, other) = tokio::join!(
            shared.get(short, "list", AGE, || until(short)),
            shared.get(short, "list", AGE, || until(short)),
            shared.get(long, "list", AGE, || async { Ok(Fetched { value: 7, bytes: 4 }) }),
        );
        assert_eq!(first.unwrap_err().detail, "late");
        assert_eq!(same.unwrap_err().detail, "late", "heard in the time of grace");
        assert_eq!(*other.unwrap(), 7);
        // Somebody who never lands keeps nobody beyond his own time.
        let (_, waited) = tokio::join!(
            timeout(Duration::from_secs(60), shared.get(soon(), "stuck", AGE, || until(soon() + AGE))),
            shared.get(soon(), "stuck", AGE, || until(soon())),
        );
        assert_eq!(waited.unwrap_err().blame, crate::probe::Blame::Observer);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_old_or_too_much_goes() {
        let shared = Shared::default();
        let put = |key: String, bytes: usize| {
            let shared = &shared;
            async move { shared.get(soon(), &key, AGE, || async { Ok(Fetched { value: 0_u8, bytes }) }).await.unwrap() }
        };
        let keys = || {
            let mut keys: Vec<String> = shared.lock().keys().cloned().collect();
            keys.sort();
            keys
        };
        for name in ["a", "b", "c"] {
            put(name.to_owned(), MAX_BYTES / 2).await;
            sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(keys(), ["b", "c"]);
        put("d".to_owned(), 2 * MAX_BYTES).await;
        assert_eq!(keys(), ["d"], "the newest stays, until the next comes");
        for number in 0..MAX_ENTRIES + 10 {
            put(format!("many {number}"), 0).await;
        }
        assert_eq!(keys().len(), MAX_ENTRIES);
        sleep(KEPT + AGE).await;
        put("last".to_owned(), 0).await;
        assert_eq!(keys(), ["last"]);
    }

    #[tokio::test]
    async fn another_type_under_the_same_key_is_a_fault_of_ours() {
        let shared = Shared::default();
        let number = || async { Ok(Fetched { value: 1_u8, bytes: 1 }) };
        let text = || async { Ok(Fetched { value: "x", bytes: 1 }) };
        shared.get(soon(), "key", AGE, number).await.unwrap();
        assert_eq!(shared.get(soon(), "key", AGE, text).await.unwrap_err().reason, Reason::Internal);
    }
}
