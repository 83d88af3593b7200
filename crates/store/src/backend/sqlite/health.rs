//! Whether what is written can be trusted to be on the disk.

use crate::error::{FileFault, StoreError};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Why nothing can be trusted any more.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    kind: FileFault,
    /// Names the file.
    reason: String,
    /// Whether part of the file's content may be lost. Otherwise the handles that SQLite has still lead to
    /// all of it.
    pub(super) is_lost: bool,
}

impl Fault {
    /// A file is no longer at its place.
    pub(super) fn moved(reason: String) -> Self {
        Self { kind: FileFault::Moved, reason, is_lost: false }
    }

    /// Another index of the log stands at its place, or none does: other programs and this one do not see
    /// each other's writes any more. Only the log itself says what was written last.
    pub(super) fn split(reason: String) -> Self {
        Self { kind: FileFault::Moved, reason, is_lost: true }
    }

    /// A file is shorter than it was.
    pub(super) fn cut_off(reason: String) -> Self {
        Self { kind: FileFault::CutOff, reason, is_lost: true }
    }

    /// A file may not hold on the disk what was written to it.
    pub(super) fn not_synced(path: &Path, error: &io::Error) -> Self {
        let reason = format!("{} cannot be brought onto the disk: {error}", path.display());
        Self { kind: FileFault::SyncFailed(error.kind()), reason, is_lost: true }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self::Untrusted(fault.kind, fault.reason)
    }
}

/// The state of an embedded store's files. After a fault nothing counts as written until the files were
/// opened again and checked: a later sync that succeeds says nothing about what an earlier one left behind.
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
        self.fault().map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// Remembers a fault; answers it as an error.
    pub(super) fn fail(&self, fault: Fault) -> StoreError {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *known {
            Some(known) => known.is_lost |= fault.is_lost,
            None => *known = Some(fault.clone()),
        }
        fault.into()
    }

    /// The files were opened again and are sound.
    pub(super) fn restored(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
