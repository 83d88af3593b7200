//! Whether what is written can be trusted to be on the disk.

use crate::error::StoreError;
use std::sync::{Mutex, PoisonError};

/// Why nothing can be trusted any more.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// Names the file.
    pub(super) reason: String,
    /// Whether part of the file's content may be lost. Otherwise the handles that SQLite has still lead to
    /// all of it.
    pub(super) is_lost: bool,
}

impl Fault {
    /// A file is no longer at its place.
    pub(super) fn moved(reason: String) -> Self {
        Self { reason, is_lost: false }
    }

    /// A file does not hold what was written to it.
    pub(super) fn lost(reason: String) -> Self {
        Self { reason, is_lost: true }
    }
}

/// The state of an embedded store's files. After a fault nothing counts as written until the files were
/// opened again and checked: a later sync that succeeds says nothing of what an earlier one left behind.
#[derive(Debug, Default)]
pub(super) struct StoreHealth(Mutex<Option<Fault>>);

impl StoreHealth {
    /// The first fault since the files were opened.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// # Errors
    /// There was a fault.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.fault().map_or(Ok(()), |fault| Err(StoreError::Untrusted(fault.reason)))
    }

    /// Remembers a fault; answers it as an error.
    pub(super) fn fail(&self, fault: Fault) -> StoreError {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let error = StoreError::Untrusted(fault.reason.clone());
        match &mut *known {
            Some(known) => known.is_lost |= fault.is_lost,
            None => *known = Some(fault),
        }
        error
    }

    /// The files were opened again and are sound.
    pub(super) fn restored(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
