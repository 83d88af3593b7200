//! The one clock of a process. Everything that needs the time gets it from here, so that it can be moved as a whole.

use simgauge_domain::time::UnixMs;
use simgauge_store::{Store, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;

/// How often the store is asked for its time: clocks drift by far less than a millisecond in between.
const CORRECT_EVERY: Duration = Duration::from_secs(10);

/// The system's time, corrected to the time of the store that all nodes share, plus an offset. Cheap to clone; clones move
/// together.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// How wrong this machine's clock is: for tests of nodes that disagree.
    error_ms: i64,
    correction_ms: Arc<AtomicI64>,
    offset_ms: Arc<AtomicI64>,
}

impl Clock {
    /// A clock of a machine whose time is off by so much.
    #[must_use]
    pub fn of_a_wrong_machine(error_ms: i64) -> Self {
        Self { error_ms, ..Self::default() }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> UnixMs {
        let corrections = self.correction_ms.load(Ordering::Relaxed) + self.offset_ms.load(Ordering::Relaxed);
        UnixMs(self.machine_ms().saturating_add(corrections))
    }

    fn machine_ms(&self) -> i64 {
        system_ms().saturating_add(self.error_ms)
    }

    /// Asks the store for its time and goes by that from now on, so that nodes whose clocks differ agree. Half of the round
    /// trip is what the answer is taken to be old; a store of this machine alone has no time of its own.
    ///
    /// # Errors
    /// The store cannot be reached; the last correction stays.
    pub async fn correct_by(&self, store: &Store) -> Result<(), StoreError> {
        let (asked, started) = (self.machine_ms(), Instant::now());
        let Some(theirs) = store.server_time().await? else { return Ok(()) };
        let way = i64::try_from(started.elapsed().as_millis()).unwrap_or(0) / 2;
        self.correction_ms.store(theirs.0 - asked - way, Ordering::Relaxed);
        Ok(())
    }

    /// By how much the store's time is ahead of this machine's, in milliseconds.
    #[must_use]
    pub fn correction_ms(&self) -> i64 {
        self.correction_ms.load(Ordering::Relaxed)
    }

    /// Keeps to the store's time until stopped.
    pub async fn keep_correct(self, store: Store, stopping: CancellationToken) {
        while stopping.run_until_cancelled(tokio::time::sleep(CORRECT_EVERY)).await.is_some() {
            if let Err(error) = self.correct_by(&store).await {
                tracing::warn!(%error, "the store's time could not be asked for");
            }
        }
    }

    /// Moves the clock against the system's time.
    pub fn set_offset_ms(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
    }

    /// Moves the clock on, with everything that goes by it.
    pub fn advance(&self, by: Duration) {
        self.offset_ms.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// How far it was moved ahead of the system's time.
    #[must_use]
    pub fn offset(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.offset_ms.load(Ordering::Relaxed)).unwrap_or(0))
    }

    /// This clock as a function.
    #[must_use]
    pub fn as_fn(&self) -> Arc<dyn Fn() -> UnixMs + Send + Sync> {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

fn system_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
