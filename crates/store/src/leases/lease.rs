//! Leases: each lane is worked by one holder at a time, and a holder that lost its lease cannot write.

use crate::Store;
use crate::db::{Sql, reading, writing};
use crate::error::StoreError;
use crate::row::row;
use simgauge_domain::time::UnixMs;

/// The right to work a lane. Its epoch fences every write: a later holder has a higher one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The operator account.
    pub lane: String,
    /// Grows with each change of holder.
    pub epoch: i64,
}

/// What a lease's taker finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nobody ever held the lane.
    Nobody,
    /// Its last holder gave it back, with these last words.
    GivenBack(String),
    /// Its last holder let it run out, or it was seized: what that node did last is not known.
    Lost,
}

row! {
    /// A lane as last reported.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LaneRow {
        /// The operator account.
        pub name: String,
        /// Who works it.
        pub holder: String,
        /// Grows with each change of holder.
        pub epoch: i64,
        /// Until when, in Unix milliseconds.
        pub lease_until: i64,
        /// What the holder last said of it, as JSON.
        pub status: String,
    }
}

pub(crate) const FENCE: Sql = Sql {
    sqlite: "SELECT epoch FROM lane WHERE name = $1 AND epoch = $2",
    postgres: "SELECT epoch FROM lane WHERE name = $1 AND epoch = $2 FOR SHARE",
};

/// Fails the transaction unless the lease still holds.
macro_rules! fence {
    ($tx:expr, $sql:expr, $lease:expr) => {{
        let held: Option<i64> = sqlx::query_scalar($sql($crate::lane::FENCE))
            .bind(&$lease.lane)
            .bind($lease.epoch)
            .fetch_optional(&mut *$tx)
            .await?;
        if held.is_none() {
            return Err($crate::error::StoreError::LeaseLost($lease.lane.clone()));
        }
    }};
}
pub(crate) use fence;

impl Store {
    /// Takes the lease of a lane until `until`, if nobody holds it at `now`. With `seize`, also from a holder whose time is
    /// not up: only for an embedded store whose one server process is known to be this one.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn lease(
        &self,
        lane: &str,
        holder: &str,
        now: UnixMs,
        until: UnixMs,
        seize: bool,
    ) -> Result<Option<(Lease, Before)>, StoreError> {
        let create = Sql::both(
            "INSERT INTO lane (name, holder, epoch, lease_until, status) VALUES ($1, '', 0, 0, '') \
             ON CONFLICT (name) DO NOTHING",
        );
        let look = Sql {
            sqlite: "SELECT name, holder, epoch, lease_until, status FROM lane WHERE name = $1",
            postgres: "SELECT name, holder, epoch, lease_until, status FROM lane WHERE name = $1 FOR UPDATE",
        };
        let take = Sql::both(
            "UPDATE lane SET holder = $2, epoch = epoch + 1, lease_until = $3, status = '{}' WHERE name = $1 \
             RETURNING epoch",
        );
        writing!(self, |tx, sql| {
            sqlx::query(sql(create)).bind(lane).execute(&mut *tx).await?;
            let row: LaneRow = sqlx::query_as(sql(look)).bind(lane).fetch_one(&mut *tx).await?;
            if row.lease_until > now.0 && !seize {
                return Ok(None);
            }
            let epoch: i64 = sqlx::query_scalar(sql(take))
                .bind(lane)
                .bind(holder)
                .bind(until.0)
                .fetch_one(&mut *tx)
                .await?;
            let before = match row {
                LaneRow { epoch: 0, .. } => Before::Nobody,
                LaneRow { lease_until: 0, status, .. } => Before::GivenBack(status),
                LaneRow { .. } => Before::Lost,
            };
            Ok(Some((Lease { lane: lane.to_owned(), epoch }, before)))
        })
    }

    /// Extends a lease and says how the lane is.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or the database cannot be reached.
    pub async fn renew(&self, lease: &Lease, until: UnixMs, status: &str) -> Result<(), StoreError> {
        let renew = Sql::both("UPDATE lane SET lease_until = $3, status = $4 WHERE name = $1 AND epoch = $2");
        writing!(self, |tx, sql| {
            let done = sqlx::query(sql(renew))
                .bind(&lease.lane)
                .bind(lease.epoch)
                .bind(until.0)
                .bind(status)
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::LeaseLost(lease.lane.clone()));
            }
        });
        Ok(())
    }

    /// Gives a lease back, so that another node can take it at once, with a last word for it; no error where it was lost
    /// already.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn release(&self, lease: &Lease, status: &str) -> Result<(), StoreError> {
        let release =
            Sql::both("UPDATE lane SET lease_until = 0, status = $3 WHERE name = $1 AND epoch = $2");
        writing!(self, |tx, sql| {
            sqlx::query(sql(release))
                .bind(&lease.lane)
                .bind(lease.epoch)
                .bind(status)
                .execute(&mut *tx)
                .await?;
        });
        Ok(())
    }

    /// Every operator account's lane as last reported, by name; not those that the house uses for itself (`~...`).
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn lanes(&self) -> Result<Vec<LaneRow>, StoreError> {
        let select = Sql::both(
            "SELECT name, holder, epoch, lease_until, status FROM lane WHERE name NOT LIKE '~%' ORDER BY name",
        );
        reading!(self, |pool, sql| Ok(sqlx::query_as(sql(select)).fetch_all(pool).await?))
    }
}
