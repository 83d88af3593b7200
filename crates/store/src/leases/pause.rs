//! Lanes that somebody paused: kept here, so that a pause holds over all nodes and restarts.

use crate::backend::{Sql, Tx, row};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::time::UnixMs;

/// A paused lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanePause {
    /// The operator account.
    pub lane: String,
    /// Who paused it.
    pub by: String,
    /// Since when.
    pub at: UnixMs,
    /// Why, in their words.
    pub note: String,
}

row! {
    struct PauseRow {
        lane: String,
        paused_by: String,
        paused_at: i64,
        note: String,
    }
}

const INSERT: Sql = Sql::both(
    "INSERT INTO lane_pause (lane, paused_by, paused_at, note) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (lane) DO NOTHING",
);
const DELETE: Sql = Sql::both("DELETE FROM lane_pause WHERE lane = $1");
const FIND: Sql = Sql::both("SELECT lane FROM lane_pause WHERE lane = $1");
const LIST: Sql = Sql::both("SELECT lane, paused_by, paused_at, note FROM lane_pause ORDER BY lane");

impl Store {
    /// Pauses a lane; one that is paused stays so, by whom and why it was.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn pause_lane(&self, lane: &str, by: &str, note: &str, now: UnixMs) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        let params = [lane.into(), by.into(), now.into(), note.into()];
        tx.run(INSERT, &params).await?;
        self.commit_audited(tx, "lane.pause", lane, note).await
    }

    /// Lets a lane go on; no error where it is not paused.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn resume_lane(&self, lane: &str) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        tx.run(DELETE, &[lane.into()]).await?;
        self.commit_audited(tx, "lane.resume", lane, "").await
    }

    /// Whether a lane is paused.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn is_lane_paused(&self, lane: &str) -> Result<bool, StoreError> {
        Ok(self.db.one::<String>(FIND, &[lane.into()]).await?.is_some())
    }

    /// Every paused lane.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn lane_pauses(&self) -> Result<Vec<LanePause>, StoreError> {
        let found: Vec<PauseRow> = self.db.all(LIST, &[]).await?;
        let pause = |row: PauseRow| LanePause {
            lane: row.lane,
            by: row.paused_by,
            at: UnixMs(row.paused_at),
            note: row.note,
        };
        Ok(found.into_iter().map(pause).collect())
    }
}
