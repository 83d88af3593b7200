//! The hot way into an embedded store. What is done many thousand times a second (accepting, importing) talks to SQLite
//! directly, statement after statement, where a driver that hands every statement and every row from thread to thread costs
//! several times as much as the work itself.

use crate::db::BUSY_TIMEOUT;
use crate::error::StoreError;
use crate::log::Log;
use crate::newest::Newest;
use crate::turn::{Turn, Writer};
use rusqlite::{Connection, OpenFlags};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The connection's page cache, in KiB (negative: KiB instead of pages).
const CACHE_KIB: i64 = -65_536;
/// The most prepared statements kept.
const STATEMENTS: usize = 64;

/// A writer beside the driver's one that writes; the two take turns.
#[derive(Clone, Debug)]
pub(crate) struct Hot {
    file: PathBuf,
    log: Arc<Log>,
    turns: Writer,
    connection: Arc<Mutex<Option<Connection>>>,
    newest: Newest,
}

impl Hot {
    pub(crate) fn new(file: PathBuf, log: Arc<Log>, turns: Writer) -> Self {
        Self { file, log, turns, connection: Arc::default(), newest: Newest::new() }
    }

    /// Which refreshes cards' rows do not name yet.
    pub(crate) fn newest(&self) -> &Newest {
        &self.newest
    }

    /// Does work in a write transaction that commits when it is done, then what has to be done before anybody else writes;
    /// an error rolls back. Works on the thread that asks, and keeps it until then: for those who have a thread of their own.
    /// It is not on the disk before [`Hot::sync`]: one group of calls can wait for the disk while the next one is worked on.
    pub(crate) async fn write_here<T>(
        &self,
        work: impl FnOnce(&Connection, &Newest) -> Result<T, StoreError>,
        then: impl FnOnce(&T, &Newest),
    ) -> Result<T, StoreError> {
        let mut tx = self.begin_here().await?;
        let result = work(tx.connection()?, &self.newest)?;
        tx.end("COMMIT")?;
        self.log.committed();
        then(&result, &self.newest);
        Ok(result)
    }

    /// Waits, on the thread that asks, until everything committed so far is on the disk.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        Ok(self.log.sync()?)
    }

    /// Begins a transaction on the thread that asks: for those who have a thread of their own.
    pub(crate) async fn begin_here(&self) -> Result<HotTx, StoreError> {
        let mut tx = self.take_turn().await?;
        tx.begin()?;
        Ok(tx)
    }

    /// Begins a transaction that lasts over several pieces of work.
    pub(crate) async fn begin(&self) -> Result<HotTx, StoreError> {
        let mut tx = self.take_turn().await?;
        blocking(move || {
            tx.begin()?;
            Ok(tx)
        })
        .await
    }

    async fn take_turn(&self) -> Result<HotTx, StoreError> {
        let turn = self.turns.turn().await?;
        let slot = Arc::clone(&self.connection).lock_owned().await;
        Ok(HotTx { slot, open: false, hot: self.clone(), _turn: turn })
    }

    /// Closes the connection.
    pub(crate) async fn close(&self) {
        let mut slot = self.connection.lock().await;
        let connection = slot.take();
        // The last connection to go writes the log back into the file.
        let _ = blocking(move || {
            drop(connection);
            Ok(())
        })
        .await;
    }
}

/// A write transaction. One that is neither committed nor rolled back ends with its connection: after a failed write (a full
/// disk) nobody knows how that stands.
pub(crate) struct HotTx {
    slot: OwnedMutexGuard<Option<Connection>>,
    open: bool,
    hot: Hot,
    _turn: Turn,
}

impl HotTx {
    /// Does a piece of work and gives the transaction back; an error ends it.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<(Self, T), StoreError> {
        blocking(move || {
            let result = work(self.connection()?)?;
            Ok((self, result))
        })
        .await
    }

    /// Commits, onto the disk.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        blocking(move || self.commit_here()).await
    }

    /// Commits, onto the disk, on the thread that asks.
    pub(crate) fn commit_here(mut self) -> Result<(), StoreError> {
        self.end("COMMIT")?;
        self.hot.log.committed();
        let hot = self.hot.clone();
        // The next one's turn.
        drop(self);
        hot.sync()
    }

    pub(crate) async fn rollback(mut self) -> Result<(), StoreError> {
        blocking(move || self.end("ROLLBACK")).await
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        if self.slot.is_none() {
            *self.slot = Some(open(&self.hot.file)?);
        }
        self.open = true;
        self.connection()?.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(())
    }

    fn end(&mut self, how: &str) -> Result<(), StoreError> {
        self.connection()?.prepare_cached(how)?.execute([])?;
        self.open = false;
        Ok(())
    }

    pub(crate) fn connection(&self) -> Result<&Connection, StoreError> {
        self.slot.as_ref().ok_or(StoreError::Database(sqlx::Error::PoolClosed))
    }
}

impl Drop for HotTx {
    fn drop(&mut self) {
        if self.open {
            *self.slot = None;
        }
    }
}

fn open(file: &std::path::Path) -> Result<Connection, StoreError> {
    // Whatever it is, it is there: the pool has made it.
    let connection = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Enough that a checkpoint never overtakes the log; commits are brought onto the disk by `Log::sync`.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", crate::db::WAL_PAGES)?;
    Ok(connection)
}

/// Does work that blocks beside the runtime's workers.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down.
            Err(_) => Err(StoreError::Database(sqlx::Error::PoolClosed)),
        },
    }
}
