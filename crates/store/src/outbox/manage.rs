//! The outbox as people look at it: listing, replaying, and forgetting what is long over.

use super::delivery::{LOCK_CARDS, MOVE_UP};
use crate::Store;
use crate::audit::audit;
use crate::db::{Sql, bulk, reading, rows, writing};
use crate::error::StoreError;
use crate::lane::{Lease, fence};
use crate::row::row;
use serde::Serialize;
use simgauge_domain::time::UnixMs;

/// Notifications replayed in one transaction.
const CHUNK: i64 = 500;
/// Notifications forgotten in one transaction.
const FORGET_CHUNK: i64 = 2000;

/// Where a notification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationState {
    /// It has to be delivered.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// It was given up; it can be replayed.
    Dead,
}

impl NotificationState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Dead];

    /// The name in the store and for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A notification as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationView {
    /// Its place in the order of all.
    pub seq: i64,
    /// Its id, which is the receiver's `eventId`.
    pub id: String,
    /// Who is told.
    pub account: String,
    /// The card's number.
    pub card: String,
    /// What happened.
    pub event: String,
    /// A flat JSON object.
    pub body: String,
    /// When it was written.
    pub created_at: UnixMs,
    /// Attempts since it was written or last replayed.
    pub attempts: u32,
    /// When it is tried next; none where it has ended, or an older one of its card holds it back.
    pub next_at: Option<UnixMs>,
    /// Where it stands.
    pub state: NotificationState,
    /// Why the last attempt that failed did.
    pub last_error: Option<String>,
    /// When it was delivered or given up.
    pub ended_at: Option<UnixMs>,
}

row! {
    struct ViewRow {
        seq: i64,
        id: String,
        account: String,
        card: String,
        event: String,
        body: String,
        created_at: i64,
        attempts: i64,
        next_at: Option<i64>,
        state: String,
        last_error: Option<String>,
        ended_at: Option<i64>,
    }
}

impl ViewRow {
    fn view(self) -> Result<NotificationView, StoreError> {
        let state = NotificationState::parse(&self.state).ok_or_else(|| {
            StoreError::Corrupt(format!("state {:?} of notification {}", self.state, self.id))
        })?;
        Ok(NotificationView {
            seq: self.seq,
            id: self.id,
            account: self.account,
            card: self.card,
            event: self.event,
            body: self.body,
            created_at: UnixMs(self.created_at),
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
            next_at: self.next_at.map(UnixMs),
            state,
            last_error: self.last_error,
            ended_at: self.ended_at.map(UnixMs),
        })
    }
}

row! {
    #[derive(Serialize)]
    struct ReplayRow {
        seq: i64,
        account: String,
        card: String,
    }
}

const REPLAY: Sql = bulk!(
    "UPDATE notification SET state = 'waiting', waiting_since = $2, attempts = 0, next_at = $2, ended_at = NULL FROM ",
    [seq bigint],
    " AS wanted WHERE notification.seq = wanted.seq"
);

impl Store {
    /// Notifications, newest first; of one account, or in one state, where asked.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn notifications(
        &self,
        account: Option<&str>,
        state: Option<NotificationState>,
        limit: i64,
    ) -> Result<Vec<NotificationView>, StoreError> {
        let select = Sql::both(
            "SELECT seq, id, account, card, event, body, created_at, attempts, next_at, state, last_error, ended_at \
             FROM notification WHERE ($1 = '' OR account = $1) AND ($2 = '' OR state = $2) \
             ORDER BY seq DESC LIMIT $3",
        );
        let found: Vec<ViewRow> = reading!(self, |pool, sql| {
            sqlx::query_as(sql(select))
                .bind(account.unwrap_or_default())
                .bind(state.map_or("", NotificationState::as_str))
                .bind(limit)
                .fetch_all(pool)
                .await?
        });
        found.into_iter().map(ViewRow::view).collect()
    }

    /// Notifications before the place `before` (all where there is none), newest first: at most `limit` of at most `look_at`
    /// that are looked at; and the place before which the list goes on, nothing at its end.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn notifications_before(
        &self,
        before: Option<i64>,
        account: &str,
        state: Option<NotificationState>,
        limit: i64,
        look_at: i64,
    ) -> Result<(Vec<NotificationView>, Option<i64>), StoreError> {
        let select = Sql::both(
            "SELECT seq, id, account, card, event, body, created_at, attempts, next_at, state, last_error, ended_at FROM \
             (SELECT * FROM notification WHERE seq < $1 ORDER BY seq DESC LIMIT $2) AS recent \
             WHERE ($3 = '' OR account = $3) AND ($4 = '' OR state = $4) ORDER BY seq DESC LIMIT $5",
        );
        let last = Sql::both(
            "SELECT count(*), min(seq) FROM (SELECT seq FROM notification WHERE seq < $1 ORDER BY seq DESC LIMIT $2) AS recent",
        );
        let before = before.unwrap_or(i64::MAX);
        let (found, (looked, oldest)): (Vec<ViewRow>, (i64, Option<i64>)) = reading!(self, |pool, sql| {
            let found = sqlx::query_as(sql(select))
                .bind(before)
                .bind(look_at)
                .bind(account)
                .bind(state.map_or("", NotificationState::as_str))
                .bind(limit)
                .fetch_all(pool)
                .await?;
            (found, sqlx::query_as(sql(last)).bind(before).bind(look_at).fetch_one(pool).await?)
        });
        let full = i64::try_from(found.len()).is_ok_and(|count| count == limit);
        let next = match found.last() {
            Some(last) if full => Some(last.seq),
            _ => oldest.filter(|_| looked == look_at),
        };
        Ok((found.into_iter().map(ViewRow::view).collect::<Result<_, _>>()?, next))
    }

    /// How many notifications are dead; counts no further than `most`.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn count_dead_notifications(&self, most: i64) -> Result<u64, StoreError> {
        let count = Sql::both(
            "SELECT count(*) FROM (SELECT 1 AS one FROM notification WHERE state = 'dead' AND ended_at IS NOT NULL LIMIT $1) AS dead",
        );
        let dead: i64 =
            reading!(self, |pool, sql| sqlx::query_scalar(sql(count)).bind(most).fetch_one(pool).await?);
        Ok(u64::try_from(dead).unwrap_or(0))
    }

    /// Lets a notification be delivered (again), with the time of a new one before it is given up. One that waits is tried
    /// at once.
    ///
    /// # Errors
    /// No such notification, or the database cannot be reached.
    pub async fn replay_notification(&self, id: &str, now: UnixMs) -> Result<(), StoreError> {
        let select = Sql::both("SELECT seq, account, card FROM notification WHERE id = $1");
        writing!(self, |tx, sql| {
            let found: Option<ReplayRow> =
                sqlx::query_as(sql(select)).bind(id).fetch_optional(&mut *tx).await?;
            let Some(row) = found else {
                return Err(StoreError::Missing(format!("notification {id}")));
            };
            let touched = rows(&[row])?;
            sqlx::query(sql(LOCK_CARDS)).bind(&touched).fetch_all(&mut *tx).await?;
            sqlx::query(sql(REPLAY)).bind(&touched).bind(now.0).execute(&mut *tx).await?;
            sqlx::query(sql(MOVE_UP)).bind(&touched).bind(now.0).execute(&mut *tx).await?;
            audit!(self.actor, tx, sql, "notification.replay", id, "");
        });
        Ok(())
    }

    /// Lets every dead notification, or an account's, be delivered again; answers how many there were.
    ///
    /// # Errors
    /// The database cannot be reached; what was done until then stays done.
    pub async fn replay_dead(&self, account: Option<&str>, now: UnixMs) -> Result<u64, StoreError> {
        let select = Sql::both(
            "SELECT seq, account, card FROM notification WHERE state = 'dead' AND ($1 = '' OR account = $1) \
             AND seq > $2 ORDER BY seq LIMIT $3",
        );
        let mut after = 0_i64;
        let mut count = 0;
        loop {
            let found: Vec<ReplayRow> = reading!(self, |pool, sql| {
                sqlx::query_as(sql(select))
                    .bind(account.unwrap_or_default())
                    .bind(after)
                    .bind(CHUNK)
                    .fetch_all(pool)
                    .await?
            });
            let Some(last) = found.last() else { return Ok(count) };
            after = last.seq;
            let touched = rows(&found)?;
            writing!(self, |tx, sql| {
                sqlx::query(sql(LOCK_CARDS)).bind(&touched).fetch_all(&mut *tx).await?;
                sqlx::query(sql(REPLAY)).bind(&touched).bind(now.0).execute(&mut *tx).await?;
                sqlx::query(sql(MOVE_UP)).bind(&touched).bind(now.0).execute(&mut *tx).await?;
                let detail = format!("dead={}", found.len());
                audit!(self.actor, tx, sql, "notification.replay", account.unwrap_or("all accounts"), detail);
            });
            count += u64::try_from(found.len()).unwrap_or(0);
        }
    }

    /// Forgets notifications in a state that ended before `before`, some at a time; answers whether there may be more.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or the database cannot be reached.
    pub async fn forget_notifications(
        &self,
        lease: &Lease,
        state: NotificationState,
        before: UnixMs,
    ) -> Result<bool, StoreError> {
        let delete = Sql::both(
            "DELETE FROM notification WHERE seq IN (SELECT seq FROM notification \
             WHERE state = $1 AND ended_at IS NOT NULL AND ended_at < $2 LIMIT $3)",
        );
        writing!(self, |tx, sql| {
            fence!(tx, sql, lease);
            let done = sqlx::query(sql(delete))
                .bind(state.as_str())
                .bind(before.0)
                .bind(FORGET_CHUNK)
                .execute(&mut *tx)
                .await?;
            Ok(done.rows_affected() == u64::try_from(FORGET_CHUNK).unwrap_or(0))
        })
    }
}
