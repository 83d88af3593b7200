//! The outbox as people look at it.

use crate::backend::{Sql, Tx as _, count_from_db, from_db, row};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::ids::CardId;
use simgauge_domain::time::UnixMs;

/// The state of a notification.
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

/// A notification, as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationView {
    /// Its place in the order of all.
    pub seq: i64,
    /// Its id, which is the receiver's `eventId`.
    pub id: String,
    /// Who is notified.
    pub account: String,
    pub card: CardId,
    /// The card's number.
    pub number: String,
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
    /// Its state.
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
        card: i64,
        number: Option<String>,
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
        let number = self
            .number
            .ok_or_else(|| StoreError::Corrupt(format!("card {} of notification {}", self.card, self.id)))?;
        Ok(NotificationView {
            attempts: count_from_db(self.attempts, format_args!("attempts of notification {}", self.id))?,
            seq: self.seq,
            id: self.id,
            account: self.account,
            card: CardId(self.card),
            number,
            event: self.event,
            body: self.body,
            created_at: UnixMs(self.created_at),
            next_at: self.next_at.map(UnixMs),
            state,
            last_error: self.last_error,
            ended_at: self.ended_at.map(UnixMs),
        })
    }
}

/// Notifications that are looked at in one statement.
const LOOK_AT: i64 = 5_000;

macro_rules! view_columns {
    () => {
        "SELECT notification.seq, notification.id, notification.account, notification.card, card.number, \
         notification.event, notification.body, notification.created_at, notification.attempts, \
         notification.next_at, notification.state, notification.last_error, notification.ended_at "
    };
}

impl Store {
    /// Notifications, newest first; of one account, or in one state, where asked.
    ///
    /// # Errors
    /// The database cannot be reached, or a row is damaged.
    pub async fn notifications(
        &self,
        account: Option<&str>,
        state: Option<NotificationState>,
        limit: i64,
    ) -> Result<Vec<NotificationView>, StoreError> {
        let mut found = Vec::new();
        let mut before = None;
        // In steps that have an end each, however few of them fit.
        loop {
            let left = limit.saturating_sub(i64::try_from(found.len()).unwrap_or(limit));
            let (page, next) =
                self.notifications_before(before, account.unwrap_or_default(), state, left, LOOK_AT).await?;
            found.extend(page);
            before = next;
            if next.is_none() || i64::try_from(found.len()).is_ok_and(|count| count >= limit) {
                return Ok(found);
            }
        }
    }

    /// Notifications before the place `before` (all where there is none), newest first: at most `limit` of at
    /// most `look_at` that are looked at; and the place before which the list goes on, nothing at its end.
    ///
    /// # Errors
    /// The database cannot be reached, or a row is damaged.
    pub async fn notifications_before(
        &self,
        before: Option<i64>,
        account: &str,
        state: Option<NotificationState>,
        limit: i64,
        look_at: i64,
    ) -> Result<(Vec<NotificationView>, Option<i64>), StoreError> {
        let select = Sql::both(concat!(
            view_columns!(),
            "FROM (SELECT * FROM notification WHERE seq < $1 ORDER BY seq DESC LIMIT $2) AS notification \
             LEFT JOIN card ON card.id = notification.card WHERE ($3 = '' OR notification.account = $3) \
             AND ($4 = '' OR notification.state = $4) ORDER BY notification.seq DESC LIMIT $5",
        ));
        let last = Sql::both(
            "SELECT count(*), min(seq) FROM \
             (SELECT seq FROM notification WHERE seq < $1 ORDER BY seq DESC LIMIT $2) AS recent",
        );
        let (before, look) = (before.unwrap_or(i64::MAX).into(), look_at.into());
        let state = state.map_or("", NotificationState::as_str);
        let mut session = self.db.read().await?;
        let found: Vec<ViewRow> =
            session.all(select, &[before, look, account.into(), state.into(), limit.into()]).await?;
        let (looked, oldest) =
            session.one::<(i64, Option<i64>)>(last, &[before, look]).await?.unwrap_or_default();
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
            "SELECT count(*) FROM (SELECT 1 AS one FROM notification \
             WHERE state = 'dead' AND ended_at IS NOT NULL LIMIT $1) AS dead",
        );
        let dead = self.db.one(count, &[most.into()]).await?.unwrap_or_default();
        from_db(dead, "the count of dead notifications")
    }
}
