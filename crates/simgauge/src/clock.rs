//! The one clock of a process. Everything that needs the time gets it from here, so that it can be moved as a whole.

use simgauge_domain::time::UnixMs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The system's time plus an offset. Cheap to clone; clones move together.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
}

impl Clock {
    /// Now.
    #[must_use]
    pub fn now(&self) -> UnixMs {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let system = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        UnixMs(system.saturating_add(self.offset_ms.load(Ordering::Relaxed)))
    }

    /// Moves the clock against the system's time.
    pub fn set_offset_ms(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
    }

    /// This clock as a function.
    #[must_use]
    pub fn as_fn(&self) -> Arc<dyn Fn() -> UnixMs + Send + Sync> {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}
