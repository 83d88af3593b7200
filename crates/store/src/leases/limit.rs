//! Until when operators asked not to be called. Kept here, so that it holds over restarts and on whichever
//! node works the lane, and so that a person can clear it.

use super::lease::{Lease, fence};
use crate::backend::{Sql, Tx, row};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::time::UnixMs;

/// What holds a lane back, by people and by its operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneHold {
    /// Since when a person has paused it.
    pub paused_since: Option<UnixMs>,
    /// Until when its operator asked not to be called.
    pub limited_until: Option<UnixMs>,
    /// When a person last asked for its operator to be tried again.
    pub retry_asked_at: Option<UnixMs>,
}

row! {
    struct HoldRow {
        paused_at: Option<i64>,
        limited_until: Option<i64>,
        retry_at: Option<i64>,
    }
}

const HOLD: Sql = Sql::both(
    "SELECT (SELECT paused_at FROM lane_pause WHERE lane = $1) AS paused_at, \
     (SELECT limited_until FROM lane_limit WHERE lane = $1) AS limited_until, \
     (SELECT retry_at FROM lane_limit WHERE lane = $1) AS retry_at",
);
const LIMIT: Sql = Sql::both(
    "INSERT INTO lane_limit (lane, limited_until, retry_at) VALUES ($1, $2, 0) \
     ON CONFLICT (lane) DO UPDATE SET limited_until = excluded.limited_until",
);
const RETRY: Sql = Sql::both(
    "INSERT INTO lane_limit (lane, limited_until, retry_at) VALUES ($1, 0, $2) \
     ON CONFLICT (lane) DO UPDATE SET limited_until = 0, retry_at = excluded.retry_at",
);

impl Store {
    /// What holds a lane back.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn lane_hold(&self, lane: &str) -> Result<LaneHold, StoreError> {
        let found: Option<HoldRow> = self.db.one(HOLD, &[lane.into()]).await?;
        let Some(row) = found else { return Ok(LaneHold::default()) };
        let time = |at: Option<i64>| at.filter(|at| *at > 0).map(UnixMs);
        Ok(LaneHold {
            paused_since: row.paused_at.map(UnixMs),
            limited_until: time(row.limited_until),
            retry_asked_at: time(row.retry_at),
        })
    }

    /// Keeps until when the operator of a lane asked not to be called.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or the database cannot be reached.
    pub async fn limit_lane(&self, lease: &Lease, until: UnixMs) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        fence(&mut tx, lease).await?;
        tx.run(LIMIT, &[(&lease.name).into(), until.into()]).await?;
        tx.commit().await
    }

    /// Has the operator of a lane tried again at once, whatever it asked for and however often it failed.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn retry_lane(&self, lane: &str, now: UnixMs) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        tx.run(RETRY, &[lane.into(), now.into()]).await?;
        self.commit_audited(tx, "lane.retry", lane, "").await
    }
}
