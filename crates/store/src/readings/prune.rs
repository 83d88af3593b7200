//! What was read of a card, by reading and by day; pruning; and whether the books agree with the readings.

use crate::Store;
use crate::db::{Sql, bulk, from_db, reading, rows, writing};
use crate::error::StoreError;
use crate::row::row;
use serde::Serialize;
use simgauge_domain::metering::daily::{Counted, DayKey, DayTotal, Days, days, merge, prune};
use simgauge_domain::metering::delta::ReadingKind;
use simgauge_domain::period::{TimeZone, local_day};
use simgauge_domain::time::UnixMs;
use std::collections::BTreeMap;

/// Cards that are pruned in one transaction.
const PRUNE_CARDS: i64 = 200;

/// A stored reading with what it counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingView {
    /// The profile.
    pub iccid: String,
    /// When asking began.
    pub began_at: UnixMs,
    /// When the answer was there.
    pub synced_at: UnixMs,
    /// The operator's time of the figure.
    pub as_of: Option<UnixMs>,
    /// Cumulative bytes used in the operator's period.
    pub used: u64,
    /// Bytes counted; negative for a correction.
    pub delta: i64,
    /// What the reading was.
    pub kind: ReadingKind,
}

row! {
    struct ReadingRow {
        card: String,
        iccid: String,
        began_at: i64,
        synced_at: i64,
        as_of: Option<i64>,
        used: i64,
        delta: i64,
        what: String,
        cycle: i64,
    }
}

row! {
    struct DayRow {
        day: String,
        iccid: String,
        cycle: i64,
        delta: i64,
        readings: i64,
    }
}

#[derive(Serialize)]
struct Key<'a> {
    k: &'a str,
}

#[derive(Serialize)]
struct ReadingKey<'a> {
    card: &'a str,
    began_at: i64,
    iccid: &'a str,
}

#[derive(Serialize)]
struct NewDay<'a> {
    card: &'a str,
    day: String,
    iccid: &'a str,
    cycle: u32,
    delta: i64,
    readings: u64,
}

impl ReadingRow {
    fn counted(&self) -> Counted {
        Counted {
            iccid: self.iccid.clone(),
            began_at: UnixMs(self.began_at),
            as_of: self.as_of.map(UnixMs),
            cycle: u32::try_from(self.cycle).unwrap_or(u32::MAX),
            delta: self.delta,
        }
    }

    fn view(self) -> Result<ReadingView, StoreError> {
        Ok(ReadingView {
            kind: ReadingKind::parse(&self.what)
                .ok_or_else(|| StoreError::Corrupt(format!("what {:?} of a reading", self.what)))?,
            iccid: self.iccid,
            began_at: UnixMs(self.began_at),
            synced_at: UnixMs(self.synced_at),
            as_of: self.as_of.map(UnixMs),
            used: from_db(self.used),
            delta: self.delta,
        })
    }
}

impl DayRow {
    fn entry(&self) -> Result<(DayKey, DayTotal), StoreError> {
        let day = self.day.parse().map_err(|_| StoreError::Corrupt(format!("day {:?}", self.day)))?;
        let key =
            DayKey { iccid: self.iccid.clone(), day, cycle: u32::try_from(self.cycle).unwrap_or(u32::MAX) };
        Ok((key, DayTotal { delta: self.delta, readings: from_db(self.readings) }))
    }
}

fn by_day(
    readings: &[ReadingRow],
    stored: &[DayRow],
    zone: &TimeZone,
) -> Result<BTreeMap<String, i64>, StoreError> {
    let counted: Vec<Counted> = readings.iter().map(ReadingRow::counted).collect();
    let mut all = days(&counted, zone);
    merge(&mut all, stored.iter().map(DayRow::entry).collect::<Result<Days, _>>()?);
    let mut totals = BTreeMap::new();
    for (key, total) in all {
        *totals.entry(key.day.to_string()).or_insert(0_i64) += total.delta;
    }
    Ok(totals)
}

impl Store {
    /// A card's readings, newest first, that began before `before`: about `limit`, a few more where several began in the
    /// same millisecond as the last one.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn readings(
        &self,
        card: &str,
        before: UnixMs,
        limit: i64,
    ) -> Result<Vec<ReadingView>, StoreError> {
        let select = Sql::both(
            "SELECT card, iccid, began_at, synced_at, as_of, used, delta, what, cycle FROM reading \
             WHERE card = $1 AND began_at < $2 AND began_at >= COALESCE((SELECT min(began_at) FROM \
             (SELECT began_at FROM reading WHERE card = $1 AND began_at < $2 ORDER BY began_at DESC LIMIT $3) AS page), 0) \
             ORDER BY began_at DESC, iccid DESC",
        );
        let found: Vec<ReadingRow> = reading!(self, |pool, sql| {
            sqlx::query_as(sql(select)).bind(card).bind(before.0).bind(limit).fetch_all(pool).await?
        });
        found.into_iter().map(ReadingRow::view).collect()
    }

    /// A card's bytes by local day, oldest first: pruned days and those whose readings are still there alike.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn daily_totals(
        &self,
        card: &str,
        zone: &TimeZone,
    ) -> Result<BTreeMap<String, i64>, StoreError> {
        let (readings, stored) = self.counted_of(&[card]).await?;
        by_day(&readings, &stored, zone)
    }

    /// The same from the local day of `from` on; what was read before that day is not looked at.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn daily_totals_since(
        &self,
        card: &str,
        zone: &TimeZone,
        from: UnixMs,
    ) -> Result<BTreeMap<String, i64>, StoreError> {
        let readings_of = Sql::both(
            "SELECT card, iccid, began_at, synced_at, as_of, used, delta, what, cycle FROM reading \
             WHERE card = $1 AND began_at >= $2",
        );
        let days_of = Sql::both("SELECT * FROM daily WHERE card = $1 AND day >= $2");
        let first = local_day(from, zone).to_string();
        let (readings, stored): (Vec<ReadingRow>, Vec<DayRow>) = reading!(self, |pool, sql| {
            let readings = sqlx::query_as(sql(readings_of)).bind(card).bind(from.0).fetch_all(pool).await?;
            (readings, sqlx::query_as(sql(days_of)).bind(card).bind(&first).fetch_all(pool).await?)
        });
        let mut totals = by_day(&readings, &stored, zone)?;
        // A late figure counts for the day it is of.
        totals.retain(|day, _| *day >= first);
        Ok(totals)
    }

    async fn counted_of(&self, cards: &[&str]) -> Result<(Vec<ReadingRow>, Vec<DayRow>), StoreError> {
        let readings_of = bulk!(
            "SELECT reading.card, reading.iccid, reading.began_at, reading.synced_at, reading.as_of, reading.used, \
             reading.delta, reading.what, reading.cycle FROM ",
            [k text],
            " AS wanted JOIN reading ON reading.card = wanted.k"
        );
        let days_of =
            bulk!("SELECT daily.* FROM ", [k text], " AS wanted JOIN daily ON daily.card = wanted.k");
        let cards = rows(&cards.iter().map(|k| Key { k }).collect::<Vec<_>>())?;
        reading!(self, |pool, sql| {
            let readings = sqlx::query_as(sql(readings_of)).bind(&cards).fetch_all(pool).await?;
            let days = sqlx::query_as(sql(days_of)).bind(&cards).fetch_all(pool).await?;
            Ok((readings, days))
        })
    }

    /// Folds readings of days before that of `keep_from` into daily totals, for the next cards after `after`; answers with
    /// the last card looked at (nothing: there are no more) and how many readings went. No total changes by it.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn prune_readings(
        &self,
        after: &str,
        zone: &TimeZone,
        keep_from: UnixMs,
    ) -> Result<(Option<String>, usize), StoreError> {
        let next = Sql::both("SELECT number FROM card WHERE number > $1 ORDER BY number LIMIT $2");
        let lock = Sql {
            sqlite: "",
            postgres: "SELECT number FROM card WHERE number IN \
                       (SELECT k FROM json_to_recordset($1::json) AS wanted(k text)) ORDER BY number FOR UPDATE",
        };
        let readings_of = bulk!(
            "SELECT reading.card, reading.iccid, reading.began_at, reading.synced_at, reading.as_of, reading.used, \
             reading.delta, reading.what, reading.cycle FROM ",
            [k text],
            " AS wanted JOIN reading ON reading.card = wanted.k"
        );
        let add = bulk!(
            "INSERT INTO daily (card, day, iccid, cycle, delta, readings) \
             SELECT card, day, iccid, cycle, delta, readings FROM ",
            [card text, day text, iccid text, cycle bigint, delta bigint, readings bigint],
            " AS folded WHERE true ON CONFLICT (card, day, iccid, cycle) DO UPDATE SET \
             delta = daily.delta + excluded.delta, readings = daily.readings + excluded.readings"
        );
        let delete = bulk!(
            "DELETE FROM reading WHERE (card, began_at, iccid) IN (SELECT card, began_at, iccid FROM ",
            [card text, began_at bigint, iccid text],
            " AS folded)"
        );
        writing!(self, |tx, sql| {
            let cards: Vec<String> =
                sqlx::query_scalar(sql(next)).bind(after).bind(PRUNE_CARDS).fetch_all(&mut *tx).await?;
            let keys = rows(&cards.iter().map(|k| Key { k }).collect::<Vec<_>>())?;
            if !sql(lock).is_empty() {
                sqlx::query(sql(lock)).bind(&keys).execute(&mut *tx).await?;
            }
            let found: Vec<ReadingRow> =
                sqlx::query_as(sql(readings_of)).bind(&keys).fetch_all(&mut *tx).await?;
            let mut of_cards: BTreeMap<&str, Vec<&ReadingRow>> = BTreeMap::new();
            for row in &found {
                of_cards.entry(&row.card).or_default().push(row);
            }
            let (mut folded, mut gone) = (Vec::new(), Vec::new());
            for (card, readings) in &of_cards {
                let counted: Vec<Counted> = readings.iter().map(|row| row.counted()).collect();
                let pruned = prune(&counted, zone, keep_from);
                for (key, total) in pruned.add {
                    let iccid = readings
                        .iter()
                        .find(|row| row.iccid == key.iccid)
                        .map_or("", |row| row.iccid.as_str());
                    folded.push(NewDay {
                        card,
                        day: key.day.to_string(),
                        iccid,
                        cycle: key.cycle,
                        delta: total.delta,
                        readings: total.readings,
                    });
                }
                gone.extend(
                    pruned.delete.into_iter().filter_map(|index| readings.get(index)).map(|row| ReadingKey {
                        card,
                        began_at: row.began_at,
                        iccid: &row.iccid,
                    }),
                );
            }
            if !gone.is_empty() {
                sqlx::query(sql(add)).bind(rows(&folded)?).execute(&mut *tx).await?;
                sqlx::query(sql(delete)).bind(rows(&gone)?).execute(&mut *tx).await?;
            }
            let count = gone.len();
            Ok((cards.last().cloned(), count))
        })
    }

    /// The sums of cards' books and readings: for reconciling.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn sums(&self, cards: &[&str]) -> Result<BTreeMap<String, CardSums>, StoreError> {
        let booked_of = bulk!(
            "SELECT booking.card, CAST(sum(booking.bytes) AS BIGINT) FROM ",
            [k text],
            " AS wanted JOIN booking ON booking.card = wanted.k GROUP BY booking.card"
        );
        let counted_of = bulk!(
            "SELECT r.card, r.iccid, r.cycle, CAST(sum(r.delta) AS BIGINT) FROM ",
            [k text],
            " AS wanted JOIN (SELECT card, iccid, cycle, delta FROM reading UNION ALL \
             SELECT card, iccid, cycle, delta FROM daily) AS r ON r.card = wanted.k GROUP BY r.card, r.iccid, r.cycle"
        );
        let keys = rows(&cards.iter().map(|k| Key { k }).collect::<Vec<_>>())?;
        type Booked = Vec<(String, i64)>;
        type CountedByCycle = Vec<(String, String, i64, i64)>;
        let (booked, counted): (Booked, CountedByCycle) = reading!(self, |pool, sql| {
            let booked = sqlx::query_as(sql(booked_of)).bind(&keys).fetch_all(pool).await?;
            let counted = sqlx::query_as(sql(counted_of)).bind(&keys).fetch_all(pool).await?;
            (booked, counted)
        });
        let mut sums: BTreeMap<String, CardSums> = BTreeMap::new();
        for (card, bytes) in booked {
            sums.entry(card).or_default().booked = bytes;
        }
        for (card, iccid, cycle, delta) in counted {
            let of_card = sums.entry(card).or_default();
            of_card.counted += delta;
            of_card.by_cycle.insert((iccid, cycle), delta);
        }
        Ok(sums)
    }
}

/// What a card's books and readings add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardSums {
    /// All bookings.
    pub booked: i64,
    /// All differences of readings, pruned ones included.
    pub counted: i64,
    /// Differences by profile and count.
    pub by_cycle: BTreeMap<(String, i64), i64>,
}
