//! The lanes of operator accounts: listing, pausing and resuming them, and having an operator tried again.

use crate::administration::Administration;
use crate::error::AdminError;
use simgauge_domain::names;
use simgauge_store::{LaneRow, StoreError};

impl Administration {
    /// Every lane that was ever worked.
    ///
    /// # Errors
    /// The store failed.
    pub async fn lanes(&self) -> Result<Vec<LaneRow>, AdminError> {
        Ok(self.store.lanes().await?)
    }

    /// Stops all calls to an operator account on every node. `note` says why; a lane that is paused keeps its
    /// first note.
    ///
    /// # Errors
    /// The note is too long or holds control characters.
    pub async fn pause_lane(&self, lane: &str, note: &str) -> Result<(), AdminError> {
        let note = names::label(note).map_err(|why| AdminError::Invalid { field: "note", why })?;
        Ok(self.store.pause_lane(lane, self.actor.name(), &note, self.now()).await?)
    }

    /// Lets a lane go on; it may not be paused.
    ///
    /// # Errors
    /// The store failed.
    pub async fn resume_lane(&self, lane: &str) -> Result<(), AdminError> {
        Ok(self.store.resume_lane(lane).await?)
    }

    /// Has an operator tried again within seconds: what it asked for (`Retry-After`) is dropped, and an open
    /// circuit breaker makes its next probe.
    ///
    /// # Errors
    /// The lane was never worked, or the store failed.
    pub async fn retry_lane(&self, lane: &str) -> Result<(), AdminError> {
        if !self.store.lanes().await?.iter().any(|row| row.name == lane) {
            return Err(StoreError::Missing(format!("the lane of operator account {lane}")).into());
        }
        Ok(self.store.retry_lane(lane, self.now()).await?)
    }
}
