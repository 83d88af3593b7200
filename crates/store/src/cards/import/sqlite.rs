//! Importing into SQLite: in key order, so that the trees are walked once, and many rows a statement, so that
//! where the last one went is known when the next one comes.

use super::model::{Accounts, ImportRow, RowError};
use crate::backend::sqlite::connection::blocking;
use crate::backend::sqlite::statement::prepared;
use crate::backend::sqlite::writer::SqliteTx;
use crate::error::StoreError;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, ToSql};
use std::collections::HashMap;

/// Rows of a statement.
const GROUP: usize = 50;

pub(super) fn add(
    tx: &SqliteTx,
    batch: &[ImportRow],
    accounts: &Accounts,
) -> Result<Vec<Result<(), RowError>>, StoreError> {
    blocking(|| add_here(tx.connection()?, batch, accounts))
}

fn add_here(
    tx: &Connection,
    batch: &[ImportRow],
    accounts: &Accounts,
) -> Result<Vec<Result<(), RowError>>, StoreError> {
    let mut verdicts = vec![Ok(()); batch.len()];
    let (mut many, mut one) = (Upsert::of(tx, GROUP)?, Upsert::of(tx, 1)?);
    let mut order = Vec::with_capacity(batch.len());
    for (at, row) in batch.iter().enumerate() {
        if accounts.contains(&row.account) {
            order.push(at);
        } else {
            verdicts[at] = Err(RowError::NoAccount(row.account.clone()));
        }
    }
    // Stable: of rows about one card the first decides whose it is, the last what is known of it.
    order.sort_by(|a, b| batch[*a].number.cmp(&batch[*b].number));
    let rows: Vec<NewRow<'_>> =
        (next_profile(tx)?..).zip(&order).map(|(profile, at)| NewRow { row: &batch[*at], profile }).collect();
    for (places, group) in order.chunks(GROUP).zip(rows.chunks(GROUP)) {
        if group.len() == GROUP
            && let Some(cards) = many.cards(group)?
        {
            many.profiles(group, &cards)?;
            continue;
        }
        // One by one, to find those that are refused; what was written already is written once more.
        for (at, new) in places.iter().zip(group.chunks(1)) {
            match one.cards(new)? {
                Some(cards) => one.profiles(new, &cards)?,
                None => verdicts[*at] = Err(why_not(tx, &batch[*at])?),
            }
        }
    }
    Ok(verdicts)
}

/// A row with the id that its profile gets, where it is a new one. Nobody else writes meanwhile.
struct NewRow<'a> {
    row: &'a ImportRow,
    profile: i64,
}

/// The first profile id that was never given out.
fn next_profile(tx: &Connection) -> Result<i64, StoreError> {
    let mut last = prepared(tx, "SELECT seq FROM sqlite_sequence WHERE name = 'profile'")?;
    Ok(last.query_row([], |row| row.get::<_, i64>(0)).optional()?.unwrap_or(0) + 1)
}

/// The statements for so many rows.
struct Upsert<'a> {
    card: CachedStatement<'a>,
    profile: CachedStatement<'a>,
}

/// Ids of cards by number.
type CardIds = HashMap<String, i64>;

impl<'a> Upsert<'a> {
    fn of(tx: &'a Connection, rows: usize) -> Result<Self, StoreError> {
        let values = |row: &str| vec![row; rows].join(", ");
        // Changes nothing where the card is another account's or of the other kind. A card that has another
        // profile than itself stays one of many.
        let card = format!(
            "INSERT INTO card (number, kind, account, status, label, operator_account, profile) VALUES {} \
             ON CONFLICT (number) DO UPDATE SET status = excluded.status, label = excluded.label, \
             operator_account = iif(card.profile IS NULL, NULL, excluded.operator_account), \
             profile = iif(excluded.profile IS NULL, NULL, card.profile) \
             WHERE card.kind = excluded.kind AND card.account = excluded.account RETURNING number, id",
            values("(?, ?, ?, ?, ?, ?, ?)")
        );
        let profile = format!(
            "INSERT INTO profile (id, card, iccid, own_number, operator_account) VALUES {} \
             ON CONFLICT (card, iccid) DO UPDATE SET operator_account = excluded.operator_account, \
             operator_id = iif(profile.operator_account = excluded.operator_account, operator_id, NULL)",
            values("(?, ?, ?, ?, ?)")
        );
        Ok(Self { card: prepared(tx, &card)?, profile: prepared(tx, &profile)? })
    }

    /// The cards that were made or changed; nothing where one of them was refused.
    fn cards(&mut self, rows: &[NewRow<'_>]) -> Result<Option<CardIds>, StoreError> {
        let mut at = 0;
        for NewRow { row, profile } in rows {
            let kind = row.kind.as_str();
            let lane = row.is_own_number().then_some(&row.operator_account);
            let profile = row.is_own_number().then_some(profile);
            let cells: [&dyn ToSql; 7] =
                [&row.number, &kind, &row.account, &row.status, &row.label, &lane, &profile];
            bind(&mut self.card, &mut at, &cells)?;
        }
        let mut answers = self.card.raw_query();
        let (mut ids, mut count) = (CardIds::with_capacity(rows.len()), 0);
        while let Some(answer) = answers.next()? {
            ids.insert(answer.get(0)?, answer.get(1)?);
            count += 1;
        }
        Ok((count == rows.len()).then_some(ids))
    }

    fn profiles(&mut self, rows: &[NewRow<'_>], cards: &CardIds) -> Result<(), StoreError> {
        let mut at = 0;
        for NewRow { row, profile } in rows {
            let card = cards.get(&row.number);
            let own_number = row.is_own_number();
            let cells: [&dyn ToSql; 5] = [profile, &card, &row.iccid, &own_number, &row.operator_account];
            bind(&mut self.profile, &mut at, &cells)?;
        }
        self.profile.raw_execute()?;
        Ok(())
    }
}

fn bind(statement: &mut CachedStatement<'_>, at: &mut usize, cells: &[&dyn ToSql]) -> Result<(), StoreError> {
    for cell in cells {
        *at += 1;
        statement.raw_bind_parameter(*at, cell)?;
    }
    Ok(())
}

fn why_not(tx: &Connection, row: &ImportRow) -> Result<RowError, StoreError> {
    let mut owner = prepared(tx, "SELECT kind, account FROM card WHERE number = ?1")?;
    let (kind, account): (String, String) =
        owner.query_row([&row.number], |found| Ok((found.get(0)?, found.get(1)?)))?;
    Ok(if kind == row.kind.as_str() { RowError::OtherAccount(account) } else { RowError::OtherKind })
}
