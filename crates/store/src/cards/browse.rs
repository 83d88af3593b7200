//! Ways through the cards, each along an index from a cursor on: so a page costs the same however large the
//! table is and however rare what somebody looks for.

use super::rows::{CardRow, card_columns};
use super::view::CardView;
use crate::backend::{Columns, Row, Sql};
use crate::error::StoreError;
use crate::store::Store;

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
    /// Those with a profile at an operator account, in the order in which they were imported first.
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
    /// What the way is ordered by before the number: label, kind, ICCID, the card's id; empty where it is
    /// ordered by number alone.
    pub group: String,
    /// The card's number.
    pub number: String,
}

struct Found {
    place: String,
    card: CardRow,
}

impl Row for Found {
    fn read(columns: &Columns<'_, '_>) -> Result<Self, StoreError> {
        Ok(Self { place: columns.named("place")?, card: CardRow::read(columns)? })
    }
}

macro_rules! select_cards {
    ($place:literal, $rest:literal) => {
        concat!("SELECT ", $place, " AS place, ", card_columns!(), " FROM ", $rest)
    };
}

/// `$1` is the cursor's group, `$2` its number, `$3` the upper bound or the one value, `$4` how many.
const BY_NUMBER: Sql = Sql::both(select_cards!(
    "''",
    "card WHERE $1 = '' AND number >= $2 AND number < $3 ORDER BY number LIMIT $4"
));
const BY_PROFILE: Sql = Sql::both(select_cards!(
    "profile.iccid",
    "profile JOIN card ON card.id = profile.card WHERE profile.own_number = 0 \
     AND profile.iccid > $1 AND profile.iccid < $3 AND $2 <> '-' ORDER BY profile.iccid LIMIT $4"
));
const BY_LABEL: Sql = Sql::both(select_cards!(
    "card.label",
    "card WHERE label <> '' AND (label, number) > ($1, $2) AND label < $3 ORDER BY label, number LIMIT $4"
));
const BY_ACCOUNT: Sql = Sql::both(select_cards!(
    "card.kind",
    "card WHERE account = $3 AND (kind, number) > ($1, $2) ORDER BY kind, number LIMIT $4"
));
const BY_STATUS: Sql = Sql::both(select_cards!(
    "''",
    "card WHERE status = $3 AND status <> 'ACTIVATED_NAME' AND $1 = '' AND number >= $2 \
     ORDER BY number LIMIT $4"
));
const BY_OPERATOR: Sql = Sql::both(select_cards!(
    "CAST(card.id AS TEXT)",
    "(SELECT DISTINCT card AS of_card FROM profile WHERE operator_account = $3 AND card > CAST($1 AS BIGINT) \
     AND $2 <> '-' ORDER BY card LIMIT $4) AS found JOIN card ON card.id = found.of_card ORDER BY card.id"
));

impl CardWalk {
    fn statement(&self) -> Sql {
        match self {
            Self::Number(_) => BY_NUMBER,
            Self::Profile(_) => BY_PROFILE,
            Self::Label(_) => BY_LABEL,
            Self::Account(_) => BY_ACCOUNT,
            Self::Status(_) => BY_STATUS,
            Self::Operator(_) => BY_OPERATOR,
        }
    }

    /// The place before the first card.
    fn start(&self) -> CardCursor {
        let (group, number) = match self {
            Self::Number(prefix) => (String::new(), prefix.clone()),
            // The one below the prefix, so that the prefix itself is found.
            Self::Profile(prefix) => (before(prefix), String::new()),
            Self::Label(prefix) => (prefix.clone(), String::new()),
            Self::Account(_) | Self::Status(_) => (String::new(), String::new()),
            Self::Operator(_) => ("0".to_owned(), String::new()),
        };
        CardCursor { group, number }
    }

    /// The place from which a page goes on after a card.
    fn after(&self, cursor: &CardCursor) -> CardCursor {
        let mut from = cursor.clone();
        if matches!(self, Self::Number(_) | Self::Status(_)) {
            // Bounds by number are inclusive, and no digit sorts before a space.
            from.number.push(' ');
        }
        from
    }

    /// The upper bound, or the value that all have.
    fn bound(&self) -> String {
        match self {
            Self::Number(prefix) | Self::Profile(prefix) | Self::Label(prefix) => end_of(prefix),
            Self::Account(value) | Self::Status(value) | Self::Operator(value) => value.clone(),
        }
    }
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
        let from = after.map_or_else(|| walk.start(), |cursor| walk.after(cursor));
        let bound = walk.bound();
        let params = [(&from.group).into(), (&from.number).into(), (&bound).into(), limit.into()];
        let found: Vec<Found> = self.db.all(walk.statement(), &params).await?;
        let place =
            |found: Found| (CardCursor { group: found.place, number: found.card.number.clone() }, found.card);
        let (places, cards): (Vec<CardCursor>, Vec<CardRow>) = found.into_iter().map(place).unzip();
        Ok(places.into_iter().zip(self.complete(cards).await?).collect())
    }
}

/// After every text that begins with a prefix.
fn end_of(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
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
