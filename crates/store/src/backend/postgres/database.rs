//! A pool of connections to one PostgreSQL database.

use crate::backend::limit::READ_LIMIT;
use crate::error::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{PgPool, Postgres, Transaction};
use std::str::FromStr;
use std::time::Duration;

/// A write transaction. One that is dropped is rolled back.
pub(crate) type PostgresTx = Transaction<'static, Postgres>;

/// A connection for several reads.
pub(crate) type PostgresReader = PoolConnection<Postgres>;

/// Longest wait for a connection.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long PostgreSQL lets a transaction wait for its next statement: ours never wait for anything but the
/// network. Less than a lease, so that the lock of a lease is free when the lease is.
const IDLE_TRANSACTION_MS: &str = "5000";
/// A write transaction has no limit for its statements, a read has [`READ_LIMIT`].
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 0";
const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Our joins are of some rows with their like by key. Without statistics that are up to date (a table just
/// filled), PostgreSQL would rather read whole tables into hashes.
const BY_KEY: [(&str, &str); 2] = [("enable_hashjoin", "off"), ("enable_mergejoin", "off")];

#[derive(Clone, Debug)]
pub(crate) struct PostgresDatabase {
    pool: PgPool,
}

impl PostgresDatabase {
    pub(crate) async fn connect(url: &str, connections: u32) -> Result<Self, StoreError> {
        Self::connect_with_limit(url, connections, READ_LIMIT).await
    }

    async fn connect_with_limit(url: &str, connections: u32, limit: Duration) -> Result<Self, StoreError> {
        // A node that is frozen or cut off in the middle of a transaction must not keep its locks: the others
        // would wait for it as long as it lasts.
        let options = PgConnectOptions::from_str(url)?
            .application_name("simgauge")
            .options([("idle_in_transaction_session_timeout", IDLE_TRANSACTION_MS)])
            .options([("statement_timeout", limit.as_millis().to_string())])
            .options(BY_KEY);
        let pool = PgPoolOptions::new()
            .max_connections(connections.max(2))
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_with(options)
            .await?;
        Ok(Self { pool })
    }

    pub(crate) async fn write(&self) -> Result<PostgresTx, StoreError> {
        Ok(self.pool.begin_with(BEGIN).await?)
    }

    /// Reads that are all of one moment.
    pub(crate) async fn snapshot(&self) -> Result<PostgresTx, StoreError> {
        Ok(self.pool.begin_with(BEGIN_SNAPSHOT).await?)
    }

    pub(crate) async fn read(&self) -> Result<PostgresReader, StoreError> {
        Ok(self.pool.acquire().await?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::sql::Sql;
    use crate::backend::tx::Tx as _;

    const SLEEP: Sql = Sql::postgres("SELECT CAST(1 AS BIGINT) FROM pg_sleep(0.2)");

    #[tokio::test]
    async fn a_read_that_takes_too_long_is_stopped_and_a_write_is_not() {
        let url = std::env::var("SIMGAUGE_TEST_POSTGRES").expect("run with scripts/with-postgres");
        let limit = Duration::from_millis(20);
        let database = PostgresDatabase::connect_with_limit(&url, 2, limit).await.expect("connects");
        let stopped = database.snapshot().await.expect("begins").one::<i64>(SLEEP, &[]).await;
        assert!(matches!(stopped, Err(StoreError::TookTooLong)), "{stopped:?}");
        let stopped = database.read().await.expect("a connection").one::<i64>(SLEEP, &[]).await;
        assert!(matches!(stopped, Err(StoreError::TookTooLong)), "{stopped:?}");
        let mut tx = database.write().await.expect("begins");
        assert_eq!(tx.one::<i64>(SLEEP, &[]).await.expect("as long as it takes"), Some(1));
    }
}
