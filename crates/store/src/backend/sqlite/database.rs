//! One open SQLite file.

use super::checkpoint::{self, MainFile};
use super::connection::{blocking, open_read_only};
use super::deferred::DeferredCardUpdates;
use super::log::Log;
use super::readers::{Reader, Readers};
use super::writer::{SqliteTx, Writer};
use crate::error::StoreError;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct SqliteDatabase {
    file: PathBuf,
    writer: Writer,
    readers: Readers,
    log: Arc<Log>,
    main: MainFile,
    deferred: DeferredCardUpdates,
}

impl SqliteDatabase {
    /// Opens a file, and creates it where there is none.
    pub(crate) fn open(file: PathBuf, readers: u32) -> Result<Self, StoreError> {
        let log = Arc::new(Log::of(&file));
        blocking(|| {
            Ok(Self {
                // The writer first: it creates the file and sets its journal mode.
                writer: Writer::open(file.clone(), Arc::clone(&log))?,
                main: MainFile::new(&file),
                readers: Readers::new(file.clone(), readers),
                file,
                log,
                deferred: DeferredCardUpdates::new(),
            })
        })
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

    /// Waits, on the thread that asks, until everything committed so far is on the disk.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        Ok(self.log.sync()?)
    }

    /// Pages in the write-ahead log.
    pub(crate) async fn log_pages(&self) -> Result<i64, StoreError> {
        checkpoint::log_pages(&self.readers).await
    }

    /// Writes the write-ahead log back into the file.
    pub(crate) async fn checkpoint(&self) -> Result<(), StoreError> {
        checkpoint::checkpoint(&self.readers, &self.writer, &self.main).await
    }

    /// Writes a consistent copy to a new file, while the store is used.
    pub(crate) async fn back_up(&self, file: &Path) -> Result<(), StoreError> {
        blocking(|| {
            let connection = open_read_only(&self.file)?;
            connection.execute("VACUUM INTO ?1", [file.display().to_string()])?;
            Ok(())
        })
    }

    /// Closes every connection, once what runs on it is done.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
