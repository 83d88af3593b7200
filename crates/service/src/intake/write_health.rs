//! Whether refreshes can be made durable: known from those that were, and tried where there were none lately.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use simgauge_store::Store;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// For so long it is believed that writing works.
const BELIEVED: Duration = Duration::from_secs(5);
/// For so long it is believed that it does not.
const FAILURE_BELIEVED: Duration = Duration::from_secs(2);
/// So long a try may take.
const TRY_TIMEOUT: Duration = Duration::from_secs(2);
const TOO_SLOW: &str = "a write to the store takes longer than 2 s";

/// Whether something was written, or why not, in words for anyone.
pub type WriteOutcome = Result<(), &'static str>;

/// Tries to write; as much as refreshes need, where writing failed before.
type TryWrite = Box<dyn Fn(bool) -> BoxFuture<'static, WriteOutcome> + Send + Sync>;

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct WriteHealth(Arc<Inner>);

struct Inner {
    try_write: TryWrite,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: Option<(Instant, WriteOutcome)>,
    /// The one try that is under way.
    trying: Option<(Instant, watch::Receiver<Option<WriteOutcome>>)>,
}

impl WriteHealth {
    pub(super) fn of(store: Store) -> Self {
        Self::new(Box::new(move |has_failed| {
            let store = store.clone();
            async move {
                store.probe_write(has_failed).await.map_err(|error| {
                    tracing::warn!(%error, "nothing can be written to the store");
                    error.in_plain_words()
                })
            }
            .boxed()
        }))
    }

    fn new(try_write: TryWrite) -> Self {
        Self(Arc::new(Inner { try_write, state: Mutex::default() }))
    }

    /// Somebody wrote something, or could not.
    pub(super) fn ended(&self, outcome: WriteOutcome) {
        self.lock().last = Some((Instant::now(), outcome));
    }

    /// Whether writing works. Tries it where nobody wrote lately. All who ask meanwhile share that try.
    pub(super) async fn check(&self) -> WriteOutcome {
        let (began, mut result) = match self.known_or_trying() {
            Ok(outcome) => return outcome,
            Err(trying) => trying,
        };
        let left = TRY_TIMEOUT.saturating_sub(began.elapsed());
        match timeout(left, result.wait_for(Option::is_some)).await {
            Ok(Ok(outcome)) => outcome.unwrap_or(Err(TOO_SLOW)),
            // It is too slow, or it panicked.
            Err(_) | Ok(Err(_)) => Err(TOO_SLOW),
        }
    }

    /// What is known, or the try that will tell.
    fn known_or_trying(&self) -> Result<WriteOutcome, (Instant, watch::Receiver<Option<WriteOutcome>>)> {
        let mut state = self.lock();
        if let Some((at, outcome)) = state.last {
            let believed = if outcome.is_ok() { BELIEVED } else { FAILURE_BELIEVED };
            if at.elapsed() < believed {
                return Ok(outcome);
            }
        }
        // A try that ended without a result panicked.
        if let Some(trying) = state.trying.as_ref().filter(|(_, result)| result.has_changed().is_ok()) {
            return Err(trying.clone());
        }
        let (tell, result) = watch::channel(None);
        let trying = (Instant::now(), result);
        state.trying = Some(trying.clone());
        let health = self.clone();
        let has_failed = state.last.is_some_and(|(_, outcome)| outcome.is_err());
        tokio::spawn(async move {
            let outcome = (health.0.try_write)(has_failed).await;
            let mut state = health.lock();
            state.last = Some((Instant::now(), outcome));
            state.trying = None;
            drop(state);
            tell.send_replace(Some(outcome));
        });
        Err(trying)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const FULL: WriteOutcome = Err("the disk is full");

    /// Each try takes so long and ends so.
    fn health(took: Duration, outcome: WriteOutcome) -> (WriteHealth, Arc<AtomicUsize>) {
        let tries = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&tries);
        let try_write: TryWrite = Box::new(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::time::sleep(took).await;
                outcome
            }
            .boxed()
        });
        (WriteHealth::new(try_write), tries)
    }

    #[tokio::test(start_paused = true)]
    async fn what_happened_lately_is_believed_and_nothing_is_tried() {
        let (health, tries) = health(Duration::ZERO, Ok(()));
        health.ended(FULL);
        assert_eq!(health.check().await, FULL);
        health.ended(Ok(()));
        tokio::time::advance(BELIEVED - Duration::from_millis(1)).await;
        assert_eq!(health.check().await, Ok(()));
        assert_eq!(tries.load(Ordering::Relaxed), 0);
        health.ended(FULL);
        tokio::time::advance(FAILURE_BELIEVED).await;
        assert_eq!(health.check().await, Ok(()), "it was tried again");
        assert_eq!(tries.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_ask_share_one_try_and_its_result_is_kept() {
        let (health, tries) = health(Duration::from_secs(1), FULL);
        let answers = join_all((0..100).map(|_| health.check())).await;
        assert!(answers.iter().all(|answer| *answer == FULL));
        assert_eq!(health.check().await, FULL);
        assert_eq!(tries.load(Ordering::Relaxed), 1);
        tokio::time::advance(FAILURE_BELIEVED).await;
        assert_eq!(health.check().await, FULL);
        assert_eq!(tries.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_that_hangs_is_a_failure_and_stays_the_only_one() {
        let (health, tries) = health(Duration::from_secs(60), Ok(()));
        let began = Instant::now();
        assert_eq!(health.check().await, Err(TOO_SLOW));
        assert_eq!(began.elapsed(), TRY_TIMEOUT);
        assert_eq!(health.check().await, Err(TOO_SLOW));
        assert_eq!(began.elapsed(), TRY_TIMEOUT, "nobody waits for it again");
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(health.check().await, Err(TOO_SLOW));
        assert_eq!(tries.load(Ordering::Relaxed), 1);
    }
}
