//! Folding old readings into daily totals.

use super::rows::{CountedRow, readings_of};
use crate::backend::{Sql, Transaction, Tx as _, bulk, keys, rows};
use crate::error::StoreError;
use crate::store::Store;
use serde::Serialize;
use simgauge_domain::ids::{CardId, ProfileId};
use simgauge_domain::metering::daily::{Counted, prune};
use simgauge_domain::period::{TimeZone, local_day};
use simgauge_domain::time::UnixMs;

/// Cards that are pruned in one transaction.
const CARDS: i64 = 200;

#[derive(Serialize)]
struct NewDay {
    card: CardId,
    day: String,
    profile: ProfileId,
    cycle: u32,
    delta: i64,
    readings: u64,
}

#[derive(Serialize)]
struct ReadingKey {
    card: CardId,
    began_at: UnixMs,
    profile: ProfileId,
}

const NEXT: Sql = Sql::both("SELECT id FROM card WHERE id > $1 ORDER BY id LIMIT $2");
/// SQLite has one writer at a time, so nobody else can change these cards. The statement finds no row there.
const LOCK: Sql = Sql {
    sqlite: "SELECT id FROM card WHERE id = 0 AND $1 = ''",
    postgres: "SELECT id FROM card WHERE id IN \
               (SELECT k FROM json_to_recordset($1::json) AS wanted(k bigint)) ORDER BY id FOR UPDATE",
};
const ADD_DAYS: Sql = bulk!(
    "INSERT INTO daily (card, day, profile, cycle, delta, readings) \
     SELECT card, day, profile, cycle, delta, readings FROM ",
    [card bigint, day text, profile bigint, cycle bigint, delta bigint, readings bigint],
    " AS folded WHERE true ON CONFLICT (card, day, profile, cycle) DO UPDATE SET \
     delta = daily.delta + excluded.delta, readings = daily.readings + excluded.readings"
);
const DELETE_READINGS: Sql = bulk!(
    "DELETE FROM reading WHERE (card, began_at, profile) IN (SELECT card, began_at, profile FROM ",
    [card bigint, began_at bigint, profile bigint],
    " AS folded)"
);

const PROGRESS: Sql = Sql::both("SELECT place FROM fold_progress WHERE one = 1 AND day = $1");
const SET_PROGRESS: Sql = Sql::both(
    "INSERT INTO fold_progress (one, day, place) VALUES (1, $1, $2) \
     ON CONFLICT (one) DO UPDATE SET day = excluded.day, place = excluded.place",
);
/// After every card.
const DONE: CardId = CardId(i64::MAX);

impl Store {
    /// The card after which folding goes on for readings of days before that of `keep_from`: where it
    /// stopped, before the first card where it has not begun, and after the last one where it is done.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn prune_place(&self, zone: &TimeZone, keep_from: UnixMs) -> Result<CardId, StoreError> {
        let day = local_day(keep_from, zone).to_string();
        Ok(CardId(self.db.one(PROGRESS, &[(&day).into()]).await?.unwrap_or_default()))
    }

    /// Folds readings of days before that of `keep_from` into daily totals, for the next cards after `after`
    /// (all: id 0). Answers with the last card looked at, nothing where there are no more, and how many
    /// readings went. No total changes by it. The place is remembered ([`Self::prune_place`]).
    ///
    /// # Errors
    /// The database cannot be reached, or a row is damaged.
    pub async fn prune_readings(
        &self,
        after: CardId,
        zone: &TimeZone,
        keep_from: UnixMs,
    ) -> Result<(Option<CardId>, usize), StoreError> {
        let mut tx = self.db.write().await?;
        let cards: Vec<i64> = tx.all(NEXT, &[after.into(), CARDS.into()]).await?;
        let last = cards.last().copied().map(CardId);
        let cards = keys(cards)?;
        tx.all::<i64>(LOCK, &[(&cards).into()]).await?;
        let found = readings_of(&mut tx, &cards).await?;
        let (mut folded, mut gone) = (Vec::new(), Vec::new());
        for readings in found.chunk_by(|one, other| one.card == other.card) {
            fold(readings, zone, keep_from, (&mut folded, &mut gone))?;
        }
        write(&mut tx, &folded, &gone).await?;
        let day = local_day(keep_from, zone).to_string();
        tx.run(SET_PROGRESS, &[(&day).into(), last.unwrap_or(DONE).into()]).await?;
        tx.commit().await?;
        Ok((last, gone.len()))
    }
}

/// What becomes of one card's readings.
fn fold(
    readings: &[CountedRow],
    zone: &TimeZone,
    keep_from: UnixMs,
    (folded, gone): (&mut Vec<NewDay>, &mut Vec<ReadingKey>),
) -> Result<(), StoreError> {
    let Some(card) = readings.first().map(|row| CardId(row.card)) else { return Ok(()) };
    let counted = readings.iter().map(CountedRow::counted).collect::<Result<Vec<Counted>, _>>()?;
    let pruned = prune(&counted, zone, keep_from);
    folded.extend(pruned.add.into_iter().map(|(key, total)| NewDay {
        card,
        day: key.day.to_string(),
        profile: key.profile,
        cycle: key.cycle,
        delta: total.delta,
        readings: total.readings,
    }));
    let key = |row: &Counted| ReadingKey { card, began_at: row.began_at, profile: row.profile };
    gone.extend(pruned.delete.into_iter().filter_map(|index| counted.get(index)).map(key));
    Ok(())
}

async fn write(tx: &mut Transaction, folded: &[NewDay], gone: &[ReadingKey]) -> Result<(), StoreError> {
    if gone.is_empty() {
        return Ok(());
    }
    tx.run(ADD_DAYS, &[(&rows(folded)?).into()]).await?;
    tx.run(DELETE_READINGS, &[(&rows(gone)?).into()]).await?;
    Ok(())
}
