//! The runtime that answers callers, apart from the one for background work.
//!
//! The operating system then shares the processors between callers, however many there are, and the
//! background. In one runtime, a task that held the lock for writing to the store was itself scheduled only
//! after thousands of connections.

use std::io;
use tokio::runtime::{Builder, Handle, Runtime};

/// After so many steps a worker looks at the global queue. Tasks that other threads wake are there: the
/// store's threads wake accepted calls. Tokio's default is so high that under overload accepted calls wait
/// long behind refused ones.
const GLOBAL_QUEUE_INTERVAL: u32 = 3;

/// The runtime. A task that still runs in it when it is dropped ends at its next await.
pub struct CallerRuntime {
    handle: Handle,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl CallerRuntime {
    /// Starts it, with one worker per processor.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .thread_name("callers")
            .global_queue_interval(GLOBAL_QUEUE_INTERVAL)
            .enable_all()
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for CallerRuntime {
    fn drop(&mut self) {
        // Dropping a runtime within a task of another one would block there until its threads end.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
