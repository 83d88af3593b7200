//! Ways through the cards, each along an index.

use super::end_of;
use crate::Store;
use crate::card::{CardRow, CardView, card_columns};
use crate::db::{Sql, reading};
use crate::error::StoreError;

/// The status that most cards have; there is no index of those.
const COMMON_STATUS: &str = "ACTIVATED_NAME";

/// A way through the cards: which of them, and in what order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardWalk {
    /// Those whose number begins so (all where it is empty), by number.
    Number(String),
    /// Those with a profile whose ICCID begins so, where that is not the card's own number; by ICCID.
    Profile(String),
    /// Those whose label begins so, by label.
    Label(String),
    /// An account's, by kind and number.
    Account(String),
    /// Those in a status other than the common one, by number.
    Status(String),
    /// Those with a profile at an operator account, by number.
    Operator(String),
}

impl CardWalk {
    /// The way through the cards in a status; nothing where it is the common one, which most cards are in.
    #[must_use]
    pub fn status(status: &str) -> Option<Self> {
        (status != COMMON_STATUS).then(|| Self::Status(status.to_owned()))
    }
}

/// A place on a way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardCursor {
    /// What the way is ordered by before the number: label, kind, ICCID; empty where it is ordered by number alone.
    pub group: String,
    /// The card's number.
    pub number: String,
}

struct Found {
    walk_group: String,
    card: CardRow,
}

impl<'r, R> sqlx::FromRow<'r, R> for Found
where
    R: sqlx::Row,
    CardRow: sqlx::FromRow<'r, R>,
    String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    &'static str: sqlx::ColumnIndex<R>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        Ok(Self { walk_group: row.try_get("walk_group")?, card: CardRow::from_row(row)? })
    }
}

macro_rules! select_cards {
    ($group:literal, $rest:literal) => {
        concat!("SELECT ", $group, " AS walk_group, ", card_columns!(), " FROM ", $rest)
    };
}

impl Store {
    /// The next cards on a way, at most `limit`, each with its place.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn walk_cards(
        &self,
        walk: &CardWalk,
        after: Option<&CardCursor>,
        limit: i64,
    ) -> Result<Vec<(CardCursor, CardView)>, StoreError> {
        let (select, first, upper) = match walk {
            CardWalk::Number(prefix) => (
                Sql::both(select_cards!(
                    "''",
                    "card WHERE $1 = '' AND number >= $2 AND number < $3 ORDER BY number LIMIT $4"
                )),
                CardCursor { group: String::new(), number: prefix.clone() },
                end_of(prefix),
            ),
            CardWalk::Profile(prefix) => (
                Sql::both(select_cards!(
                    "profile.iccid",
                    "profile JOIN card ON card.number = profile.card WHERE profile.iccid <> profile.card \
                     AND profile.iccid > $1 AND profile.iccid < $3 AND $2 <> '-' ORDER BY profile.iccid LIMIT $4"
                )),
                // The one below the prefix, so that the prefix itself is found.
                CardCursor { group: before(prefix), number: String::new() },
                end_of(prefix),
            ),
            CardWalk::Label(prefix) => (
                Sql {
                    sqlite: select_cards!(
                        "card.label",
                        "card WHERE label <> '' AND (label, number) > ($1, $2) AND label < $3 ORDER BY label, number LIMIT $4"
                    ),
                    postgres: select_cards!(
                        "card.label",
                        "card WHERE label <> '' AND (label COLLATE \"C\", number) > ($1, $2) AND label COLLATE \"C\" < $3 \
                         ORDER BY label COLLATE \"C\", number LIMIT $4"
                    ),
                },
                CardCursor { group: prefix.clone(), number: String::new() },
                end_of(prefix),
            ),
            CardWalk::Account(account) => (
                Sql::both(select_cards!(
                    "card.kind",
                    "card WHERE account = $3 AND (kind, number) > ($1, $2) ORDER BY kind, number LIMIT $4"
                )),
                CardCursor::default(),
                account.clone(),
            ),
            CardWalk::Status(status) => (
                Sql::both(select_cards!(
                    "''",
                    "card WHERE status = $3 AND status <> 'ACTIVATED_NAME' AND $1 = '' AND number >= $2 \
                     ORDER BY number LIMIT $4"
                )),
                CardCursor::default(),
                status.clone(),
            ),
            CardWalk::Operator(operator) => (
                Sql {
                    sqlite: select_cards!(
                        "''",
                        "(SELECT DISTINCT card AS of_card FROM profile WHERE operator_account = $3 AND $1 = '' AND card >= $2 \
                         ORDER BY card LIMIT $4) AS found JOIN card ON card.number = found.of_card ORDER BY card.number"
                    ),
                    postgres: select_cards!(
                        "''",
                        "(SELECT DISTINCT card COLLATE \"C\" AS of_card FROM profile WHERE operator_account = $3 AND $1 = '' \
                         AND card COLLATE \"C\" >= $2 ORDER BY card COLLATE \"C\" LIMIT $4) AS found \
                         JOIN card ON card.number = found.of_card ORDER BY card.number"
                    ),
                },
                CardCursor::default(),
                operator.clone(),
            ),
        };
        let mut from = after.cloned().unwrap_or(first);
        if after.is_some()
            && matches!(walk, CardWalk::Number(_) | CardWalk::Status(_) | CardWalk::Operator(_))
        {
            // Bounds by number are inclusive, and no digit sorts before a space.
            from.number.push(' ');
        }
        let found: Vec<Found> = reading!(self, |pool, sql| {
            sqlx::query_as(sql(select))
                .bind(&from.group)
                .bind(&from.number)
                .bind(&upper)
                .bind(limit)
                .fetch_all(pool)
                .await?
        });
        let (places, cards): (Vec<CardCursor>, Vec<CardRow>) = found
            .into_iter()
            .map(|found| {
                let number = found.card.number().to_owned();
                (CardCursor { group: found.walk_group, number }, found.card)
            })
            .unzip();
        Ok(places.into_iter().zip(self.complete(cards).await?).collect())
    }
}

/// A text that sorts before everything that begins so, and after what sorts before that.
fn before(prefix: &str) -> String {
    let mut chars: Vec<char> = prefix.chars().collect();
    match chars.pop() {
        // Numbers are digits and letters, so this is a character.
        Some(last) => chars.push(char::from_u32(u32::from(last).saturating_sub(1)).unwrap_or(' ')),
        None => return String::new(),
    }
    chars.push(char::MAX);
    chars.into_iter().collect()
}
