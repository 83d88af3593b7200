//! Statements that read for too long are stopped.

use crate::error::StoreError;
use rusqlite::Connection;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many of SQLite's instructions pass between two looks at the time: some ten microseconds.
const INSTRUCTIONS: std::ffi::c_int = 1000;

/// Until when the statement that runs on a connection may run; nothing where it has no limit.
#[derive(Clone, Debug, Default)]
pub(super) struct Until(Arc<Mutex<Option<Instant>>>);

impl Until {
    /// The limits of a connection's statements.
    pub(super) fn of(connection: &Connection) -> Result<Self, StoreError> {
        let until = Self::default();
        let asked = until.clone();
        connection.progress_handler(INSTRUCTIONS, Some(move || asked.is_over()))?;
        Ok(until)
    }

    /// Does something that may take no longer than `limit`. What takes longer ends with
    /// [`StoreError::TookTooLong`].
    pub(super) fn run<T>(&self, limit: Option<Duration>, work: impl FnOnce() -> T) -> T {
        self.set(limit.map(|limit| Instant::now() + limit));
        let done = work();
        self.set(None);
        done
    }

    fn set(&self, until: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    fn is_over(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() >= until)
    }
}
