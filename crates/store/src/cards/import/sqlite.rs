//! Importing into SQLite: in key order, so that the trees are walked once, and many rows a statement, so that
//! where the last one went is known when the next one comes.

use super::plan::{Plan, PlannedCard};
use crate::backend::sqlite::connection::blocking;
use crate::backend::sqlite::statement::prepared;
use crate::backend::sqlite::writer::SqliteTx;
use crate::error::StoreError;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, ToSql};
use std::collections::HashMap;

/// Rows of a statement.
const GROUP: usize = 50;

/// Ids of cards by number.
type CardIds = HashMap<String, i64>;

/// Writes cards and profiles. Answers the ids of the cards.
pub(super) fn write(tx: &SqliteTx, plan: &Plan<'_>) -> Result<CardIds, StoreError> {
    blocking(|| write_rows(tx.connection()?, plan))
}

fn write_rows(tx: &Connection, plan: &Plan<'_>) -> Result<CardIds, StoreError> {
    let profiles = plan.profiles.iter().zip(next_profile(tx)?..);
    let profiles: Vec<NewProfile<'_>> = profiles
        .map(|(((number, iccid), operator_account), id)| NewProfile { id, number, iccid, operator_account })
        .collect();
    let own = profiles.iter().filter(|profile| profile.number == profile.iccid);
    let own: HashMap<&str, i64> = own.map(|profile| (profile.number, profile.id)).collect();
    let cards = plan.cards.iter().map(|(number, card)| NewCard {
        number,
        card,
        profile: card.operator_account.and_then(|_| own.get(number).copied()),
    });
    let cards: Vec<NewCard<'_>> = cards.collect();
    let (mut many, mut one) = (Upsert::of(tx, GROUP)?, Upsert::of(tx, 1)?);
    let mut ids = CardIds::with_capacity(cards.len());
    for group in cards.chunks(GROUP) {
        if group.len() == GROUP {
            many.cards(group, &mut ids)?;
        } else {
            group.chunks(1).try_for_each(|card| one.cards(card, &mut ids))?;
        }
    }
    for group in profiles.chunks(GROUP) {
        if group.len() == GROUP {
            many.profiles(group, &ids)?;
        } else {
            group.chunks(1).try_for_each(|profile| one.profiles(profile, &ids))?;
        }
    }
    Ok(ids)
}

struct NewCard<'a> {
    number: &'a str,
    card: &'a PlannedCard<'a>,
    /// The id of the card's only profile, where that is a new one.
    profile: Option<i64>,
}

struct NewProfile<'a> {
    /// The id that it gets, where it is a new one. Nobody else writes meanwhile.
    id: i64,
    number: &'a str,
    iccid: &'a str,
    operator_account: &'a str,
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

impl<'a> Upsert<'a> {
    fn of(tx: &'a Connection, rows: usize) -> Result<Self, StoreError> {
        let values = |row: &str| vec![row; rows].join(", ");
        // A card that has another profile than itself stays one of many.
        let card = format!(
            "INSERT INTO card (number, kind, account, status, label, operator_account, profile) VALUES {} \
             ON CONFLICT (number) DO UPDATE SET status = excluded.status, label = excluded.label, \
             operator_account = iif(card.profile IS NULL, NULL, excluded.operator_account), \
             profile = iif(excluded.profile IS NULL, NULL, card.profile) RETURNING number, id",
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

    fn cards(&mut self, cards: &[NewCard<'_>], ids: &mut CardIds) -> Result<(), StoreError> {
        let mut at = 0;
        for NewCard { number, card, profile } in cards {
            let PlannedCard { kind, account, status, label, operator_account, .. } = card;
            let cells: [&dyn ToSql; 7] = [number, kind, account, status, label, operator_account, profile];
            bind(&mut self.card, &mut at, &cells)?;
        }
        let mut answers = self.card.raw_query();
        while let Some(answer) = answers.next()? {
            ids.insert(answer.get(0)?, answer.get(1)?);
        }
        Ok(())
    }

    fn profiles(&mut self, profiles: &[NewProfile<'_>], cards: &CardIds) -> Result<(), StoreError> {
        let mut at = 0;
        for NewProfile { id, number, iccid, operator_account } in profiles {
            let card = cards.get(*number);
            let own_number = number == iccid;
            let cells: [&dyn ToSql; 5] = [id, &card, iccid, &own_number, operator_account];
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
