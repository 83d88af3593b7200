//! Whether the books agree with the readings.

use crate::backend::{Tx as _, bulk, count_from_db, keys};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::ids::{CardId, ProfileId};
use std::collections::BTreeMap;

/// What a card's books and readings add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardSums {
    /// All bookings.
    pub booked: i64,
    /// All differences of readings, pruned ones included.
    pub counted: i64,
    /// Differences by profile and count.
    pub by_cycle: BTreeMap<(ProfileId, u32), i64>,
}

impl Store {
    /// The sums of cards' books and readings: for reconciling.
    ///
    /// # Errors
    /// The database cannot be reached, or a row is damaged.
    pub async fn sums(&self, cards: &[CardId]) -> Result<BTreeMap<CardId, CardSums>, StoreError> {
        let booked_of = bulk!(
            "SELECT booking.card, CAST(sum(booking.bytes) AS BIGINT) FROM ",
            [k bigint],
            " AS wanted JOIN booking ON booking.card = wanted.k GROUP BY booking.card"
        );
        let counted_of = bulk!(
            "SELECT r.card, r.profile, r.cycle, CAST(sum(r.delta) AS BIGINT) FROM ",
            [k bigint],
            " AS wanted JOIN (SELECT card, profile, cycle, delta FROM reading UNION ALL \
             SELECT card, profile, cycle, delta FROM daily) AS r ON r.card = wanted.k \
             GROUP BY r.card, r.profile, r.cycle"
        );
        let keys = keys(cards)?;
        let mut session = self.db.read().await?;
        let mut sums: BTreeMap<CardId, CardSums> = BTreeMap::new();
        for (card, bytes) in session.all::<(i64, i64)>(booked_of, &[(&keys).into()]).await? {
            sums.entry(CardId(card)).or_default().booked = bytes;
        }
        for (card, profile, cycle, delta) in
            session.all::<(i64, i64, i64, i64)>(counted_of, &[(&keys).into()]).await?
        {
            let of_card = sums.entry(CardId(card)).or_default();
            of_card.counted += delta;
            let cycle = count_from_db(cycle, format_args!("cycle of a reading of card {card}"))?;
            of_card.by_cycle.insert((ProfileId(profile), cycle), delta);
        }
        Ok(sums)
    }
}
