//! SQLite has one writer at a time: who it is, and with which connection.

use crate::db::BUSY_TIMEOUT;
use crate::log::Log;
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

/// The turn to write, with the connection that does. Whoever comes waits in line and is woken by whoever goes: a pool would
/// have the runtime's workers look at the connection in between, and under many calls they have other things to do.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pool: SqlitePool,
    log: Arc<Log>,
    turn: Arc<Mutex<Option<PoolConnection<Sqlite>>>>,
}

/// The turn, and the connection that the last one left.
pub(crate) type Turn = OwnedMutexGuard<Option<PoolConnection<Sqlite>>>;

impl Writer {
    /// `pool` is one of one connection.
    pub(crate) fn new(pool: SqlitePool, log: Arc<Log>) -> Self {
        Self { pool, log, turn: Arc::default() }
    }

    /// Waits for the turn, as long as for a connection.
    pub(crate) async fn turn(&self) -> Result<Turn, sqlx::Error> {
        let turn = Arc::clone(&self.turn).lock_owned();
        timeout(BUSY_TIMEOUT, turn).await.map_err(|_| sqlx::Error::PoolTimedOut)
    }

    /// Does one thing in a turn that is not a transaction of the store's own.
    pub(crate) async fn with<T, E: From<sqlx::Error>>(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut writing = Writing::begin(self).await?;
        let result = work(&mut writing).await?;
        writing.give_back();
        synced(&self.log).await?;
        Ok(result)
    }

    pub(crate) async fn close(&self) {
        drop(self.turn.lock().await.take());
        self.pool.close().await;
    }
}

/// The turn with its connection, while somebody writes. A connection that is not given back is closed, and nobody has the turn
/// before that: a failed write (a full disk) can have rolled back by itself, and whoever counts transactions on that connection
/// would be wrong from then on. Holds both until it is dropped or given back.
struct Writing(Option<(PoolConnection<Sqlite>, Turn)>);

impl Writing {
    async fn begin(writer: &Writer) -> Result<Self, sqlx::Error> {
        let mut turn = writer.turn().await?;
        let connection = match turn.take() {
            Some(connection) => connection,
            None => writer.pool.acquire().await?,
        };
        Ok(Self(Some((connection, turn))))
    }

    /// Leaves the connection to whoever is next.
    fn give_back(mut self) {
        if let Some((connection, mut turn)) = self.0.take() {
            *turn = Some(connection);
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let Some((mut connection, turn)) = self.0.take() else { return };
        match Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move {
                    // It is gone in any case.
                    let _ = connection.close().await;
                    drop(turn);
                });
            }
            Err(_) => connection.close_on_drop(),
        }
    }
}

const HELD: &str = "held until it is dropped";

impl Deref for Writing {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.0.as_ref().expect(HELD).0
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.0.as_mut().expect(HELD).0
    }
}

/// A write transaction.
pub(crate) struct SqliteTx {
    writing: Writing,
    log: Arc<Log>,
}

impl SqliteTx {
    pub(crate) async fn begin(writer: &Writer) -> Result<Self, sqlx::Error> {
        let mut writing = Writing::begin(writer).await?;
        // Taking the write lock at once avoids upgrading a read snapshot that another process has outdated.
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *writing).await?;
        Ok(Self { writing, log: Arc::clone(&writer.log) })
    }

    /// Commits, and waits for the disk while others write. After an error of the disk it is not known whether what was
    /// committed stays.
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        let Self { mut writing, log } = self;
        sqlx::query("COMMIT").execute(&mut *writing).await?;
        writing.give_back();
        synced(&log).await
    }
}

/// Has everything committed so far brought onto the disk.
async fn synced(log: &Arc<Log>) -> Result<(), sqlx::Error> {
    log.committed();
    let log = Arc::clone(log);
    match tokio::task::spawn_blocking(move || log.sync()).await {
        Ok(result) => Ok(result?),
        // The runtime is going down.
        Err(_) => Err(sqlx::Error::PoolClosed),
    }
}

impl Deref for SqliteTx {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.writing
    }
}

impl DerefMut for SqliteTx {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.writing
    }
}
