//! What has to agree on cards: packages and overage, the books, the readings, the operators' last figures. A
//! page of cards costs a few statements along keys, however many cards there are.

use super::sums::{CardSums, Cards, OfCards, of_cards, sums_of};
use crate::backend::{Snapshot, Sql, Tx as _, bulk, from_db, keys, row};
use crate::cards::rows::{ProfileRow, profile_columns};
use crate::cards::view::ProfileView;
use crate::error::StoreError;
use crate::packages::rows::PackageRow;
use crate::store::Store;
use simgauge_domain::ids::CardId;
use std::collections::BTreeMap;

/// A card with all that has to agree on it, of one moment.
#[derive(Clone, Debug)]
pub struct CardAudit {
    pub id: CardId,
    pub number: String,
    pub account: String,
    /// Bytes on its packages and beyond them.
    pub ledger: i128,
    pub sums: CardSums,
    pub profiles: Vec<ProfileView>,
}

row! {
    struct Head {
        card: i64,
        number: String,
        account: String,
        overage: i64,
    }
}

const IDS: Sql = Sql::both("SELECT id FROM card WHERE id > $1 ORDER BY id LIMIT $2");
/// Along the index of an account's cards: by kind and number.
const IDS_OF_ACCOUNT: Sql = Sql::both(
    "SELECT id FROM card WHERE account = $1 AND (kind, number) > ($2, $3) ORDER BY kind, number LIMIT $4",
);
const PLACE: Sql = Sql::both("SELECT kind, number FROM card WHERE id = $1");
const WHOSE: Sql = Sql::both("SELECT id, account FROM card WHERE number = $1");
const HEADS: OfCards = OfCards {
    between: Sql::both(
        "SELECT id AS card, number, account, overage FROM card WHERE id > $1 AND id <= $2 ORDER BY id",
    ),
    some: bulk!(
        "SELECT card.id AS card, card.number, card.account, card.overage FROM ",
        [k bigint],
        " AS wanted CROSS JOIN card WHERE card.id = wanted.k ORDER BY card.id"
    ),
};
const PACKAGES: OfCards = of_cards!("package.*", "package", "ORDER BY package.card");
const PROFILES: OfCards = of_cards!(profile_columns!(), "profile", "ORDER BY profile.card, profile.iccid");

impl Store {
    /// The ids of the next cards after `after` (all: id 0), in the order of ids.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn card_ids_after(&self, after: CardId, limit: i64) -> Result<Vec<CardId>, StoreError> {
        let found: Vec<i64> = self.db.all(IDS, &[after.into(), limit.into()]).await?;
        Ok(found.into_iter().map(CardId).collect())
    }

    /// The ids of an account's next cards after one of them (all: nothing), by kind and number.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn card_ids_of_account_after(
        &self,
        account: &str,
        after: Option<CardId>,
        limit: i64,
    ) -> Result<Vec<CardId>, StoreError> {
        let mut session = self.db.read().await?;
        let place: Option<(String, String)> = match after {
            Some(card) => session.one(PLACE, &[card.into()]).await?,
            None => None,
        };
        let (kind, number) = place.unwrap_or_default();
        let params = [account.into(), (&kind).into(), (&number).into(), limit.into()];
        let found: Vec<i64> = session.all(IDS_OF_ACCOUNT, &params).await?;
        Ok(found.into_iter().map(CardId).collect())
    }

    /// The id of the card of a number, and whose it is; nothing where there is no such card.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn card_owner(&self, number: &str) -> Result<Option<(CardId, String)>, StoreError> {
        let found: Option<(i64, String)> = self.db.one(WHOSE, &[number.into()]).await?;
        Ok(found.map(|(id, account)| (CardId(id), account)))
    }

    /// A card's number; nothing where there is no such card.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn card_number(&self, card: CardId) -> Result<Option<String>, StoreError> {
        let place: Option<(String, String)> = self.db.one(PLACE, &[card.into()]).await?;
        Ok(place.map(|(_, number)| number))
    }

    /// What has to agree on the cards whose ids are after `after`, up to `last`; by id.
    ///
    /// # Errors
    /// The database cannot be reached, or a row is damaged ([`StoreError::is_about_rows`]).
    pub async fn audits_between(&self, after: CardId, last: CardId) -> Result<Vec<CardAudit>, StoreError> {
        audits(self.db.snapshot().await?, &Cards::Between(after, last)).await
    }

    /// What has to agree on these cards; by id.
    ///
    /// # Errors
    /// As [`Self::audits_between`].
    pub async fn audits(&self, cards: &[CardId]) -> Result<Vec<CardAudit>, StoreError> {
        audits(self.db.snapshot().await?, &Cards::Some(keys(cards)?)).await
    }
}

async fn audits(mut snapshot: Snapshot, cards: &Cards) -> Result<Vec<CardAudit>, StoreError> {
    let (heads, params) = cards.of(HEADS);
    let heads: Vec<Head> = snapshot.all(heads, &params).await?;
    let (packages, params) = cards.of(PACKAGES);
    let packages: Vec<PackageRow> = snapshot.all(packages, &params).await?;
    let (profiles, params) = cards.of(PROFILES);
    let profiles: Vec<ProfileRow> = snapshot.all(profiles, &params).await?;
    let mut sums = sums_of(&mut snapshot, cards).await?;
    drop(snapshot);
    let mut booked: BTreeMap<CardId, i128> = BTreeMap::new();
    for package in packages {
        let card = CardId(package.card);
        *booked.entry(card).or_default() += i128::from(package.package()?.booked);
    }
    let mut of_card: BTreeMap<CardId, Vec<ProfileView>> = BTreeMap::new();
    for profile in profiles {
        of_card.entry(profile.card()).or_default().push(profile.view()?);
    }
    let audits = |head: Head| {
        let id = CardId(head.card);
        let overage = from_db(head.overage, format_args!("overage of card {id}"))?;
        Ok(CardAudit {
            ledger: booked.remove(&id).unwrap_or_default() + i128::from(overage),
            sums: sums.remove(&id).unwrap_or_default(),
            profiles: of_card.remove(&id).unwrap_or_default(),
            id,
            number: head.number,
            account: head.account,
        })
    };
    heads.into_iter().map(audits).collect()
}
