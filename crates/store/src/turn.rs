//! SQLite has one writer at a time: who it is, and with which connection.

use crate::db::BUSY_TIMEOUT;
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

/// The turn to write, with the connection that does. Whoever comes waits in line and is woken by whoever goes: a pool would
/// have the runtime's workers look at the connection in between, and under many calls they have other things to do.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pool: SqlitePool,
    turn: Arc<Mutex<Option<WriteConnection>>>,
}

/// The turn, and the connection that the last one left.
pub(crate) type Turn = OwnedMutexGuard<Option<WriteConnection>>;

impl Writer {
    /// `pool` is one of one connection.
    pub(crate) fn new(pool: SqlitePool) -> Self {
        Self { pool, turn: Arc::default() }
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
        let mut turn = self.turn().await?;
        let mut connection = self.connection(&mut turn).await?;
        let result = work(&mut connection).await?;
        connection.give_back(&mut turn);
        Ok(result)
    }

    async fn connection(&self, turn: &mut Turn) -> Result<WriteConnection, sqlx::Error> {
        match turn.take() {
            Some(connection) => Ok(connection),
            None => Ok(WriteConnection { connection: self.pool.acquire().await?, whole: false }),
        }
    }

    pub(crate) async fn close(&self) {
        drop(self.turn.lock().await.take());
        self.pool.close().await;
    }
}

/// A connection that writes. One that is not given back whole is closed: a failed write (a full disk) can have rolled back by
/// itself, and whoever counts transactions on that connection would be wrong from then on.
#[derive(Debug)]
pub(crate) struct WriteConnection {
    connection: PoolConnection<Sqlite>,
    whole: bool,
}

impl WriteConnection {
    fn give_back(mut self, turn: &mut Turn) {
        self.whole = true;
        **turn = Some(self);
    }
}

impl Drop for WriteConnection {
    fn drop(&mut self) {
        if !self.whole {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for WriteConnection {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for WriteConnection {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        // Whoever uses it may break it.
        self.whole = false;
        &mut self.connection
    }
}

/// A write transaction.
pub(crate) struct SqliteTx {
    connection: WriteConnection,
    turn: Turn,
}

impl SqliteTx {
    pub(crate) async fn begin(writer: &Writer) -> Result<Self, sqlx::Error> {
        let mut turn = writer.turn().await?;
        let mut connection = writer.connection(&mut turn).await?;
        // Taking the write lock at once avoids upgrading a read snapshot that another process has outdated.
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
        Ok(Self { connection, turn })
    }

    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        let Self { mut connection, mut turn } = self;
        sqlx::query("COMMIT").execute(&mut *connection).await?;
        connection.give_back(&mut turn);
        Ok(())
    }
}

impl Deref for SqliteTx {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for SqliteTx {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}
