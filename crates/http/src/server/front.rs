//! A runtime of its own for who calls. However many call, the system shares the processors between it and the work in the
//! background; in one runtime, whoever held the turn to write to the store waited for its own turn behind thousands of connections.

use std::io;
use tokio::runtime::{Builder, Handle, Runtime};

/// Every so many steps a worker looks for what other threads woke: the answers of accepted calls come from the store's threads.
/// By itself it looks so seldom that under more calls than can be taken, accepted ones wait for long behind refused ones.
const STEPS: u32 = 3;

/// The runtime. What still runs in it when it is dropped, ends at its next pause.
pub struct Front {
    handle: Handle,
    /// There until it is dropped.
    runtime: Option<Runtime>,
}

impl Front {
    /// Starts it, with a worker for each processor.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .thread_name("front")
            .global_queue_interval(STEPS)
            .enable_all()
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// What to have things run in it with.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // A runtime that is dropped within another one's task would wait for its threads there.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
