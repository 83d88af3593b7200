//! Importing into SQLite: in key order, so that the trees are walked once, and many rows a statement, so that where the last
//! one went is known when the next one comes.

use super::{Accounts, ImportRow, RowError};
use crate::error::StoreError;
use rusqlite::{CachedStatement, Connection, ToSql, params_from_iter};

/// Rows of a statement.
const GROUP: usize = 50;

pub(super) fn add(
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
    for group in order.chunks(GROUP) {
        let rows = || group.iter().map(|at| &batch[*at]);
        if group.len() == GROUP && many.cards(rows())? == GROUP {
            many.profiles(rows())?;
            continue;
        }
        // One by one, to find those that are refused; what was written already is written once more.
        for at in group {
            let row = &batch[*at];
            if one.cards([row].into_iter())? == 0 {
                verdicts[*at] = Err(why_not(tx, row)?);
            } else {
                one.profiles([row].into_iter())?;
            }
        }
    }
    Ok(verdicts)
}

/// The statements for so many rows.
struct Upsert<'a> {
    card: CachedStatement<'a>,
    profile: CachedStatement<'a>,
}

impl<'a> Upsert<'a> {
    fn of(tx: &'a Connection, rows: usize) -> Result<Self, StoreError> {
        let values = |row: &str| vec![row; rows].join(", ");
        // Changes nothing where the card is another account's or of the other kind. A card that has another profile than
        // itself stays one of many.
        let card = format!(
            "INSERT INTO card (number, kind, account, status, label, operator_account) VALUES {} \
             ON CONFLICT (number) DO UPDATE SET status = excluded.status, label = excluded.label, \
             operator_account = iif(card.operator_account IS NULL, NULL, excluded.operator_account) \
             WHERE card.kind = excluded.kind AND card.account = excluded.account",
            values("(?, ?, ?, ?, ?, ?)")
        );
        let profile = format!(
            "INSERT INTO profile (card, iccid, operator_account) VALUES {} \
             ON CONFLICT (card, iccid) DO UPDATE SET operator_account = excluded.operator_account",
            values("(?, ?, ?)")
        );
        Ok(Self { card: tx.prepare_cached(&card)?, profile: tx.prepare_cached(&profile)? })
    }

    /// How many of the cards were made or changed.
    fn cards<'r>(&mut self, rows: impl Iterator<Item = &'r ImportRow>) -> Result<usize, StoreError> {
        let mut at = 0;
        for row in rows {
            let kind = row.kind.as_str();
            let own = row.own_operator_account();
            let cells: [&dyn ToSql; 6] = [&row.number, &kind, &row.account, &row.status, &row.label, &own];
            for cell in cells {
                at += 1;
                self.card.raw_bind_parameter(at, cell)?;
            }
        }
        Ok(self.card.raw_execute()?)
    }

    fn profiles<'r>(&mut self, rows: impl Iterator<Item = &'r ImportRow>) -> Result<(), StoreError> {
        let cells = rows.flat_map(|row| [&row.number, &row.iccid, &row.operator_account]);
        self.profile.execute(params_from_iter(cells))?;
        Ok(())
    }
}

fn why_not(tx: &Connection, row: &ImportRow) -> Result<RowError, StoreError> {
    let mut owner = tx.prepare_cached("SELECT kind, account FROM card WHERE number = ?1")?;
    let (kind, account): (String, String) =
        owner.query_row([&row.number], |found| Ok((found.get(0)?, found.get(1)?)))?;
    Ok(if kind == row.kind.as_str() { RowError::OtherAccount(account) } else { RowError::OtherKind })
}
