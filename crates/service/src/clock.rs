//! The one clock of a process. Everything that needs the time of day asks it, so that it can be moved as a
//! whole.

use simgauge_domain::time::UnixMs;
use simgauge_store::{Store, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;

/// How often the store is asked for its time: clocks drift by far less than a millisecond in between.
const CORRECT_EVERY: Duration = Duration::from_secs(10);

/// A machine's time, corrected to the time of the store that all nodes share, plus an offset. Cheap to clone;
/// clones move together.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    machine: MachineTime,
    correction_ms: Arc<AtomicI64>,
    offset_ms: Arc<AtomicI64>,
}

#[derive(Clone, Copy, Debug)]
enum MachineTime {
    /// The system's, off by so many milliseconds: for tests of nodes that disagree.
    System { error_ms: i64 },
    /// A time that stands still: for tests that let it pass themselves.
    Still(UnixMs),
}

impl Default for MachineTime {
    fn default() -> Self {
        Self::System { error_ms: 0 }
    }
}

impl Clock {
    /// A clock of a machine whose time is off by so much.
    #[must_use]
    pub fn of_a_wrong_machine(error_ms: i64) -> Self {
        Self { machine: MachineTime::System { error_ms }, ..Self::default() }
    }

    /// A clock that stands still until it is advanced.
    #[must_use]
    pub fn standing_at(time: UnixMs) -> Self {
        Self { machine: MachineTime::Still(time), ..Self::default() }
    }

    #[must_use]
    pub fn now(&self) -> UnixMs {
        let corrections = self.correction_ms.load(Ordering::Relaxed) + self.offset_ms.load(Ordering::Relaxed);
        UnixMs(self.machine_ms().saturating_add(corrections))
    }

    fn machine_ms(&self) -> i64 {
        match self.machine {
            MachineTime::System { error_ms } => system_ms().saturating_add(error_ms),
            MachineTime::Still(time) => time.0,
        }
    }

    /// Asks the store for its time and goes by that from now on, so that nodes whose clocks differ agree.
    /// Half of the round trip is what the answer is taken to be old; a store of this machine alone has no
    /// time of its own.
    ///
    /// # Errors
    /// The store cannot be reached; the last correction stays.
    pub async fn correct_by(&self, store: &Store) -> Result<(), StoreError> {
        let (asked, started) = (self.machine_ms(), Instant::now());
        let Some(theirs) = store.server_time().await? else { return Ok(()) };
        let way = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX) / 2;
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

    /// Moves the clock against the machine's time.
    pub fn set_offset_ms(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
    }

    /// Moves the clock on, with everything that goes by it.
    pub fn advance(&self, by: Duration) {
        self.offset_ms.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// How far it was moved ahead of the machine's time; zero where it was moved back.
    #[must_use]
    pub fn offset(&self) -> Duration {
        Duration::from_millis(self.offset_ms.load(Ordering::Relaxed).max(0).unsigned_abs())
    }

    /// This clock as a function.
    #[must_use]
    pub fn as_fn(&self) -> Arc<dyn Fn() -> UnixMs + Send + Sync> {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

fn system_ms() -> i64 {
    let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => ms(since),
        Err(before) => -ms(before.duration()),
    }
}
