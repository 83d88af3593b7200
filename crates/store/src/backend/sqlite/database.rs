//! One open SQLite file.

use super::check::{FileReport, check_file};
use super::connection::blocking;
use super::deferred::DeferredCardUpdates;
use super::file::{DatabaseFile, ServingLock};
use super::log::{Commit, Log};
use super::readers::{Reader, Readers};
use super::writer::{SqliteTx, Writer};
use super::{backup, checkpoint, recovery};
use crate::error::StoreError;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct SqliteDatabase {
    file: Arc<DatabaseFile>,
    writer: Writer,
    readers: Readers,
    log: Arc<Log>,
    deferred: DeferredCardUpdates,
    was_left_open: bool,
    /// Whether a check has found damage.
    is_damaged: AtomicBool,
}

impl SqliteDatabase {
    /// Opens a file, and creates it where there is none and none was before.
    pub(crate) fn open(named: &Path, readers: u32) -> Result<Self, StoreError> {
        blocking(|| {
            let file = Arc::new(DatabaseFile::open(named)?);
            let found_log = std::fs::metadata(file.log_path()).is_ok_and(|log| log.len() > 0);
            let was_left_open = found_log || file.has_served_mark();
            let log = Arc::new(Log::of(Arc::clone(&file)));
            let path = file.path().to_owned();
            // The writer first: it sets the journal mode of a new file.
            let writer = Writer::open(path.clone(), Arc::clone(&log))?;
            // What SQLite has opened is what was looked at before.
            log.check()?;
            let readers = Readers::new(path, readers);
            let (deferred, is_damaged) = (DeferredCardUpdates::new(), AtomicBool::new(false));
            Ok(Self { file, writer, readers, log, deferred, was_left_open, is_damaged })
        })
    }

    pub(crate) fn file(&self) -> &DatabaseFile {
        &self.file
    }

    /// Whether there was a log with content, or the mark of a process that serves: the last one did not close
    /// the file or did not trust it, or another one uses it now.
    pub(crate) fn was_left_open(&self) -> bool {
        self.was_left_open
    }

    /// Makes this process the one that serves the file.
    pub(crate) fn lock(&self) -> Result<ServingLock, StoreError> {
        let lock = self.file.lock()?;
        self.file.mark_served();
        Ok(lock)
    }

    /// Which refreshes cards' rows do not name yet.
    pub(crate) fn deferred(&self) -> &DeferredCardUpdates {
        &self.deferred
    }

    pub(crate) async fn write(&self) -> Result<SqliteTx, StoreError> {
        self.writer.begin().await
    }

    /// A transaction for a caller with a thread of its own.
    pub(crate) async fn write_direct(&self) -> Result<SqliteTx, StoreError> {
        self.writer.begin_direct().await
    }

    pub(crate) async fn read(&self) -> Result<Reader, StoreError> {
        self.readers.get().await
    }

    /// Waits, on the thread that asks, until a commit is on the disk.
    pub(crate) fn sync(&self, commit: Commit) -> Result<(), StoreError> {
        self.log.sync(commit)
    }

    /// Waits until everything is on the disk, also what other processes have committed.
    pub(crate) fn sync_all(&self) -> Result<(), StoreError> {
        blocking(|| self.log.sync(self.log.committed()))
    }

    /// Whether the files are still those that were opened, and everything written is on the disk.
    pub(crate) fn check_files(&self) -> Result<(), StoreError> {
        self.log.check()
    }

    /// The same as far as it is known.
    pub(crate) fn trusted(&self) -> Result<(), StoreError> {
        self.log.trusted()
    }

    /// After a fault: opens the files again and checks them.
    pub(crate) async fn recover(&self, serve_damaged: bool) -> Result<(), StoreError> {
        recovery::recover(&self.writer, &self.readers, &self.log, &self.deferred, serve_damaged).await
    }

    /// Looks for damage in the file.
    pub(crate) fn check(&self, is_full: bool, limit: Option<Duration>) -> Result<FileReport, StoreError> {
        let report = blocking(|| check_file(self.file.path(), is_full, limit))?;
        if !report.findings.is_empty() {
            self.is_damaged.store(true, Ordering::Relaxed);
        }
        Ok(report)
    }

    /// Pages in the write-ahead log.
    pub(crate) async fn log_pages(&self) -> Result<i64, StoreError> {
        checkpoint::log_pages(&self.readers).await
    }

    /// Writes the write-ahead log back into the file.
    pub(crate) async fn checkpoint(&self) -> Result<(), StoreError> {
        checkpoint::checkpoint(&self.readers, &self.writer, &self.log).await
    }

    /// Writes a consistent copy to a new file, while the store is used.
    pub(crate) fn back_up(&self, target: &Path) -> Result<(), StoreError> {
        blocking(|| backup::back_up(self.file.path(), target))
    }

    /// Closes every connection, once what runs on it is done.
    pub(crate) async fn close(&self) {
        let is_sound = self.log.check().is_ok() && !self.is_damaged.load(Ordering::Relaxed);
        self.readers.close().await;
        self.writer.close().await;
        if is_sound {
            self.file.unmark_served();
        }
    }
}
