//! SQLite has one writer at a time: who it is, and its transaction.

use super::connection::{BUSY_TIMEOUT, blocking, open_writer};
use super::log::{Commit, Log};
use super::readers::Readers;
use crate::error::StoreError;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

/// The connection that writes. Callers wait in line for it.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    file: Arc<PathBuf>,
    log: Arc<Log>,
    slot: Arc<Mutex<Slot>>,
}

#[derive(Debug)]
pub(crate) enum Slot {
    Open(Connection),
    /// Its state was unknown after an error; the next writer opens another.
    Missing,
    Closed,
}

/// The right to write, with the connection that does. Released when dropped.
pub(crate) type WriterGuard = OwnedMutexGuard<Slot>;

impl Writer {
    /// Opens the file, and a database in it where it is empty.
    pub(crate) fn open(file: PathBuf, log: Arc<Log>) -> Result<Self, StoreError> {
        let connection = open_writer(&file)?;
        log.open()?;
        Ok(Self { file: Arc::new(file), log, slot: Arc::new(Mutex::new(Slot::Open(connection))) })
    }

    /// Waits for the right to write, as long as for a connection.
    async fn guard(&self) -> Result<WriterGuard, StoreError> {
        let guard = Arc::clone(&self.slot).lock_owned();
        timeout(BUSY_TIMEOUT, guard).await.map_err(|_| StoreError::busy())
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&self) -> Result<SqliteTx, StoreError> {
        let guard = self.guard().await?;
        blocking(|| self.begin_with(guard))
    }

    /// Begins a transaction on a thread that the caller has for itself.
    pub(crate) async fn begin_direct(&self) -> Result<SqliteTx, StoreError> {
        let guard = self.guard().await?;
        self.begin_with(guard)
    }

    /// A transaction without its `BEGIN`.
    fn connected(&self, mut guard: WriterGuard) -> Result<SqliteTx, StoreError> {
        if matches!(*guard, Slot::Missing) {
            *guard = self.opened()?;
        }
        Ok(SqliteTx { guard, log: Arc::clone(&self.log) })
    }

    fn opened(&self) -> Result<Slot, StoreError> {
        let connection = open_writer(&self.file)?;
        // Where it was the last one, SQLite has made another log.
        self.log.open()?;
        Ok(Slot::Open(connection))
    }

    fn begin_with(&self, guard: WriterGuard) -> Result<SqliteTx, StoreError> {
        self.log.trusted()?;
        let tx = self.connected(guard)?;
        // Taking the write lock at once avoids upgrading a read snapshot that another process has outdated.
        tx.connection()?.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(tx)
    }

    /// Does work that is not a transaction while nobody writes.
    pub(crate) async fn exclusively<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let guard = self.guard().await?;
        self.log.trusted()?;
        blocking(|| work(self.connected(guard)?.connection()?))
    }

    /// Closes every connection, once what runs on it is done, and opens this one again. `before` and `after`
    /// get the connection before and after that; nobody reads or writes meanwhile. Answers whether there was
    /// one before.
    pub(crate) async fn reopen(
        &self,
        readers: &Readers,
        before: impl FnOnce(&Connection) -> Result<(), StoreError>,
        after: impl FnOnce(&Connection) -> Result<(), StoreError>,
    ) -> Result<bool, StoreError> {
        let mut slot = self.guard().await?;
        let nobody_reads = readers.all().await?;
        blocking(|| {
            let was_open = match &*slot {
                Slot::Open(connection) => {
                    before(connection)?;
                    true
                }
                Slot::Missing => false,
                Slot::Closed => return Err(StoreError::Closed),
            };
            readers.close_idle()?;
            *slot = Slot::Missing;
            *slot = self.opened()?;
            if let Slot::Open(connection) = &*slot {
                after(connection)?;
            }
            drop(nobody_reads);
            Ok(was_open)
        })
    }

    pub(crate) async fn close(&self) {
        let mut slot = self.slot.lock().await;
        // The last connection to go writes the log back into the file.
        blocking(|| *slot = Slot::Closed);
    }
}

/// A write transaction. One that is dropped is rolled back.
#[derive(Debug)]
pub(crate) struct SqliteTx {
    guard: WriterGuard,
    log: Arc<Log>,
}

impl SqliteTx {
    /// SQLite itself, for a caller with a thread of its own.
    pub(crate) fn connection(&self) -> Result<&Connection, StoreError> {
        match &*self.guard {
            Slot::Open(connection) => Ok(connection),
            Slot::Missing | Slot::Closed => Err(StoreError::Closed),
        }
    }

    /// Commits and waits for the disk, while others write. After an error of the disk it is not known whether
    /// the commit stays.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        blocking(|| {
            let log = Arc::clone(&self.log);
            let commit = self.commit_unsynced(|| ())?;
            log.sync(commit)
        })
    }

    /// Commits, then does what has to be done before anybody else writes. It is not on the disk before
    /// [`Log::sync`], so that one group of calls can wait for the disk while the next one is worked on.
    pub(crate) fn commit_unsynced(self, then: impl FnOnce()) -> Result<Commit, StoreError> {
        self.log.look()?;
        self.connection()?.prepare_cached("COMMIT")?.execute([])?;
        let commit = self.log.committed();
        // How long the log is now. A fault is remembered: the sync tells it.
        let _ = self.log.look();
        then();
        Ok(commit)
    }

    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        blocking(|| {
            self.connection()?.prepare_cached("ROLLBACK")?.execute([])?;
            Ok(())
        })
    }

    /// Runs the text of many statements.
    pub(crate) fn batch(&self, text: &str) -> Result<(), StoreError> {
        blocking(|| Ok(self.connection()?.execute_batch(text)?))
    }
}

/// Rolls back a transaction that was not ended. A failed write (a full disk) may have rolled back by itself.
/// A connection that still has a transaction afterwards is closed.
impl Drop for SqliteTx {
    fn drop(&mut self) {
        let Slot::Open(connection) = &*self.guard else { return };
        if connection.is_autocommit() {
            return;
        }
        let rolled_back = connection.execute_batch("ROLLBACK");
        if rolled_back.is_err() || !connection.is_autocommit() {
            *self.guard = Slot::Missing;
        }
    }
}
