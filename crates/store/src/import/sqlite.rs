//! Importing into SQLite: row by row in key order, so that the trees are walked once.

use super::{Accounts, ImportRow, RowError};
use crate::error::StoreError;
use rusqlite::{Connection, Statement, params};

pub(super) fn add(
    tx: &Connection,
    batch: &[ImportRow],
    accounts: &Accounts,
) -> Result<Vec<Result<(), RowError>>, StoreError> {
    // Changes nothing where the card is another account's or of the other kind. A card that has another profile than itself
    // stays one of many.
    let mut upsert_card = tx.prepare_cached(
        "INSERT INTO card (number, kind, account, status, label, operator_account) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (number) DO UPDATE SET status = excluded.status, label = excluded.label, \
         operator_account = iif(card.operator_account IS NULL, NULL, excluded.operator_account) \
         WHERE card.kind = excluded.kind AND card.account = excluded.account",
    )?;
    let mut owner = tx.prepare_cached("SELECT kind, account FROM card WHERE number = ?1")?;
    let mut upsert_profile = tx.prepare_cached(
        "INSERT INTO profile (card, iccid, operator_account) VALUES (?1, ?2, ?3) \
         ON CONFLICT (card, iccid) DO UPDATE SET operator_account = excluded.operator_account",
    )?;
    // Stable: of rows about one card the first decides whose it is, the last what is known of it.
    let mut order: Vec<usize> = (0..batch.len()).collect();
    order.sort_by(|a, b| batch[*a].number.cmp(&batch[*b].number));
    let mut verdicts = vec![Ok(()); batch.len()];
    for at in order {
        let row = &batch[at];
        if !accounts.contains(&row.account) {
            verdicts[at] = Err(RowError::NoAccount(row.account.clone()));
            continue;
        }
        let card = params![
            row.number,
            row.kind.as_str(),
            row.account,
            row.status,
            row.label,
            row.own_operator_account()
        ];
        if upsert_card.execute(card)? == 0 {
            verdicts[at] = Err(why_not(&mut owner, row)?);
            continue;
        }
        upsert_profile.execute(params![row.number, row.iccid, row.operator_account])?;
    }
    Ok(verdicts)
}

fn why_not(owner: &mut Statement<'_>, row: &ImportRow) -> Result<RowError, StoreError> {
    let (kind, account): (String, String) =
        owner.query_row([&row.number], |found| Ok((found.get(0)?, found.get(1)?)))?;
    Ok(if kind == row.kind.as_str() { RowError::OtherAccount(account) } else { RowError::OtherKind })
}
