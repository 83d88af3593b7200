//! A pool of connections to one PostgreSQL database.

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
/// Our joins are of some rows with their like by key. Without statistics that are up to date (a table just
/// filled), PostgreSQL would rather read whole tables into hashes.
const BY_KEY: [(&str, &str); 2] = [("enable_hashjoin", "off"), ("enable_mergejoin", "off")];

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
        let pool = PgPoolOptions::new()
            .max_connections(connections.max(2))
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_with(options)
            .await?;
        Ok(Self { pool })
    }

    pub(crate) async fn write(&self) -> Result<PostgresTx, StoreError> {
        Ok(self.pool.begin().await?)
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
