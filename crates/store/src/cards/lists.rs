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
    /// Only numbers after this one; empty means all.
    pub after: String,
}

const ONE: Sql = Sql::both(concat!("SELECT ", card_columns!(), " FROM card WHERE number = $1"));
macro_rules! page {
    ($which:literal) => {
        // The cards that are skipped are only looked at in the index.
        Sql::both(concat!(
            "SELECT ",
            card_columns!(),
            " FROM (SELECT number FROM card WHERE account = $1 AND kind = $2 AND number > $6 ",
            $which,
            " ORDER BY number LIMIT $4 OFFSET $5) AS page \
             CROSS JOIN card WHERE card.number = page.number ORDER BY card.number"
        ))
    };
}

/// `$3` is the status; nothing for all.
const PAGE: Sql = page!("AND $3 IS NULL");
const PAGE_IN_STATUS: Sql = page!("AND status = $3");
/// By the number of each: the account may have a million cards.
const PAGE_OF_NUMBERS: Sql = bulk!(
    concat!("SELECT ", card_columns!(), " FROM "),
    [k text],
    " AS wanted CROSS JOIN card WHERE card.number = wanted.k AND card.account = $2 AND card.kind = $3 \
     AND ($4 IS NULL OR card.status = $4) AND card.number > $7 ORDER BY card.number LIMIT $5 OFFSET $6"
);
const AFTER: Sql =
    Sql::both(concat!("SELECT ", card_columns!(), " FROM card WHERE number > $1 ORDER BY number LIMIT $2"));
/// A kind at a time, since that is how the index of an account's cards is ordered.
const AFTER_OF_ACCOUNT: Sql = Sql::both(concat!(
    "SELECT ",
    card_columns!(),
    " FROM card WHERE account = $3 AND kind = $4 AND number > $1 ORDER BY number LIMIT $2"
));

impl Store {
    /// The card of exactly this number, whoever's it is.
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
        let (account, kind, after) = (account.into(), kind.as_str().into(), (&filter.after).into());
        let found: Vec<CardRow> = if filter.numbers.is_empty() {
            let page = if filter.status.is_some() { PAGE_IN_STATUS } else { PAGE };
            self.db.all(page, &[account, kind, status, limit.into(), offset.into(), after]).await?
        } else {
            let wanted = keys(filter.numbers.iter().collect::<BTreeSet<_>>())?;
            let params = [(&wanted).into(), account, kind, status, limit.into(), offset.into(), after];
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
        let page = [after.into(), limit.into()];
        let Some(account) = account else { return self.complete(self.db.all(AFTER, &page).await?).await };
        let mut found: Vec<CardRow> = Vec::new();
        for kind in [CardKind::Sim, CardKind::CloudEsim] {
            let of_kind = [page[0], page[1], account.into(), kind.as_str().into()];
            found.extend(self.db.all::<CardRow>(AFTER_OF_ACCOUNT, &of_kind).await?);
        }
        found.sort_by(|one, other| one.number.cmp(&other.number));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        self.complete(found).await
    }
}
