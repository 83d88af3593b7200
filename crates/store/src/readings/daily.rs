//! Bytes by local day.

use super::day_cache::{Settled, Totals, WORTH, settled_until};
use super::rows::DayRow;
use crate::backend::{Sql, Tx as _};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::ids::CardId;
use simgauge_domain::metering::daily::Days;
use simgauge_domain::metering::delta::moment;
use simgauge_domain::period::{TimeZone, local_day};
use simgauge_domain::time::UnixMs;
use std::collections::BTreeMap;

const DAYS: Sql = Sql::both("SELECT * FROM daily WHERE card = $1");
const DAYS_SINCE: Sql = Sql::both("SELECT * FROM daily WHERE card = $1 AND day >= $2");
const SINCE: Sql = Sql::both(
    "SELECT began_at, as_of, delta FROM reading WHERE card = $1 AND began_at >= $2 ORDER BY began_at",
);

/// A reading as far as a total by day needs it: when it began, the operator's time, what it counted.
type Reading = (i64, Option<i64>, i64);

impl Store {
    /// A card's bytes by local day, oldest first: pruned days and those whose readings are still there alike.
    /// `zone` is the same for every call.
    ///
    /// # Errors
    /// The database cannot be reached, or a row is damaged.
    pub async fn daily_totals(
        &self,
        card: CardId,
        zone: &TimeZone,
    ) -> Result<BTreeMap<String, i64>, StoreError> {
        let mut snapshot = self.db.snapshot().await?;
        let stored: Vec<DayRow> = snapshot.all(DAYS, &[card.into()]).await?;
        let stored = entries(&stored)?;
        let folded = stored.values().fold(0_u64, |sum, day| sum.saturating_add(day.readings));
        let known = self.days.get(card, folded);
        let from = known.as_ref().map_or(UnixMs(i64::MIN), |known| known.until);
        let readings: Vec<Reading> = snapshot.all(SINCE, &[card.into(), from.into()]).await?;
        drop(snapshot);
        let mut totals = known.map(|known| known.totals).unwrap_or_default();
        let until = readings.last().map_or(from, |last| settled_until(UnixMs(last.0)));
        let (settled, recent) = readings.split_at(readings.partition_point(|reading| reading.0 < until.0));
        add_readings(&mut totals, settled, zone);
        if settled.len() >= WORTH {
            self.days.put(card, Settled { until, folded, totals: totals.clone() });
        }
        add_readings(&mut totals, recent, zone);
        add_days(&mut totals, &stored);
        Ok(totals)
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
        let first = local_day(from, zone).to_string();
        let mut session = self.db.snapshot().await?;
        let readings: Vec<Reading> = session.all(SINCE, &[card.into(), from.into()]).await?;
        let stored: Vec<DayRow> = session.all(DAYS_SINCE, &[card.into(), (&first).into()]).await?;
        drop(session);
        let mut totals = Totals::new();
        add_readings(&mut totals, &readings, zone);
        add_days(&mut totals, &entries(&stored)?);
        // A late reading counts for the day it is of.
        totals.retain(|day, _| *day >= first);
        Ok(totals)
    }
}

fn entries(stored: &[DayRow]) -> Result<Days, StoreError> {
    stored.iter().map(DayRow::entry).collect()
}

fn add_days(totals: &mut Totals, days: &Days) {
    for (key, total) in days {
        add(totals, key.day.to_string(), total.delta);
    }
}

fn add_readings(totals: &mut Totals, readings: &[Reading], zone: &TimeZone) {
    let moment_of = |reading: &Reading| moment(reading.1.map(UnixMs), UnixMs(reading.0));
    let mut days = readings.iter().map(|reading| (local_day(moment_of(reading), zone), reading.2));
    let Some((mut day, mut sum)) = days.next() else { return };
    // Readings beside each other are mostly of the same day: its text is made once.
    for (next, delta) in days {
        if next == day {
            sum = sum.saturating_add(delta);
        } else {
            add(totals, day.to_string(), sum);
            (day, sum) = (next, delta);
        }
    }
    add(totals, day.to_string(), sum);
}

fn add(totals: &mut Totals, day: String, delta: i64) {
    let total = totals.entry(day).or_default();
    // Beyond 8 EiB on one day a total stops growing.
    *total = total.saturating_add(delta);
}
