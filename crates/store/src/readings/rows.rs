//! Readings and daily totals as rows, as far as totals need them.

use crate::backend::{Sql, Tx, bulk, count_from_db, from_db, row};
use crate::error::StoreError;
use simgauge_domain::ids::ProfileId;
use simgauge_domain::metering::daily::{Counted, DayKey, DayTotal};
use simgauge_domain::time::UnixMs;

row! {
    pub(super) struct CountedRow {
        pub(super) card: i64,
        pub(super) profile: i64,
        pub(super) began_at: i64,
        as_of: Option<i64>,
        delta: i64,
        cycle: i64,
    }
}

impl CountedRow {
    pub(super) fn counted(&self) -> Result<Counted, StoreError> {
        let of = format_args!("cycle of a reading of card {} at {}", self.card, self.began_at);
        Ok(Counted {
            profile: ProfileId(self.profile),
            began_at: UnixMs(self.began_at),
            as_of: self.as_of.map(UnixMs),
            cycle: count_from_db(self.cycle, of)?,
            delta: self.delta,
        })
    }
}

row! {
    pub(super) struct DayRow {
        card: i64,
        day: String,
        profile: i64,
        cycle: i64,
        delta: i64,
        readings: i64,
    }
}

impl DayRow {
    pub(super) fn entry(&self) -> Result<(DayKey, DayTotal), StoreError> {
        let of = format!("the daily total of card {} on {:?}", self.card, self.day);
        let day = self.day.parse().map_err(|_| StoreError::Corrupt(format!("day of {of}")))?;
        let cycle = count_from_db(self.cycle, format_args!("cycle of {of}"))?;
        let key = DayKey { profile: ProfileId(self.profile), day, cycle };
        let readings = from_db(self.readings, format_args!("readings of {of}"))?;
        Ok((key, DayTotal { delta: self.delta, readings }))
    }
}

const READINGS_OF: Sql = bulk!(
    "SELECT reading.card, reading.profile, reading.began_at, reading.as_of, reading.delta, reading.cycle \
     FROM ",
    [k bigint],
    " AS wanted CROSS JOIN reading WHERE reading.card = wanted.k ORDER BY reading.card"
);

/// Every reading of these cards ([`keys`](crate::backend::keys)), by card.
pub(super) async fn readings_of(tx: &mut impl Tx, cards: &str) -> Result<Vec<CountedRow>, StoreError> {
    tx.all(READINGS_OF, &[cards.into()]).await
}
