//! The waiting readings of a lane. Only the holder of the lane's lease takes from them.

use crate::Store;
use crate::db::{Sql, reading};
use crate::error::StoreError;
use crate::row::row;
use serde::Serialize;
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::UnixMs;

/// Names a task within its lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TaskKey {
    /// Whose card.
    pub account: String,
    /// The refresh that made it.
    #[serde(serialize_with = "id_text")]
    pub refresh: RefreshId,
    /// The profile to read.
    pub iccid: String,
}

fn id_text<S: serde::Serializer>(id: &RefreshId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.as_str())
}

/// A waiting reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its name.
    pub key: TaskKey,
    /// The card's number.
    pub card: String,
    /// Where the card is a cloud eSIM, its EID.
    pub eid: Option<String>,
    /// Attempts so far.
    pub attempts: u32,
    /// When the first began.
    pub first_attempt_at: Option<UnixMs>,
    /// Not to be tried earlier.
    pub not_before: UnixMs,
    /// When the last believed reading of the profile began.
    pub last_read_at: Option<UnixMs>,
}

/// What of an account waits in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Tasks.
    pub count: u64,
    /// When the refresh of the oldest was accepted.
    pub since: Option<UnixMs>,
}

/// A task that is put off.
#[derive(Clone, Debug, Serialize)]
pub struct Postponed {
    /// Its name.
    #[serde(flatten)]
    pub key: TaskKey,
    /// Attempts so far.
    pub attempts: u32,
    /// When the first began.
    pub first_attempt_at: UnixMs,
    /// Not to be tried earlier.
    pub not_before: UnixMs,
}

row! {
    struct TaskRow {
        refresh: String,
        iccid: String,
        card: String,
        kind: String,
        attempts: i64,
        first_attempt_at: Option<i64>,
        not_before: i64,
        last_read_at: Option<i64>,
    }
}

impl Store {
    /// The accounts with work waiting in a lane. Jumps from account to account in the key, so the length of their queues
    /// does not matter.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn waiting_accounts(&self, lane: &str) -> Result<Vec<String>, StoreError> {
        let jump = Sql::both(
            "WITH RECURSIVE hop (account) AS ( \
                 SELECT (SELECT min(account) FROM task WHERE lane = $1) \
                 UNION ALL \
                 SELECT (SELECT min(account) FROM task WHERE lane = $1 AND account > hop.account) FROM hop \
                 WHERE hop.account IS NOT NULL \
             ) SELECT account FROM hop WHERE account IS NOT NULL",
        );
        reading!(self, |pool, sql| Ok(sqlx::query_scalar(sql(jump)).bind(lane).fetch_all(pool).await?))
    }

    /// How many tasks of an account wait in a lane, and since when the oldest does; counts no further than `most`.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn count_waiting(&self, lane: &str, account: &str, most: i64) -> Result<Waiting, StoreError> {
        // In the order of the key, so that the oldest is among those that are counted.
        let count = Sql::both(
            "SELECT count(*), min(refresh) FROM (SELECT refresh FROM task WHERE lane = $1 AND account = $2 \
             ORDER BY refresh LIMIT $3) AS waiting",
        );
        reading!(self, |pool, sql| {
            let (waiting, oldest): (i64, Option<String>) =
                sqlx::query_as(sql(count)).bind(lane).bind(account).bind(most).fetch_one(pool).await?;
            let since = oldest.map(|id| RefreshId::trusted(id).made_at());
            Ok(Waiting { count: u64::try_from(waiting).unwrap_or(0), since })
        })
    }

    /// The next tasks of an account in a lane, oldest first, after `after`.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn tasks_after(
        &self,
        lane: &str,
        account: &str,
        after: Option<&TaskKey>,
        limit: i64,
    ) -> Result<Vec<Task>, StoreError> {
        let select = Sql::both(
            "SELECT task.refresh, task.iccid, task.card, card.kind, task.attempts, task.first_attempt_at, \
             task.not_before, profile.began_at AS last_read_at \
             FROM task JOIN card ON card.number = task.card \
             LEFT JOIN profile ON profile.card = task.card AND profile.iccid = task.iccid \
             WHERE task.lane = $1 AND task.account = $2 AND (task.refresh, task.iccid) > ($3, $4) \
             ORDER BY task.refresh, task.iccid LIMIT $5",
        );
        let (refresh, iccid) = after.map_or(("", ""), |key| (key.refresh.as_str(), key.iccid.as_str()));
        let found: Vec<TaskRow> = reading!(self, |pool, sql| {
            sqlx::query_as(sql(select))
                .bind(lane)
                .bind(account)
                .bind(refresh)
                .bind(iccid)
                .bind(limit)
                .fetch_all(pool)
                .await?
        });
        Ok(found
            .into_iter()
            .map(|row| Task {
                eid: (row.kind == simgauge_domain::card_kind::CardKind::CloudEsim.as_str())
                    .then(|| row.card.clone()),
                key: TaskKey {
                    account: account.to_owned(),
                    refresh: RefreshId::trusted(row.refresh),
                    iccid: row.iccid,
                },
                card: row.card,
                attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
                first_attempt_at: row.first_attempt_at.map(UnixMs),
                not_before: UnixMs(row.not_before),
                last_read_at: row.last_read_at.map(UnixMs),
            })
            .collect())
    }
}
