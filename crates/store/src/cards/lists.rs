//! Lists of cards.

use super::rows::{CardRow, card_columns};
use super::view::CardView;
use crate::backend::{Sql, bulk, keys};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::card_kind::CardKind;
use std::collections::BTreeSet;

/// Which cards of an account a list shows.
#[derive(Clone, Debug, Default)]
pub struct CardFilter {
    /// Only those in this status.
    pub status: Option<String>,
    /// Only these numbers; empty means all.
    pub numbers: Vec<String>,
}

const ONE: Sql = Sql::both(concat!("SELECT ", card_columns!(), " FROM card WHERE number = $1"));
const PAGE: Sql = Sql::both(concat!(
    "SELECT ",
    card_columns!(),
    " FROM card WHERE account = $1 AND kind = $2 AND ($3 IS NULL OR status = $3) \
     ORDER BY number LIMIT $4 OFFSET $5"
));
const PAGE_OF_NUMBERS: Sql = bulk!(
    concat!("SELECT ", card_columns!(), " FROM card JOIN "),
    [k text],
    " AS wanted ON wanted.k = card.number WHERE card.account = $2 AND card.kind = $3 \
     AND ($4 IS NULL OR card.status = $4) ORDER BY card.number LIMIT $5 OFFSET $6"
);
const AFTER: Sql = Sql::both(concat!(
    "SELECT ",
    card_columns!(),
    " FROM card WHERE number > $1 AND ($2 IS NULL OR account = $2) ORDER BY number LIMIT $3"
));

impl Store {
    /// One card of an account.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn card(
        &self,
        account: &str,
        kind: CardKind,
        number: &str,
    ) -> Result<Option<CardView>, StoreError> {
        Ok(self.card_of_any(number).await?.filter(|card| card.account == account && card.kind == kind))
    }

    /// One card, whoever's it is: for the platform itself.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn card_of_any(&self, number: &str) -> Result<Option<CardView>, StoreError> {
        let found: Vec<CardRow> = self.db.all(ONE, &[number.into()]).await?;
        Ok(self.complete(found).await?.pop())
    }

    /// A page of an account's cards by number: at most `limit`, after skipping `offset`.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn cards(
        &self,
        account: &str,
        kind: CardKind,
        filter: &CardFilter,
        offset: i64,
        limit: i64,
    ) -> Result<Vec<CardView>, StoreError> {
        let status = (&filter.status).into();
        let (account, kind) = (account.into(), kind.as_str().into());
        let found: Vec<CardRow> = if filter.numbers.is_empty() {
            self.db.all(PAGE, &[account, kind, status, limit.into(), offset.into()]).await?
        } else {
            let wanted = keys(filter.numbers.iter().collect::<BTreeSet<_>>())?;
            let params = [(&wanted).into(), account, kind, status, limit.into(), offset.into()];
            self.db.all(PAGE_OF_NUMBERS, &params).await?
        };
        self.complete(found).await
    }

    /// The next cards by number, after `after`, of one account where asked: for export.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn cards_after(
        &self,
        account: Option<&str>,
        after: &str,
        limit: i64,
    ) -> Result<Vec<CardView>, StoreError> {
        let found: Vec<CardRow> = self.db.all(AFTER, &[after.into(), account.into(), limit.into()]).await?;
        self.complete(found).await
    }
}
