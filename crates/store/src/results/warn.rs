//! Notifications of readings that are held back.

use super::card::Cards;
use super::suspects::News;
use crate::backend::{Sql, Tx, bulk, keys, row};
use crate::cards::kind::kind_of;
use crate::error::StoreError;
use crate::outbox::body::{Event, EventBody, event_id};
use crate::outbox::ended::{INSERT_NOTIFICATIONS, NewNotification, outbox};
use simgauge_domain::ids::CardId;
use std::collections::{BTreeSet, HashMap};

/// Sets these notifications apart from the others of the same refresh.
const FIRST_ORDINAL: u8 = 128;

/// The cards whose accounts want to be notified.
const TO_WARN: Sql = bulk!(
    "SELECT card.id, card.number, card.kind, card.account FROM ",
    [k bigint],
    " AS wanted CROSS JOIN card CROSS JOIN account WHERE card.id = wanted.k AND account.name = card.account \
     AND account.notify_url IS NOT NULL"
);

row! {
    struct WarnRow {
        id: i64,
        number: String,
        kind: String,
        account: String,
    }
}

/// Writes `usage.suspect` for cards of which a reading is held back for a new reason.
pub(super) async fn notify_suspects(
    tx: &mut impl Tx,
    news: &[News],
    cards: &Cards,
) -> Result<(), StoreError> {
    if news.is_empty() {
        return Ok(());
    }
    let ids = keys(news.iter().map(|one| one.card).collect::<BTreeSet<CardId>>())?;
    let found: Vec<WarnRow> = tx.all(TO_WARN, &[(&ids).into()]).await?;
    let found: HashMap<CardId, WarnRow> = found.into_iter().map(|row| (CardId(row.id), row)).collect();
    let mut new = Vec::new();
    for (place, one) in (0..).zip(news) {
        let (Some(row), Some(card)) = (found.get(&one.card), cards.get(&one.card)) else { continue };
        let id = event_id(&one.refresh, one.at, FIRST_ORDINAL.saturating_add(place));
        let body = EventBody {
            refresh_id: Some(one.refresh.as_str()),
            finished_at: Some(one.at.seconds()),
            used_bytes: card.used(),
            reason: Some(one.reason.as_str()),
            ..EventBody::new(Event::Suspect, &id, kind_of(&row.kind)?, &row.number)
        }
        .to_json()?;
        let (account, event, created_at) = (&row.account, Event::Suspect, one.at.0);
        new.push(NewNotification { id, account, card: one.card, event, body, created_at });
    }
    if !new.is_empty() {
        tx.run(INSERT_NOTIFICATIONS, &[(&outbox(&new)?).into()]).await?;
    }
    Ok(())
}
