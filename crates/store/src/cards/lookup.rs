//! Finding cards by numbers in any spelling, by the rule of [`simgauge_domain::identity`].

use super::rows::{CardRow, card_columns};
use super::view::CardView;
use crate::backend::{Sql, bulk, keys};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::identity::{
    AmbiguousNumber, Meaning, canonical_iccid, meaning, other_spellings, with_check_digit,
    without_check_digit,
};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

/// `$1` is the number, `$2` and `$3` its other spellings, where there are any.
const ANYBODYS: Sql =
    Sql::both(concat!("SELECT ", card_columns!(), " FROM card WHERE number IN ($1, $2, $3)"));
const OF_ACCOUNT: Sql = Sql::both(concat!(
    "SELECT ",
    card_columns!(),
    " FROM card WHERE number IN ($1, $2, $3) AND account = $4 AND kind = $5"
));
const NUMBERS: Sql = bulk!(
    "SELECT card.number FROM ",
    [k text],
    " AS wanted CROSS JOIN card WHERE card.number = wanted.k AND card.account = $2 AND card.kind = $3"
);
const NUMBER: Sql = Sql::both("SELECT number FROM card WHERE number IN ($1, $2, $3)");

impl Store {
    /// One card of an account, by its number in canonical spelling, with or without check digit.
    ///
    /// # Errors
    /// The number could mean two cards of the account, or the database cannot be reached.
    pub async fn card(
        &self,
        account: &str,
        kind: CardKind,
        number: &str,
    ) -> Result<Option<CardView>, StoreError> {
        let (longer, shorter) = others(number);
        let params = [number.into(), (&longer).into(), shorter.into(), account.into(), kind.as_str().into()];
        let found: Vec<CardRow> = self.db.all(OF_ACCOUNT, &params).await?;
        let meant = meant(number, found, |card| &card.number)?;
        Ok(self.complete(meant.into_iter().collect()).await?.pop())
    }

    /// One card, whoever's it is, by its number in any spelling: for the platform itself.
    ///
    /// # Errors
    /// The number could mean two cards, or the database cannot be reached.
    pub async fn find_card(&self, number: &str) -> Result<Option<CardView>, StoreError> {
        let number = &*canonical_iccid(number);
        let (longer, shorter) = others(number);
        let params = [number.into(), (&longer).into(), shorter.into()];
        let found: Vec<CardRow> = self.db.all(ANYBODYS, &params).await?;
        let meant = meant(number, found, |card| &card.number)?;
        Ok(self.complete(meant.into_iter().collect()).await?.pop())
    }

    /// The number under which the card is stored that a number in any spelling means, whoever's card it is.
    ///
    /// # Errors
    /// The number could mean two cards, or the database cannot be reached.
    pub async fn find_number(&self, number: &str) -> Result<Option<String>, StoreError> {
        let number = &*canonical_iccid(number);
        let (longer, shorter) = others(number);
        let found = self.db.all(NUMBER, &[number.into(), (&longer).into(), shorter.into()]).await?;
        meant(number, found, |number| number)
    }

    /// The numbers under which an account's cards are stored that these canonical numbers mean. A number that
    /// means none stays as it is.
    ///
    /// # Errors
    /// A number could mean two cards of the account, or the database cannot be reached.
    pub async fn meant_numbers(
        &self,
        account: &str,
        kind: CardKind,
        numbers: Vec<String>,
    ) -> Result<Vec<String>, StoreError> {
        if numbers.is_empty() {
            return Ok(numbers);
        }
        let wanted = |number| std::iter::once(Cow::Borrowed(number)).chain(other_spellings(number));
        let wanted = keys(numbers.iter().flat_map(|number| wanted(number)).collect::<BTreeSet<_>>())?;
        let params = [(&wanted).into(), account.into(), kind.as_str().into()];
        let stored: Vec<String> = self.db.all(NUMBERS, &params).await?;
        let stored: HashSet<String> = stored.into_iter().collect();
        numbers
            .into_iter()
            .map(|number| match meaning(&number, |spelling| stored.get(spelling).cloned()) {
                Meaning::Nothing => Ok(number),
                Meaning::One(stored) => Ok(stored),
                Meaning::Ambiguous(one, other) => Err(ambiguous(&number, one, other)),
            })
            .collect()
    }
}

/// A number with its check digit and without it.
fn others(number: &str) -> (Option<String>, Option<&str>) {
    (with_check_digit(number), without_check_digit(number))
}

/// The one among what was found that the number means.
fn meant<T>(number: &str, found: Vec<T>, number_of: impl Fn(&T) -> &String) -> Result<Option<T>, StoreError> {
    let mut found: Vec<Option<T>> = found.into_iter().map(Some).collect();
    let position = |spelling: &str| {
        found.iter().position(|one| one.as_ref().is_some_and(|one| number_of(one) == spelling))
    };
    let name = |at: usize| found[at].as_ref().map(|one| number_of(one).clone()).unwrap_or_default();
    match meaning(number, position) {
        Meaning::Nothing => Ok(None),
        Meaning::One(at) => Ok(found[at].take()),
        Meaning::Ambiguous(one, other) => Err(ambiguous(number, name(one), name(other))),
    }
}

fn ambiguous(asked: &str, one: String, other: String) -> StoreError {
    StoreError::AmbiguousNumber(Box::new(AmbiguousNumber { asked: asked.to_owned(), one, other }))
}
