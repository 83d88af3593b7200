//! A pool of connections to one PostgreSQL database.

use crate::backend::sql::Sql;
use crate::backend::tx::Tx as _;
use crate::error::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPoolOptions};
use sqlx::{Connection as _, PgPool, Postgres, Transaction};
use std::io::{self, ErrorKind};
use std::str::FromStr;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// A write transaction. One that is dropped is rolled back.
pub(crate) type PostgresTx = Transaction<'static, Postgres>;

/// A connection for several reads.
pub(crate) type PostgresReader = PoolConnection<Postgres>;

/// Longest wait for a connection.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long PostgreSQL lets a transaction wait for its next statement: ours never wait for anything but the
/// network. Less than a lease, so that the lock of a lease is free when the lease is.
const IDLE_TRANSACTION_MS: &str = "5000";
/// Our joins are of some rows with their like by key. Without statistics that are up to date (a table just
/// filled), PostgreSQL would rather read whole tables into hashes.
const BY_KEY: [(&str, &str); 2] = [("enable_hashjoin", "off"), ("enable_mergejoin", "off")];

/// Longest wait for an answer where only the reason is asked for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause between attempts to connect.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// PostgreSQL's code while it is starting or stopping.
const CANNOT_CONNECT_NOW: &str = "57P03";
const WAIT_FOR_DISK: Sql = Sql::postgres(
    "SELECT set_config('synchronous_commit', 'on', true) \
     WHERE current_setting('synchronous_commit') = 'off'",
);
const TAKE_NUMBER: Sql = Sql::postgres("SELECT CAST(pg_current_xact_id() AS TEXT)");

#[derive(Clone, Debug)]
pub(crate) struct PostgresDatabase {
    pool: PgPool,
}

impl PostgresDatabase {
    pub(crate) async fn connect(url: &str, connections: u32) -> Result<Self, StoreError> {
        // A node that is frozen or cut off in the middle of a transaction must not keep its locks: the others
        // would wait for it as long as it lasts.
        let options = PgConnectOptions::from_str(url)?
            .application_name("simgauge")
            .options([("idle_in_transaction_session_timeout", IDLE_TRANSACTION_MS)])
            .options(BY_KEY);
        reach(&options, BUSY_TIMEOUT).await?;
        let pool = PgPoolOptions::new()
            .max_connections(connections.max(2))
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    pub(crate) async fn write(&self) -> Result<PostgresTx, StoreError> {
        match self.pool.begin().await {
            Ok(tx) => Ok(tx),
            Err(error) => Err(self.or_reason(error).await),
        }
    }

    pub(crate) async fn read(&self) -> Result<PostgresReader, StoreError> {
        match self.pool.acquire().await {
            Ok(connection) => Ok(connection),
            Err(error) => Err(self.or_reason(error).await),
        }
    }

    /// The pool says only that its time was up. Either the database cannot be reached, and this says why, or
    /// all connections are in use.
    async fn or_reason(&self, error: sqlx::Error) -> StoreError {
        if !matches!(error, sqlx::Error::PoolTimedOut) {
            return error.into();
        }
        match reach(&self.pool.connect_options(), Duration::ZERO).await {
            Ok(()) => StoreError::busy(),
            Err(reason) => reason,
        }
    }

    /// Waits until everything committed so far is on the disk, also where commits do not wait for it.
    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        tx.run(WAIT_FOR_DISK, &[]).await?;
        // A transaction without a number of its own leaves nothing in the log.
        tx.run(TAKE_NUMBER, &[]).await?;
        Ok(tx.commit().await?)
    }

    /// Receives the notifications of a channel (NOTIFY).
    pub(crate) async fn listen(&self, channel: &str) -> Result<PgListener, StoreError> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(channel).await?;
        Ok(listener)
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Connects once, and for so long again where the database does not listen yet or is starting.
///
/// # Errors
/// Why the database cannot be reached.
async fn reach(options: &PgConnectOptions, patience: Duration) -> Result<(), StoreError> {
    let give_up = Instant::now() + patience;
    loop {
        let error = match timeout(patience.max(ANSWER_TIMEOUT), PgConnection::connect_with(options)).await {
            Ok(Ok(connection)) => {
                // It has served its purpose.
                let _ = connection.close().await;
                return Ok(());
            }
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::Io(io::Error::new(ErrorKind::TimedOut, "it does not answer in time")),
        };
        if !may_pass(&error) || Instant::now() >= give_up {
            return Err(error.into());
        }
        sleep(RETRY_PAUSE).await;
    }
}

/// Whether a database that is being started says this.
fn may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => {
            matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset)
        }
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code == CANNOT_CONNECT_NOW),
        _ => false,
    }
}
