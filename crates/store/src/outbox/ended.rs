//! The outbox of notifications: written in the transaction that made the news, delivered afterwards by one node at a time.
//!
//! Only the oldest waiting notification of a card has a `next_at`; it holds the others back. Everything that changes which
//! one that is happens under the card's lock: the end of a refresh has it anyway, delivery and replays take it.

mod body;
mod delivery;
mod manage;
mod settings;

pub(crate) use body::{Event, EventBody, event_id};
pub use delivery::{DELIVERY_LANE, DueNotification, Outcome, Receiver, Settled};
pub use manage::{NotificationState, NotificationView};
pub use settings::NotifySettings;
pub(crate) use settings::parse_thresholds;

use crate::card::kind_of;
use crate::db::{Sql, bulk, from_db, rows};
use crate::error::StoreError;
use crate::finish::Ended;
use crate::row::row;
use crate::tx::Tx;
use serde::Serialize;
use simgauge_domain::id::RefreshId;
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::time::UnixMs;
use std::collections::HashMap;

/// A notification to be written.
#[derive(Debug, Serialize)]
pub(crate) struct NewNotification<'a> {
    /// Its id; the same news must always get the same one ([`event_id`]).
    pub(crate) id: String,
    /// Who is told.
    pub(crate) account: &'a str,
    /// The card's number.
    pub(crate) card: &'a str,
    /// What happened.
    pub(crate) event: Event,
    /// A flat JSON object ([`EventBody`]).
    pub(crate) body: String,
    /// Now, in Unix milliseconds.
    pub(crate) created_at: i64,
}

/// Writes what [`outbox`] gives, in that order. The transaction must hold the locks of the cards. An id that is there
/// already is passed over: news that is told is not worth the loss of a reading.
pub(crate) const INSERT_NOTIFICATIONS: Sql = bulk!(
    "INSERT INTO notification (id, account, card, event, body, created_at, waiting_since, next_at) \
     SELECT id, account, card, event, body, created_at, created_at, \
     CASE WHEN row_number() OVER (PARTITION BY account, card ORDER BY place) = 1 AND NOT EXISTS \
         (SELECT 1 FROM notification AS older WHERE older.account = fresh.account AND older.card = fresh.card \
          AND older.state = 'waiting') THEN created_at END FROM ",
    [id text, account text, card text, event text, body text, created_at bigint, place bigint],
    " AS fresh WHERE true ORDER BY place ON CONFLICT (id) DO NOTHING"
);

/// Notifications as the parameter of [`INSERT_NOTIFICATIONS`]: those of one card in the order they are to arrive in.
pub(crate) fn outbox(new: &[NewNotification<'_>]) -> Result<String, StoreError> {
    #[derive(Serialize)]
    struct Row<'a> {
        place: usize,
        #[serde(flatten)]
        new: &'a NewNotification<'a>,
    }
    rows(&new.iter().enumerate().map(|(place, new)| Row { place, new }).collect::<Vec<_>>())
}

/// Ended refreshes of accounts that want to be told, oldest first.
const TO_TELL: Sql = bulk!(
    "SELECT refresh.id, refresh.card, card.kind, refresh.account, refresh.accepted_at, refresh.finished_at, \
     refresh.before, refresh.after, refresh.state, refresh.reason, refresh.detail FROM ",
    [k text],
    " AS wanted JOIN refresh ON refresh.id = wanted.k JOIN card ON card.number = refresh.card \
     JOIN account ON account.name = refresh.account WHERE account.notify_url IS NOT NULL ORDER BY refresh.id"
);

/// What the operators allow the profiles of cards.
const TOTALS: Sql = bulk!(
    "SELECT profile.card, profile.total FROM ",
    [k text],
    " AS wanted JOIN profile ON profile.card = wanted.k"
);

row! {
    /// A row of [`TO_TELL`].
    struct EndedRow {
        id: String,
        card: String,
        kind: String,
        account: String,
        accepted_at: i64,
        finished_at: Option<i64>,
        before: Option<i64>,
        after: Option<i64>,
        state: String,
        reason: Option<String>,
        detail: Option<String>,
    }
}

row! {
    /// A row of [`TOTALS`].
    struct TotalRow {
        card: String,
        total: Option<i64>,
    }
}

/// Tells of refreshes that ended, in the transaction that ended them.
pub(crate) async fn tell_ended(tx: &mut impl Tx, ended: &[Ended]) -> Result<(), StoreError> {
    let told: Vec<EndedRow> = tx.all(TO_TELL, &keys(ended.iter().map(|one| one.id.as_str()))?).await?;
    if !told.is_empty() {
        let totals = tx.all(TOTALS, &keys_of_cards(ended)?).await?;
        tx.run(INSERT_NOTIFICATIONS, &outbox_of_ended(&told, totals)?).await?;
    }
    Ok(())
}

/// Keys as the parameter of a bulk statement.
pub(crate) fn keys<'a>(keys: impl Iterator<Item = &'a str>) -> Result<String, StoreError> {
    #[derive(Serialize)]
    struct Key<'a> {
        k: &'a str,
    }
    rows(&keys.map(|k| Key { k }).collect::<Vec<_>>())
}

/// The cards of ended refreshes, each once.
fn keys_of_cards(ended: &[Ended]) -> Result<String, StoreError> {
    let mut cards: Vec<&str> = ended.iter().map(|one| one.card.as_str()).collect();
    cards.sort_unstable();
    cards.dedup();
    keys(cards.into_iter())
}

/// The outbox rows that tell of ended refreshes.
fn outbox_of_ended(told: &[EndedRow], totals: Vec<TotalRow>) -> Result<String, StoreError> {
    // A total over all profiles, or none: a part would look like the whole.
    let mut sums: HashMap<String, Option<u64>> = HashMap::new();
    for row in totals {
        let total = row.total.map(from_db);
        sums.entry(row.card)
            .and_modify(|sum| *sum = sum.zip(total).map(|(sum, more)| sum.saturating_add(more)))
            .or_insert(total);
    }
    let new = told
        .iter()
        .map(|row| row.told(sums.get(&row.card).copied().flatten()))
        .collect::<Result<Vec<_>, StoreError>>()?;
    outbox(&new)
}

impl EndedRow {
    fn told(&self, total: Option<u64>) -> Result<NewNotification<'_>, StoreError> {
        let refresh = RefreshId::trusted(self.id.clone());
        let ended_at = UnixMs(self.finished_at.unwrap_or(self.accepted_at));
        let event =
            if self.state == RefreshState::Failed.as_str() { Event::RefreshFailed } else { Event::Refreshed };
        let id = event_id(&refresh, ended_at, 0);
        let body = EventBody {
            refresh_id: Some(&self.id),
            accepted_at: Some(UnixMs(self.accepted_at).seconds()),
            finished_at: Some(ended_at.seconds()),
            used_bytes: self.after.map(from_db),
            total_bytes: total,
            before_bytes: self.before.map(from_db),
            reason: self.reason.as_deref(),
            reason_text: self.detail.as_deref(),
            ..EventBody::new(event, &id, kind_of(&self.kind)?, &self.card)
        };
        Ok(NewNotification {
            body: body.to_json()?,
            id,
            account: &self.account,
            card: &self.card,
            event,
            created_at: ended_at.0,
        })
    }
}
