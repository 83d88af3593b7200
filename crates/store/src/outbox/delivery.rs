//! The outbox as its deliverer sees it.

use crate::backend::{Sql, Tx as _, count_from_db, from_db, row};
use crate::error::StoreError;
use crate::leases::lease::{Lease, fence};
use crate::store::Store;
use simgauge_domain::ids::CardId;
use simgauge_domain::time::UnixMs;
use std::fmt;

/// A notification that may be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueNotification {
    pub id: String,
    pub card: CardId,
    /// The card's number.
    pub number: String,
    /// A flat JSON object.
    pub body: String,
    /// When it was written, or last replayed.
    pub waiting_since: UnixMs,
    /// Attempts so far.
    pub attempts: u32,
}

/// A waiting notification whose row is damaged.
#[derive(Debug)]
pub struct DamagedNotification {
    pub id: String,
    pub card: CardId,
    /// What is wrong.
    pub error: StoreError,
}

row! {
    /// Where an account's notifications go.
    #[derive(Clone, PartialEq, Eq)]
    pub struct Receiver {
        /// The address; none where the account is not notified any more.
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

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("appkey", &self.appkey).finish_non_exhaustive()
    }
}

row! {
    struct DueRow {
        id: String,
        card: i64,
        number: Option<String>,
        body: String,
        waiting_since: i64,
        attempts: i64,
    }
}

impl DueRow {
    fn due(self) -> Result<DueNotification, DamagedNotification> {
        let (id, card) = (self.id.clone(), CardId(self.card));
        self.sound().map_err(|error| DamagedNotification { id, card, error })
    }

    fn sound(self) -> Result<DueNotification, StoreError> {
        let number = self
            .number
            .ok_or_else(|| StoreError::Corrupt(format!("card {} of notification {}", self.card, self.id)))?;
        Ok(DueNotification {
            number,
            attempts: count_from_db(self.attempts, format_args!("attempts of notification {}", self.id))?,
            id: self.id,
            card: CardId(self.card),
            body: self.body,
            waiting_since: UnixMs(self.waiting_since),
        })
    }
}

macro_rules! select_due {
    ($rest:literal $(,)?) => {
        Sql::both(concat!(
            "SELECT notification.id, notification.card, card.number, body, waiting_since, attempts \
             FROM notification LEFT JOIN card ON card.id = notification.card \
             WHERE notification.account = $1 ",
            $rest
        ))
    };
}

/// A statement over the accounts that have something to try, sooner or later: `hop`, from account to account
/// in the index.
macro_rules! with_waiting_accounts {
    ($rest:literal $(,)?) => {
        Sql::both(concat!(
            "WITH RECURSIVE hop (account) AS ( \
                 SELECT (SELECT min(account) FROM notification WHERE next_at IS NOT NULL) \
                 UNION ALL \
                 SELECT (SELECT min(account) FROM notification WHERE next_at IS NOT NULL AND account > \
                 hop.account) \
                 FROM hop WHERE hop.account IS NOT NULL \
             ) ",
            $rest
        ))
    };
}

impl Store {
    /// The accounts with notifications to be tried now. Jumps from account to account in the index.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn accounts_to_notify(&self, now: UnixMs) -> Result<Vec<String>, StoreError> {
        let jump = with_waiting_accounts!(
            "SELECT account FROM hop WHERE account IS NOT NULL AND EXISTS \
             (SELECT 1 FROM notification AS due WHERE due.account = hop.account AND due.next_at <= $1)",
        );
        self.db.all(jump, &[now.into()]).await
    }

    /// Makes due what is to be tried after `latest`: a clock that was ahead set that time, and the card's
    /// newer notifications wait behind it. Answers how many there were.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or the database cannot be reached.
    pub async fn bring_notifications_forward(
        &self,
        lease: &Lease,
        latest: UnixMs,
        now: UnixMs,
    ) -> Result<u64, StoreError> {
        let update = with_waiting_accounts!(
            "UPDATE notification SET next_at = $1 FROM hop \
             WHERE notification.account = hop.account AND notification.next_at > $2",
        );
        let mut tx = self.db.write().await?;
        fence(&mut tx, lease).await?;
        let moved = tx.run(update, &[now.into(), latest.into()]).await?;
        tx.commit().await?;
        Ok(moved)
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
    ) -> Result<Vec<Result<DueNotification, DamagedNotification>>, StoreError> {
        let select = select_due!("AND next_at <= $2 ORDER BY next_at, seq LIMIT $3");
        self.waiting_notifications(select, account, now, limit).await
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
    ) -> Result<Vec<Result<DueNotification, DamagedNotification>>, StoreError> {
        let select = select_due!("AND state = 'waiting' AND waiting_since <= $2 LIMIT $3");
        self.waiting_notifications(select, account, since, limit).await
    }

    async fn waiting_notifications(
        &self,
        select: Sql,
        account: &str,
        at: UnixMs,
        limit: i64,
    ) -> Result<Vec<Result<DueNotification, DamagedNotification>>, StoreError> {
        let found: Vec<DueRow> = self.db.all(select, &[account.into(), at.into(), limit.into()]).await?;
        Ok(found.into_iter().map(DueRow::due).collect())
    }

    /// How many notifications wait to be delivered; counts no further than `most`.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn count_notifications_waiting(&self, most: i64) -> Result<u64, StoreError> {
        let count = Sql::both(
            "SELECT count(*) FROM (SELECT 1 AS one FROM notification WHERE state = 'waiting' LIMIT $1) AS \
             waiting",
        );
        let waiting = self.db.one(count, &[most.into()]).await?.unwrap_or_default();
        from_db(waiting, "the count of waiting notifications")
    }

    /// Where an account's notifications go, and who signs: the app it named, else its oldest enabled one.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn receiver(&self, account: &str) -> Result<Option<Receiver>, StoreError> {
        let select = Sql::both(
            "SELECT account.notify_url AS url, account.language, app.appkey, app.secret, app.sign_type FROM \
             account \
             LEFT JOIN app ON app.account = account.name AND app.disabled = 0 \
             AND (account.notify_app IS NULL OR app.appkey = account.notify_app) \
             WHERE account.name = $1 ORDER BY app.created_at, app.appkey LIMIT 1",
        );
        self.db.one(select, &[account.into()]).await
    }
}
