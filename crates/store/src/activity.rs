//! Counts per minute. Each node counts in memory and adds here every few seconds, so that nobody has to count
//! refreshes.

use crate::backend::{Sql, from_db, to_db};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::time::UnixMs;

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

/// What happened in a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Refreshes accepted.
    pub accepted: u64,
    /// Refreshes that ended well.
    pub succeeded: u64,
    /// Refreshes that failed.
    pub failed: u64,
}

impl Activity {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

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
    pub async fn add_activity(&self, node: &str, done: Activity, now: UnixMs) -> Result<(), StoreError> {
        let add = Sql::both(
            "INSERT INTO activity (minute, node, accepted, succeeded, failed) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (minute, node) DO UPDATE SET accepted = activity.accepted + excluded.accepted, \
             succeeded = activity.succeeded + excluded.succeeded, failed = activity.failed + excluded.failed",
        );
        let counts = [to_db(done.accepted)?, to_db(done.succeeded)?, to_db(done.failed)?];
        let [accepted, succeeded, failed] = counts.map(Into::into);
        let minute = now.0.div_euclid(MINUTE_MS).into();
        self.db.run(add, &[minute, node.into(), accepted, succeeded, failed]).await?;
        Ok(())
    }

    /// What all nodes did in each minute (its first instant) from `from` on, oldest first; minutes in which
    /// nothing happened are left out.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn activity_since(&self, from: UnixMs) -> Result<Vec<(UnixMs, Activity)>, StoreError> {
        let select = Sql::both(
            "SELECT minute, CAST(sum(accepted) AS BIGINT), CAST(sum(succeeded) AS BIGINT), \
             CAST(sum(failed) AS BIGINT) \
             FROM activity WHERE minute >= $1 GROUP BY minute ORDER BY minute",
        );
        let found: Vec<(i64, i64, i64, i64)> =
            self.db.all(select, &[from.0.div_euclid(MINUTE_MS).into()]).await?;
        let of_minute = |(minute, accepted, succeeded, failed): (i64, i64, i64, i64)| {
            let count = |count, name| from_db(count, format_args!("{name} of activity in minute {minute}"));
            let activity = Activity {
                accepted: count(accepted, "accepted")?,
                succeeded: count(succeeded, "succeeded")?,
                failed: count(failed, "failed")?,
            };
            Ok((UnixMs(minute.saturating_mul(MINUTE_MS)), activity))
        };
        found.into_iter().map(of_minute).collect()
    }

    /// Forgets the minutes before `before`.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn forget_activity(&self, before: UnixMs) -> Result<(), StoreError> {
        let delete = Sql::both("DELETE FROM activity WHERE minute < $1");
        self.db.run(delete, &[before.0.div_euclid(MINUTE_MS).into()]).await?;
        Ok(())
    }
}
