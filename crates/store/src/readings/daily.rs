//! Bytes by local day.

use super::rows::{CountedRow, DayRow, readings_of};
use crate::backend::{Sql, Tx as _, keys};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::ids::CardId;
use simgauge_domain::metering::daily::{Counted, Days, days, merge};
use simgauge_domain::period::{TimeZone, local_day};
use simgauge_domain::time::UnixMs;
use std::collections::BTreeMap;

impl Store {
    /// A card's bytes by local day, oldest first: pruned days and those whose readings are still there alike.
    ///
    /// # Errors
    /// The database cannot be reached, or a row is damaged.
    pub async fn daily_totals(
        &self,
        card: CardId,
        zone: &TimeZone,
    ) -> Result<BTreeMap<String, i64>, StoreError> {
        let mut session = self.db.read().await?;
        let readings = readings_of(&mut session, &keys([card])?).await?;
        let stored = session.all(Sql::both("SELECT * FROM daily WHERE card = $1"), &[card.into()]).await?;
        by_day(&readings, &stored, zone)
    }

    /// The same from the local day of `from` on; what was read before that day is not looked at.
    ///
    /// # Errors
    /// The database cannot be reached, or a row is damaged.
    pub async fn daily_totals_since(
        &self,
        card: CardId,
        zone: &TimeZone,
        from: UnixMs,
    ) -> Result<BTreeMap<String, i64>, StoreError> {
        let readings_since = Sql::both(
            "SELECT card, profile, began_at, as_of, delta, cycle FROM reading \
             WHERE card = $1 AND began_at >= $2",
        );
        let days_since = Sql::both("SELECT * FROM daily WHERE card = $1 AND day >= $2");
        let first = local_day(from, zone).to_string();
        let mut session = self.db.read().await?;
        let readings = session.all(readings_since, &[card.into(), from.into()]).await?;
        let stored = session.all(days_since, &[card.into(), (&first).into()]).await?;
        let mut totals = by_day(&readings, &stored, zone)?;
        // A late reading counts for the day it is of.
        totals.retain(|day, _| *day >= first);
        Ok(totals)
    }
}

fn by_day(
    readings: &[CountedRow],
    stored: &[DayRow],
    zone: &TimeZone,
) -> Result<BTreeMap<String, i64>, StoreError> {
    let counted = readings.iter().map(CountedRow::counted).collect::<Result<Vec<Counted>, _>>()?;
    let mut all = days(&counted, zone);
    merge(&mut all, stored.iter().map(DayRow::entry).collect::<Result<Days, _>>()?);
    let mut totals = BTreeMap::new();
    for (key, total) in all {
        *totals.entry(key.day.to_string()).or_insert(0_i64) += total.delta;
    }
    Ok(totals)
}
