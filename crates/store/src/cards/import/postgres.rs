//! Importing into PostgreSQL: one bulk statement per table for a batch.

use super::plan::Plan;
use crate::backend::postgres::database::PostgresTx;
use crate::backend::{Sql, Tx, bulk, rows};
use crate::error::StoreError;
use serde::Serialize;
use std::collections::HashMap;

// Of a card with its own profile, the profile's id is drawn here, so that the card's row is written once.
const UPSERT_CARDS: Sql = bulk!(
    "INSERT INTO card (number, kind, account, status, label, operator_account, profile) \
     SELECT number, kind, account, status, label, operator_account, CASE WHEN operator_account IS NOT NULL \
     THEN nextval(pg_get_serial_sequence('profile', 'id')) END FROM ",
    [number text, kind text, account text, status text, label text, operator_account text],
    // A card that has another profile than itself stays one of many.
    " AS new_card WHERE true ON CONFLICT (number) DO UPDATE SET status = excluded.status, label = \
     excluded.label, \
     operator_account = CASE WHEN card.profile IS NOT NULL THEN excluded.operator_account END, \
     profile = CASE WHEN excluded.profile IS NOT NULL THEN card.profile END RETURNING number, id"
);
const UPSERT_PROFILES: Sql = bulk!(
    "INSERT INTO profile (id, card, iccid, own_number, operator_account) OVERRIDING SYSTEM VALUE \
     SELECT CASE WHEN new_profile.own_number = 1 AND card.profile IS NOT NULL THEN card.profile \
     ELSE nextval(pg_get_serial_sequence('profile', 'id')) END, \
     card.id, new_profile.iccid, new_profile.own_number, new_profile.operator_account FROM ",
    [number text, iccid text, own_number bigint, operator_account text],
    " AS new_profile JOIN card ON card.number = new_profile.number WHERE true \
     ON CONFLICT (card, iccid) DO UPDATE SET operator_account = excluded.operator_account, operator_id = \
     CASE WHEN profile.operator_account = excluded.operator_account THEN profile.operator_id END"
);

#[derive(Serialize)]
struct NewCard<'a> {
    number: &'a str,
    kind: &'a str,
    account: &'a str,
    status: &'a str,
    label: &'a str,
    operator_account: Option<&'a str>,
}

#[derive(Serialize)]
struct NewProfile<'a> {
    number: &'a str,
    iccid: &'a str,
    own_number: u8,
    operator_account: &'a str,
}

/// Writes cards and profiles. Answers the ids of the cards.
pub(super) async fn write(tx: &mut PostgresTx, plan: &Plan<'_>) -> Result<HashMap<String, i64>, StoreError> {
    if plan.cards.is_empty() {
        return Ok(HashMap::new());
    }
    let cards = plan.cards.iter().map(|(number, card)| NewCard {
        number,
        kind: card.kind,
        account: card.account,
        status: &card.status,
        label: &card.label,
        operator_account: card.operator_account,
    });
    let profiles = plan.profiles.iter().map(|((number, iccid), operator_account)| NewProfile {
        number,
        iccid,
        own_number: (number == iccid).into(),
        operator_account,
    });
    let (cards, profiles) = (rows(&cards.collect::<Vec<_>>())?, rows(&profiles.collect::<Vec<_>>())?);
    let ids: Vec<(String, i64)> = tx.all(UPSERT_CARDS, &[(&cards).into()]).await?;
    tx.run(UPSERT_PROFILES, &[(&profiles).into()]).await?;
    Ok(ids.into_iter().collect())
}
