//! Notifications of refreshes that ended, and how notifications are written.

use super::body::{Event, EventBody, event_id};
use crate::backend::{Sql, Tx, bulk, keys, maybe_from_db, refresh_id_from_db, row, rows};
use crate::cards::kind::kind_of;
use crate::error::StoreError;
use crate::results::model::Ended;
use serde::Serialize;
use simgauge_domain::ids::CardId;
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::time::UnixMs;
use std::collections::{BTreeSet, HashMap};

/// A notification to be written.
#[derive(Debug, Serialize)]
pub(crate) struct NewNotification<'a> {
    /// The same event must always get the same id ([`event_id`]).
    pub(crate) id: String,
    /// Who is notified.
    pub(crate) account: &'a str,
    pub(crate) card: CardId,
    pub(crate) event: Event,
    /// A flat JSON object ([`EventBody`]).
    pub(crate) body: String,
    /// Now, in Unix milliseconds.
    pub(crate) created_at: i64,
}

/// Writes what [`outbox`] gives, in that order. The transaction must hold the locks of the cards. An id that
/// is there already is passed over: a double notification is not worth the loss of a reading.
pub(crate) const INSERT_NOTIFICATIONS: Sql = bulk!(
    "INSERT INTO notification (id, account, card, event, body, created_at, waiting_since, next_at) \
     SELECT id, account, card, event, body, created_at, created_at, \
     CASE WHEN row_number() OVER (PARTITION BY account, card ORDER BY place) = 1 AND NOT EXISTS \
         (SELECT 1 FROM notification AS older WHERE older.account = new_one.account AND older.card = \
         new_one.card \
          AND older.state = 'waiting') THEN created_at END FROM ",
    [id text, account text, card bigint, event text, body text, created_at bigint, place bigint],
    " AS new_one WHERE true ORDER BY place ON CONFLICT (id) DO NOTHING"
);

/// Notifications as the parameter of [`INSERT_NOTIFICATIONS`]: those of one card in the order they are to
/// arrive in.
pub(crate) fn outbox(new: &[NewNotification<'_>]) -> Result<String, StoreError> {
    #[derive(Serialize)]
    struct Row<'a> {
        place: usize,
        #[serde(flatten)]
        new: &'a NewNotification<'a>,
    }
    rows(&new.iter().enumerate().map(|(place, new)| Row { place, new }).collect::<Vec<_>>())
}

/// Ended refreshes of accounts that want to be notified, oldest first.
const TO_NOTIFY: Sql = bulk!(
    "SELECT refresh.id, refresh.card, card.number, card.kind, refresh.account, refresh.accepted_at, \
     refresh.finished_at, refresh.before, refresh.after, refresh.state, refresh.reason, refresh.detail, \
     refresh.warning FROM ",
    [k text],
    " AS wanted CROSS JOIN refresh CROSS JOIN card CROSS JOIN account WHERE refresh.id = wanted.k \
     AND card.id = refresh.card AND account.name = refresh.account AND account.notify_url IS NOT NULL \
     ORDER BY refresh.id"
);

/// What the operators allow the profiles of cards.
const TOTALS: Sql = bulk!(
    "SELECT profile.card, profile.total FROM ",
    [k bigint],
    " AS wanted CROSS JOIN profile WHERE profile.card = wanted.k"
);

row! {
    /// A row of [`TO_NOTIFY`].
    struct EndedRow {
        id: String,
        card: i64,
        number: String,
        kind: String,
        account: String,
        accepted_at: i64,
        finished_at: Option<i64>,
        before: Option<i64>,
        after: Option<i64>,
        state: String,
        reason: Option<String>,
        detail: Option<String>,
        warning: Option<String>,
    }
}

/// Writes the notifications of refreshes that ended, in the transaction that ended them.
pub(crate) async fn notify_ended(tx: &mut impl Tx, ended: &[Ended]) -> Result<(), StoreError> {
    let ids = keys(ended.iter().map(|one| one.id.as_str()))?;
    let to_notify: Vec<EndedRow> = tx.all(TO_NOTIFY, &[(&ids).into()]).await?;
    if to_notify.is_empty() {
        return Ok(());
    }
    let cards = keys(ended.iter().map(|one| one.card).collect::<BTreeSet<_>>())?;
    let totals = tx.all(TOTALS, &[(&cards).into()]).await?;
    let new = outbox_of_ended(&to_notify, totals)?;
    tx.run(INSERT_NOTIFICATIONS, &[(&new).into()]).await?;
    Ok(())
}

/// The outbox rows of ended refreshes. `totals` are of cards' profiles.
fn outbox_of_ended(to_notify: &[EndedRow], totals: Vec<(i64, Option<i64>)>) -> Result<String, StoreError> {
    // A total over all profiles, or none: a part would look like the whole.
    let mut sums: HashMap<i64, Option<u64>> = HashMap::new();
    for (card, total) in totals {
        let total = maybe_from_db(total, format_args!("total of a profile of card {card}"))?;
        sums.entry(card)
            .and_modify(|sum| *sum = sum.zip(total).map(|(sum, more)| sum.saturating_add(more)))
            .or_insert(total);
    }
    let new = to_notify
        .iter()
        .map(|row| row.notification(sums.get(&row.card).copied().flatten()))
        .collect::<Result<Vec<_>, StoreError>>()?;
    outbox(&new)
}

impl EndedRow {
    fn notification(&self, total: Option<u64>) -> Result<NewNotification<'_>, StoreError> {
        let of = format_args!("refresh {}", self.id);
        let refresh = refresh_id_from_db(&self.id, "id of a refresh")?;
        let ended_at = UnixMs(self.finished_at.unwrap_or(self.accepted_at));
        let event =
            if self.state == RefreshState::Failed.as_str() { Event::RefreshFailed } else { Event::Refreshed };
        let id = event_id(&refresh, ended_at, 0);
        let body = EventBody {
            refresh_id: Some(&self.id),
            accepted_at: Some(UnixMs(self.accepted_at).seconds()),
            finished_at: Some(ended_at.seconds()),
            used_bytes: maybe_from_db(self.after, format_args!("after of {of}"))?,
            total_bytes: total,
            before_bytes: maybe_from_db(self.before, format_args!("before of {of}"))?,
            reason: self.reason.as_deref(),
            reason_text: self.detail.as_deref(),
            warning: self.warning.as_deref(),
            ..EventBody::new(event, &id, kind_of(&self.kind)?, &self.number)
        };
        Ok(NewNotification {
            body: body.to_json()?,
            id,
            account: &self.account,
            card: CardId(self.card),
            event,
            created_at: ended_at.0,
        })
    }
}
