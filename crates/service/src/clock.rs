//! The one clock of a process. Everything that needs the time of day asks it, so that it can be moved as a
//! whole.

use simgauge_domain::time::UnixMs;
use simgauge_store::{Store, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;

/// How often the store is asked for its time: clocks drift by far less than a millisecond in between.
const CORRECT_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked whether the machine's time jumped.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A step that is no jump, in milliseconds: that of an NTP client, or of a process that had no processor.
const STEP_MS: i64 = 2_000;

/// A machine's time, corrected to the time of the store that all nodes share, plus an offset. Cheap to clone;
/// clones move together.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    machine: MachineTime,
    correction_ms: Arc<AtomicI64>,
    offset_ms: Arc<AtomicI64>,
    jumps: Arc<AtomicU64>,
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

    /// Keeps to the store's time until stopped, and reports when the machine's time jumped.
    pub async fn keep_correct(self, store: Store, stopping: CancellationToken) {
        let mut watch = JumpWatch::new(self.machine_ms(), Instant::now());
        let mut corrected = Instant::now();
        while stopping.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let jump = watch.look(self.machine_ms(), Instant::now());
            if let Some(by_ms) = jump {
                self.jumps.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    by_ms,
                    "this machine's clock jumped; times stored before it was put back count as now"
                );
            }
            if jump.is_none() && corrected.elapsed() < CORRECT_EVERY {
                continue;
            }
            corrected = Instant::now();
            if let Err(error) = self.correct_by(&store).await {
                tracing::warn!(%error, "the store's time could not be asked for");
            }
        }
    }

    /// How often the machine's time jumped.
    #[must_use]
    pub fn jumps(&self) -> u64 {
        self.jumps.load(Ordering::Relaxed)
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

/// Compares the machine's time with a clock that never jumps.
struct JumpWatch {
    time_ms: i64,
    at: Instant,
}

impl JumpWatch {
    fn new(time_ms: i64, at: Instant) -> Self {
        Self { time_ms, at }
    }

    /// By how many milliseconds the time jumped since it was looked at last, if it did.
    fn look(&mut self, time_ms: i64, at: Instant) -> Option<i64> {
        let passed = i64::try_from(at.duration_since(self.at).as_millis()).unwrap_or(i64::MAX);
        let jump = time_ms.saturating_sub(self.time_ms).saturating_sub(passed);
        *self = Self::new(time_ms, at);
        (jump.abs() > STEP_MS).then_some(jump)
    }
}

fn system_ms() -> i64 {
    let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => ms(since),
        Err(before) => -ms(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_are_seen_and_nothing_else_is() {
        let began = Instant::now();
        let mut watch = JumpWatch::new(1_000_000, began);
        let at = |ms| began + Duration::from_millis(ms);
        assert_eq!(watch.look(1_001_000, at(1_000)), None);
        assert_eq!(watch.look(1_030_500, at(30_000)), None, "a slow process, and half a second by NTP");
        assert_eq!(watch.look(1_031_500 + 86_400_000, at(31_000)), Some(86_400_000));
        assert_eq!(watch.look(1_032_500 + 86_400_000, at(32_000)), None);
        assert_eq!(watch.look(1_033_500, at(33_000)), Some(-86_400_000));
    }
}
