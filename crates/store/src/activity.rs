//! How much happened each minute: counted in memory by each node and added here every few seconds, so that nobody has to
//! count refreshes.

use crate::Store;
use crate::db::{Sql, from_db, reading, to_db, writing};
use crate::error::StoreError;
use simgauge_domain::time::UnixMs;

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

/// What happened in a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Refreshes accepted.
    pub accepted: u64,
    /// Refreshes that ended well.
    pub succeeded: u64,
    /// Refreshes that failed.
    pub failed: u64,
}

impl Pulse {
    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            accepted: self.accepted.saturating_add(other.accepted),
            succeeded: self.succeeded.saturating_add(other.succeeded),
            failed: self.failed.saturating_add(other.failed),
        }
    }
}

impl Store {
    /// Adds what a node did to the minute of `now`.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn add_pulse(&self, node: &str, done: Pulse, now: UnixMs) -> Result<(), StoreError> {
        let add = Sql::both(
            "INSERT INTO pulse (minute, node, accepted, succeeded, failed) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (minute, node) DO UPDATE SET accepted = pulse.accepted + excluded.accepted, \
             succeeded = pulse.succeeded + excluded.succeeded, failed = pulse.failed + excluded.failed",
        );
        writing!(self, |tx, sql| {
            sqlx::query(sql(add))
                .bind(now.0.div_euclid(MINUTE_MS))
                .bind(node)
                .bind(to_db(done.accepted))
                .bind(to_db(done.succeeded))
                .bind(to_db(done.failed))
                .execute(&mut *tx)
                .await?;
        });
        Ok(())
    }

    /// What all nodes did in each minute (its first instant) from `from` on, oldest first; minutes in which nothing happened
    /// are left out.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn pulse_since(&self, from: UnixMs) -> Result<Vec<(UnixMs, Pulse)>, StoreError> {
        let select = Sql::both(
            "SELECT minute, CAST(sum(accepted) AS BIGINT), CAST(sum(succeeded) AS BIGINT), CAST(sum(failed) AS BIGINT) \
             FROM pulse WHERE minute >= $1 GROUP BY minute ORDER BY minute",
        );
        let found: Vec<(i64, i64, i64, i64)> = reading!(self, |pool, sql| {
            sqlx::query_as(sql(select)).bind(from.0.div_euclid(MINUTE_MS)).fetch_all(pool).await?
        });
        Ok(found
            .into_iter()
            .map(|(minute, accepted, succeeded, failed)| {
                let pulse = Pulse {
                    accepted: from_db(accepted),
                    succeeded: from_db(succeeded),
                    failed: from_db(failed),
                };
                (UnixMs(minute.saturating_mul(MINUTE_MS)), pulse)
            })
            .collect())
    }

    /// Forgets the minutes before `before`.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn forget_pulse(&self, before: UnixMs) -> Result<(), StoreError> {
        let delete = Sql::both("DELETE FROM pulse WHERE minute < $1");
        writing!(self, |tx, sql| {
            sqlx::query(sql(delete)).bind(before.0.div_euclid(MINUTE_MS)).execute(&mut *tx).await?;
        });
        Ok(())
    }
}
