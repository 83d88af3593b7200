//! A pool of connections to one PostgreSQL database.

use crate::backend::limit::READ_LIMIT;
use crate::backend::sql::Sql;
use crate::backend::tx::Tx as _;
use crate::error::{StoreError, is_older_than_refusal};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgPool, Postgres, Transaction};
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
/// A write transaction has no limit for its statements, a read has [`READ_LIMIT`]. The level is what our
/// locks are made for: with another default of the database, transactions beside each other would fail.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0";
const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Our joins are of some rows with their like by key. Without statistics that are up to date (a table just
/// filled), PostgreSQL would rather read whole tables into hashes.
const BY_KEY: &str = "SET enable_hashjoin = off; SET enable_mergejoin = off";

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
        Self::connect_with_limit(url, connections, READ_LIMIT).await
    }

    async fn connect_with_limit(url: &str, connections: u32, limit: Duration) -> Result<Self, StoreError> {
        // Nothing among the parameters of the start that a pooler does not know: it refuses them, or, where
        // it is told to, drops them.
        let options = PgConnectOptions::from_str(url)?.application_name("simgauge").extra_float_digits(None);
        reach(&options, BUSY_TIMEOUT).await?;
        let session = session(limit);
        let pool = PgPoolOptions::new()
            .max_connections(connections.max(2))
            .acquire_timeout(BUSY_TIMEOUT)
            .after_connect(move |connection, _| {
                let session = AssertSqlSafe(session.clone());
                Box::pin(async move { connection.execute(session).await.map(drop) })
            })
            .before_acquire(|_, connection| {
                let is_usable = !is_older_than_refusal(connection.age);
                Box::pin(async move { Ok(is_usable) })
            })
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    pub(crate) async fn write(&self) -> Result<PostgresTx, StoreError> {
        self.begin(BEGIN).await
    }

    /// Reads that are all of one moment.
    pub(crate) async fn snapshot(&self) -> Result<PostgresTx, StoreError> {
        self.begin(BEGIN_SNAPSHOT).await
    }

    async fn begin(&self, statement: &'static str) -> Result<PostgresTx, StoreError> {
        match self.pool.begin_with(statement).await {
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

/// What each connection is told first. A node that is frozen or cut off in the middle of a transaction must
/// not keep its locks: the others would wait for it as long as it lasts.
fn session(limit: Duration) -> String {
    format!(
        "SET idle_in_transaction_session_timeout = {IDLE_TRANSACTION_MS}; \
         SET statement_timeout = {}; {BY_KEY}",
        limit.as_millis()
    )
}

/// Connects once, and for so long again where the database does not listen yet or is starting.
///
/// # Errors
/// Why the database cannot be reached.
async fn reach(options: &PgConnectOptions, longest: Duration) -> Result<(), StoreError> {
    let give_up = Instant::now() + longest;
    loop {
        let error = match timeout(longest.max(ANSWER_TIMEOUT), PgConnection::connect_with(options)).await {
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

#[cfg(test)]
mod tests {
    use super::*;

    const SLEEP: Sql = Sql::postgres("SELECT CAST(1 AS BIGINT) FROM pg_sleep(0.2)");

    fn url() -> String {
        std::env::var("SIMGAUGE_TEST_POSTGRES").expect("run with scripts/with-postgres")
    }

    const LEVEL: Sql = Sql::postgres("SELECT current_setting('transaction_isolation')");

    #[tokio::test]
    async fn a_write_has_its_level_whatever_the_default_is() {
        let url = format!("{}?options=-c%20default_transaction_isolation%3Dserializable", url());
        let database = PostgresDatabase::connect(&url, 2).await.expect("connects");
        let level = database.write().await.expect("begins").one::<String>(LEVEL, &[]).await;
        assert_eq!(level.expect("read").as_deref(), Some("read committed"));
    }

    const LIMITS: Sql = Sql::postgres(
        "SELECT concat_ws(' ', current_setting('idle_in_transaction_session_timeout'), \
         current_setting('statement_timeout'), current_setting('enable_hashjoin'))",
    );

    /// A pooler refuses such parameters, or drops them.
    #[tokio::test]
    async fn a_connection_is_told_its_settings_by_statements() {
        let database = PostgresDatabase::connect(&url(), 2).await.expect("connects");
        assert_eq!(database.pool.connect_options().get_options(), None);
        let limits = database.read().await.expect("a connection").one::<String>(LIMITS, &[]).await;
        assert_eq!(limits.expect("read").as_deref(), Some("5s 5s off"));
    }

    const ONLY_READ: Sql = Sql::postgres("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY");
    const WRITE: Sql = Sql::postgres("CREATE TABLE written_and_rolled_back (n BIGINT)");

    /// As after a fail-over, where the connections of before still lead to the old server.
    #[tokio::test]
    async fn a_connection_to_a_server_that_takes_no_writes_is_given_up() {
        let database = PostgresDatabase::connect(&url(), 2).await.expect("connects");
        // All that there are.
        let (mut one, mut other) =
            (database.read().await.expect("one"), database.read().await.expect("other"));
        one.run(ONLY_READ, &[]).await.expect("set");
        other.run(ONLY_READ, &[]).await.expect("set");
        drop((one, other));
        let refused = database.write().await.expect("begins").run(WRITE, &[]).await.expect_err("refused");
        assert_eq!(refused.in_plain_words(), "the database is read-only");
        database.write().await.expect("begins").run(WRITE, &[]).await.expect("another connection");
    }

    #[tokio::test]
    async fn a_read_that_takes_too_long_is_stopped_and_a_write_is_not() {
        let limit = Duration::from_millis(20);
        let database = PostgresDatabase::connect_with_limit(&url(), 2, limit).await.expect("connects");
        let stopped = database.snapshot().await.expect("begins").one::<i64>(SLEEP, &[]).await;
        assert!(matches!(stopped, Err(StoreError::TookTooLong)), "{stopped:?}");
        let stopped = database.read().await.expect("a connection").one::<i64>(SLEEP, &[]).await;
        assert!(matches!(stopped, Err(StoreError::TookTooLong)), "{stopped:?}");
        let mut tx = database.write().await.expect("begins");
        assert_eq!(tx.one::<i64>(SLEEP, &[]).await.expect("as long as it takes"), Some(1));
    }
}
