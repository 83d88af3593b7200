//! Whether the books agree with the readings.

use crate::backend::{Param, Sql, Tx, bulk, count_from_db, keys};
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

/// A statement about rows that belong to cards: of all cards in a range of ids, and of some cards.
#[derive(Clone, Copy)]
pub(super) struct OfCards {
    pub(super) between: Sql,
    pub(super) some: Sql,
}

/// `of_cards!(columns, table, what follows the condition)`.
macro_rules! of_cards {
    ($columns:expr, $table:literal, $rest:literal) => {
        OfCards {
            between: Sql::both(concat!(
                "SELECT ", $columns, " FROM ", $table, " WHERE ", $table, ".card > $1 AND ", $table,
                ".card <= $2 ", $rest
            )),
            some: bulk!(
                concat!("SELECT ", $columns, " FROM "),
                [k bigint],
                concat!(" AS wanted CROSS JOIN ", $table, " WHERE ", $table, ".card = wanted.k ", $rest)
            ),
        }
    };
}
pub(super) use of_cards;

const BOOKED: OfCards =
    of_cards!("card, CAST(sum(bytes) AS BIGINT)", "booking", "GROUP BY card ORDER BY card");
const COUNTED: OfCards = of_cards!(
    "card, profile, cycle, CAST(sum(delta) AS BIGINT)",
    "reading",
    "GROUP BY card, profile, cycle ORDER BY card, profile, cycle"
);
const PRUNED: OfCards = of_cards!(
    "card, profile, cycle, CAST(sum(delta) AS BIGINT)",
    "daily",
    "GROUP BY card, profile, cycle ORDER BY card, profile, cycle"
);

/// Which cards.
pub(super) enum Cards {
    /// Those after the first id, up to the second.
    Between(CardId, CardId),
    /// These ([`keys`]).
    Some(String),
}

impl Cards {
    pub(super) fn of(&self, statement: OfCards) -> (Sql, Vec<Param<'_>>) {
        match self {
            Self::Between(after, last) => (statement.between, vec![(*after).into(), (*last).into()]),
            Self::Some(keys) => (statement.some, vec![keys.into()]),
        }
    }
}

/// The sums of cards' books and readings.
pub(super) async fn sums_of(
    tx: &mut impl Tx,
    cards: &Cards,
) -> Result<BTreeMap<CardId, CardSums>, StoreError> {
    let mut sums: BTreeMap<CardId, CardSums> = BTreeMap::new();
    let (booked, params) = cards.of(BOOKED);
    for (card, bytes) in tx.all::<(i64, i64)>(booked, &params).await? {
        sums.entry(CardId(card)).or_default().booked = bytes;
    }
    for statement in [COUNTED, PRUNED] {
        let (counted, params) = cards.of(statement);
        for (card, profile, cycle, delta) in tx.all::<(i64, i64, i64, i64)>(counted, &params).await? {
            let too_large = || StoreError::Corrupt(format!("the sum of the readings of card {card}"));
            let of_card = sums.entry(CardId(card)).or_default();
            of_card.counted = of_card.counted.checked_add(delta).ok_or_else(too_large)?;
            let cycle = count_from_db(cycle, format_args!("cycle of a reading of card {card}"))?;
            let of_cycle = of_card.by_cycle.entry((ProfileId(profile), cycle)).or_default();
            *of_cycle = of_cycle.checked_add(delta).ok_or_else(too_large)?;
        }
    }
    Ok(sums)
}

impl Store {
    /// The sums of cards' books and readings: for reconciling.
    ///
    /// # Errors
    /// The database cannot be reached, or a row is damaged.
    pub async fn sums(&self, cards: &[CardId]) -> Result<BTreeMap<CardId, CardSums>, StoreError> {
        sums_of(&mut self.db.snapshot().await?, &Cards::Some(keys(cards)?)).await
    }
}
