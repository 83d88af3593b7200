//! Lanes that somebody paused: kept here, so that a pause holds over all nodes and restarts.

use crate::Store;
use crate::audit::audit;
use crate::db::{Sql, reading, writing};
use crate::error::StoreError;
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

impl Store {
    /// Pauses a lane; one that is paused stays so, by whom and why it was.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn pause_lane(&self, lane: &str, by: &str, note: &str, now: UnixMs) -> Result<(), StoreError> {
        let insert = Sql::both(
            "INSERT INTO lane_pause (lane, paused_by, paused_at, note) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (lane) DO NOTHING",
        );
        writing!(self, |tx, sql| {
            sqlx::query(sql(insert)).bind(lane).bind(by).bind(now.0).bind(note).execute(&mut *tx).await?;
            audit!(self.actor, tx, sql, "lane.pause", lane, note);
        });
        Ok(())
    }

    /// Lets a lane go on; no error where it is not paused.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn resume_lane(&self, lane: &str) -> Result<(), StoreError> {
        let delete = Sql::both("DELETE FROM lane_pause WHERE lane = $1");
        writing!(self, |tx, sql| {
            sqlx::query(sql(delete)).bind(lane).execute(&mut *tx).await?;
            audit!(self.actor, tx, sql, "lane.resume", lane, "");
        });
        Ok(())
    }

    /// Whether a lane is paused.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn is_lane_paused(&self, lane: &str) -> Result<bool, StoreError> {
        let select = Sql::both("SELECT lane FROM lane_pause WHERE lane = $1");
        let found: Option<String> = reading!(self, |pool, sql| sqlx::query_scalar(sql(select))
            .bind(lane)
            .fetch_optional(pool)
            .await?);
        Ok(found.is_some())
    }

    /// Every paused lane.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn lane_pauses(&self) -> Result<Vec<LanePause>, StoreError> {
        let select = Sql::both("SELECT lane, paused_by, paused_at, note FROM lane_pause ORDER BY lane");
        let found: Vec<(String, String, i64, String)> =
            reading!(self, |pool, sql| sqlx::query_as(sql(select)).fetch_all(pool).await?);
        Ok(found
            .into_iter()
            .map(|(lane, by, at, note)| LanePause { lane, by, at: UnixMs(at), note })
            .collect())
    }
}
