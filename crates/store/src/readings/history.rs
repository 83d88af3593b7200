//! Readings as people look at them.

use crate::backend::{Sql, from_db, row};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::ids::{CardId, ProfileId};
use simgauge_domain::metering::delta::ReadingKind;
use simgauge_domain::time::UnixMs;

/// A stored reading with what it counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingView {
    pub profile: ProfileId,
    /// The profile's ICCID.
    pub iccid: String,
    /// When asking began.
    pub began_at: UnixMs,
    /// When the answer was there.
    pub synced_at: UnixMs,
    /// The operator's time of the usage.
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
        card: i64,
        profile: i64,
        iccid: Option<String>,
        began_at: i64,
        synced_at: i64,
        as_of: Option<i64>,
        used: i64,
        delta: i64,
        kind: String,
    }
}

impl ReadingRow {
    fn view(self) -> Result<ReadingView, StoreError> {
        let of = format!("the reading of card {} at {}", self.card, self.began_at);
        Ok(ReadingView {
            profile: ProfileId(self.profile),
            iccid: self.iccid.ok_or_else(|| StoreError::Corrupt(format!("profile of {of}")))?,
            began_at: UnixMs(self.began_at),
            synced_at: UnixMs(self.synced_at),
            as_of: self.as_of.map(UnixMs),
            used: from_db(self.used, format_args!("used of {of}"))?,
            delta: self.delta,
            kind: ReadingKind::parse(&self.kind)
                .ok_or_else(|| StoreError::Corrupt(format!("kind {:?} of {of}", self.kind)))?,
        })
    }
}

impl Store {
    /// A card's readings, newest first, that began before `before`: about `limit`, a few more where several
    /// began in the same millisecond as the last one.
    ///
    /// # Errors
    /// The database cannot be reached, or a row is damaged.
    pub async fn readings(
        &self,
        card: CardId,
        before: UnixMs,
        limit: i64,
    ) -> Result<Vec<ReadingView>, StoreError> {
        let select = Sql::both(
            "SELECT reading.card, reading.profile, profile.iccid, reading.began_at, reading.synced_at, \
             reading.as_of, reading.used, reading.delta, reading.kind \
             FROM reading LEFT JOIN profile ON profile.id = reading.profile \
             WHERE reading.card = $1 AND reading.began_at < $2 AND reading.began_at >= COALESCE((SELECT \
             min(began_at) \
             FROM (SELECT began_at FROM reading WHERE card = $1 AND began_at < $2 ORDER BY began_at DESC \
             LIMIT $3) \
             AS page), 0) ORDER BY reading.began_at DESC, profile.iccid DESC",
        );
        let found: Vec<ReadingRow> = self.db.all(select, &[card.into(), before.into(), limit.into()]).await?;
        found.into_iter().map(ReadingRow::view).collect()
    }
}
