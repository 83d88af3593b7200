//! The outbox as its deliverer sees it. Only the holder of the delivery lane's lease writes here.

use crate::Store;
use crate::db::{Sql, bulk, reading, rows, writing};
use crate::error::StoreError;
use crate::lane::{Lease, fence};
use crate::row::row;
use serde::Serialize;
use simgauge_domain::time::UnixMs;

/// The lane of deliveries: no operator account can have this name.
pub const DELIVERY_LANE: &str = "~notify";

/// A notification that may be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueNotification {
    /// Its id.
    pub id: String,
    /// The card's number.
    pub card: String,
    /// A flat JSON object.
    pub body: String,
    /// When it was written, or last replayed.
    pub waiting_since: UnixMs,
    /// Attempts so far.
    pub attempts: u32,
}

row! {
    /// Where an account's notifications go.
    #[derive(Clone, PartialEq, Eq)]
    pub struct Receiver {
        /// The address; none where the account is not to be told any more.
        pub url: Option<String>,
        /// The account's language.
        pub language: String,
        /// The app whose secret signs; none where it is disabled or gone.
        pub appkey: Option<String>,
        /// The app's secret, sealed.
        pub secret: Option<Vec<u8>>,
        /// How the app signs.
        pub sign_type: Option<String>,
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").field("appkey", &self.appkey).finish_non_exhaustive()
    }
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it.
    Delivered,
    /// It did not, and is asked again.
    Failed {
        /// Why, in a sentence without secrets.
        error: String,
        /// When it is asked again.
        next_at: UnixMs,
    },
    /// It did not, and is not asked again.
    Dead {
        /// Why, in a sentence without secrets.
        error: String,
    },
}

/// An attempt to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The notification.
    pub id: String,
    /// Who is told.
    pub account: String,
    /// The card's number.
    pub card: String,
    /// How often it was tried: 0 where it is given up untried.
    pub tries: u32,
    /// What became of it.
    pub outcome: Outcome,
}

row! {
    struct DueRow {
        id: String,
        card: String,
        body: String,
        waiting_since: i64,
        attempts: i64,
    }
}

impl DueRow {
    fn due(self) -> DueNotification {
        DueNotification {
            id: self.id,
            card: self.card,
            body: self.body,
            waiting_since: UnixMs(self.waiting_since),
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
        }
    }
}

/// Locks cards (by number, as everybody does), so that nobody else changes which of their notifications is the oldest.
pub(super) const LOCK_CARDS: Sql = Sql {
    // There is one writer at a time anyway.
    sqlite: "SELECT NULL WHERE $1 = ''",
    postgres: "SELECT number FROM card WHERE number IN \
               (SELECT card FROM json_to_recordset($1::json) AS touched(card text)) ORDER BY number FOR UPDATE",
};

/// Makes the oldest waiting notification of each of these cards, and no other, the one to be tried; at `$2` where it was
/// held back until now.
pub(super) const MOVE_UP: Sql = bulk!(
    "UPDATE notification SET next_at = CASE WHEN notification.seq = first.seq \
         THEN COALESCE(notification.next_at, $2) END \
     FROM (SELECT waiting.account, waiting.card, min(waiting.seq) AS seq FROM notification AS waiting JOIN ",
    [account text, card text],
    " AS touched ON waiting.account = touched.account AND waiting.card = touched.card \
      WHERE waiting.state = 'waiting' GROUP BY waiting.account, waiting.card) AS first \
     WHERE notification.account = first.account AND notification.card = first.card \
     AND notification.state = 'waiting' \
     AND (notification.next_at IS NOT NULL OR notification.seq = first.seq)"
);

impl Store {
    /// The accounts with notifications to be tried now. Jumps from account to account in the index.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn accounts_to_notify(&self, now: UnixMs) -> Result<Vec<String>, StoreError> {
        let jump = Sql::both(
            "WITH RECURSIVE hop (account) AS ( \
                 SELECT (SELECT min(account) FROM notification WHERE next_at IS NOT NULL) \
                 UNION ALL \
                 SELECT (SELECT min(account) FROM notification WHERE next_at IS NOT NULL AND account > hop.account) \
                 FROM hop WHERE hop.account IS NOT NULL \
             ) SELECT account FROM hop WHERE account IS NOT NULL AND EXISTS \
             (SELECT 1 FROM notification AS due WHERE due.account = hop.account AND due.next_at <= $1)",
        );
        reading!(self, |pool, sql| Ok(sqlx::query_scalar(sql(jump)).bind(now.0).fetch_all(pool).await?))
    }

    /// Notifications of an account to be tried now, one for each card, longest due first.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn due_notifications(
        &self,
        account: &str,
        now: UnixMs,
        limit: i64,
    ) -> Result<Vec<DueNotification>, StoreError> {
        let select = Sql::both(
            "SELECT id, card, body, waiting_since, attempts FROM notification \
             WHERE account = $1 AND next_at <= $2 ORDER BY next_at, seq LIMIT $3",
        );
        let found: Vec<DueRow> = reading!(self, |pool, sql| {
            sqlx::query_as(sql(select)).bind(account).bind(now.0).bind(limit).fetch_all(pool).await?
        });
        Ok(found.into_iter().map(DueRow::due).collect())
    }

    /// Notifications of an account that have waited since `since` or longer, tried or held back.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn overdue_notifications(
        &self,
        account: &str,
        since: UnixMs,
        limit: i64,
    ) -> Result<Vec<DueNotification>, StoreError> {
        let select = Sql::both(
            "SELECT id, card, body, waiting_since, attempts FROM notification \
             WHERE account = $1 AND state = 'waiting' AND waiting_since <= $2 LIMIT $3",
        );
        let found: Vec<DueRow> = reading!(self, |pool, sql| {
            sqlx::query_as(sql(select)).bind(account).bind(since.0).bind(limit).fetch_all(pool).await?
        });
        Ok(found.into_iter().map(DueRow::due).collect())
    }

    /// How many notifications wait to be delivered; counts no further than `most`.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn count_notifications_waiting(&self, most: i64) -> Result<u64, StoreError> {
        let count = Sql::both(
            "SELECT count(*) FROM (SELECT 1 AS one FROM notification WHERE state = 'waiting' LIMIT $1) AS waiting",
        );
        reading!(self, |pool, sql| {
            let waiting: i64 = sqlx::query_scalar(sql(count)).bind(most).fetch_one(pool).await?;
            Ok(u64::try_from(waiting).unwrap_or(0))
        })
    }

    /// Where an account's notifications go, and who signs: the app it named, else its oldest enabled one.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn receiver(&self, account: &str) -> Result<Option<Receiver>, StoreError> {
        let select = Sql::both(
            "SELECT account.notify_url AS url, account.language, app.appkey, app.secret, app.sign_type FROM account \
             LEFT JOIN app ON app.account = account.name AND app.disabled = 0 \
             AND (account.notify_app IS NULL OR app.appkey = account.notify_app) \
             WHERE account.name = $1 ORDER BY app.created_at, app.appkey LIMIT 1",
        );
        reading!(self, |pool, sql| {
            Ok(sqlx::query_as(sql(select)).bind(account).fetch_optional(pool).await?)
        })
    }

    /// Writes down what became of attempts, and moves up what they held back.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or the database cannot be reached; then nothing was written.
    pub async fn settle_notifications(
        &self,
        lease: &Lease,
        settled: &[Settled],
        now: UnixMs,
    ) -> Result<(), StoreError> {
        // What was delivered is delivered, whatever else was decided of it meanwhile.
        let update = bulk!(
            "UPDATE notification SET state = done.state, attempts = notification.attempts + done.tries, \
             next_at = done.next_at, last_error = COALESCE(done.error, notification.last_error), \
             ended_at = done.ended_at FROM ",
            [id text, state text, tries bigint, next_at bigint, error text, ended_at bigint],
            " AS done WHERE notification.id = done.id \
             AND (notification.state = 'waiting' OR done.state = 'delivered')"
        );
        let touched = rows(&settled.iter().map(|one| Row::of(one, now)).collect::<Vec<_>>())?;
        writing!(self, |tx, sql| {
            fence!(tx, sql, lease);
            sqlx::query(sql(LOCK_CARDS)).bind(&touched).fetch_all(&mut *tx).await?;
            sqlx::query(sql(update)).bind(&touched).execute(&mut *tx).await?;
            sqlx::query(sql(MOVE_UP)).bind(&touched).bind(now.0).execute(&mut *tx).await?;
        });
        Ok(())
    }
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    account: &'a str,
    card: &'a str,
    tries: u32,
    state: &'static str,
    error: Option<&'a str>,
    next_at: Option<i64>,
    ended_at: Option<i64>,
}

impl<'a> Row<'a> {
    fn of(one: &'a Settled, now: UnixMs) -> Self {
        let (state, error, next_at) = match &one.outcome {
            Outcome::Delivered => ("delivered", None, None),
            Outcome::Failed { error, next_at } => ("waiting", Some(error.as_str()), Some(next_at.0)),
            Outcome::Dead { error } => ("dead", Some(error.as_str()), None),
        };
        Self {
            id: &one.id,
            account: &one.account,
            card: &one.card,
            tries: one.tries,
            state,
            error,
            next_at,
            ended_at: next_at.is_none().then_some(now.0),
        }
    }
}
