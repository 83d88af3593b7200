//! Importing into PostgreSQL: one bulk statement per table for a batch.

use super::model::{Accounts, ImportRow, RowError};
use crate::backend::postgres::database::PostgresTx;
use crate::backend::{Sql, Tx, bulk, keys, row, rows};
use crate::error::StoreError;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const KNOWN_CARDS: Sql = bulk!(
    "SELECT card.number, card.kind, card.account FROM ",
    [k text],
    " AS wanted JOIN card ON card.number = wanted.k"
);
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
     profile = CASE WHEN excluded.profile IS NOT NULL THEN card.profile END"
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

impl<'a> NewCard<'a> {
    fn of(row: &'a ImportRow) -> Self {
        Self {
            number: &row.number,
            kind: row.kind.as_str(),
            account: &row.account,
            status: &row.status,
            label: &row.label,
            operator_account: row.is_own_number().then_some(&row.operator_account),
        }
    }
}

impl<'a> NewProfile<'a> {
    fn of(row: &'a ImportRow) -> Self {
        Self {
            number: &row.number,
            iccid: &row.iccid,
            own_number: row.is_own_number().into(),
            operator_account: &row.operator_account,
        }
    }
}

row! {
    struct Known {
        number: String,
        kind: String,
        account: String,
    }
}

pub(super) async fn add(
    tx: &mut PostgresTx,
    batch: &[ImportRow],
    accounts: &Accounts,
) -> Result<Vec<Result<(), RowError>>, StoreError> {
    let numbers: BTreeSet<&str> = batch.iter().map(|row| row.number.as_str()).collect();
    let known: Vec<Known> = tx.all(KNOWN_CARDS, &[(&keys(numbers)?).into()]).await?;
    let mut owners: HashMap<String, (String, String)> =
        known.into_iter().map(|card| (card.number, (card.kind, card.account))).collect();
    let verdicts: Vec<Result<(), RowError>> =
        batch.iter().map(|row| judge(row, accounts, &mut owners)).collect();
    // In key order, so that the trees are walked once; the last row about a card or profile wins.
    let mut cards = BTreeMap::new();
    let mut profiles = BTreeMap::new();
    for (row, _) in batch.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok()) {
        let one_of_many =
            cards.get(row.number.as_str()).is_some_and(|card: &NewCard<'_>| card.operator_account.is_none());
        let mut card = NewCard::of(row);
        card.operator_account = card.operator_account.filter(|_| !one_of_many);
        cards.insert(row.number.as_str(), card);
        profiles.insert((row.number.as_str(), row.iccid.as_str()), NewProfile::of(row));
    }
    if !cards.is_empty() {
        let cards = rows(&cards.into_values().collect::<Vec<_>>())?;
        let profiles = rows(&profiles.into_values().collect::<Vec<_>>())?;
        tx.run(UPSERT_CARDS, &[(&cards).into()]).await?;
        tx.run(UPSERT_PROFILES, &[(&profiles).into()]).await?;
    }
    Ok(verdicts)
}

fn judge(
    row: &ImportRow,
    accounts: &Accounts,
    owners: &mut HashMap<String, (String, String)>,
) -> Result<(), RowError> {
    if !accounts.contains(&row.account) {
        return Err(RowError::NoAccount(row.account.clone()));
    }
    match owners.get(&row.number) {
        Some((kind, _)) if kind != row.kind.as_str() => Err(RowError::OtherKind),
        Some((_, account)) if *account != row.account => Err(RowError::OtherAccount(account.clone())),
        Some(_) => Ok(()),
        None => {
            owners.insert(row.number.clone(), (row.kind.as_str().to_owned(), row.account.clone()));
            Ok(())
        }
    }
}
