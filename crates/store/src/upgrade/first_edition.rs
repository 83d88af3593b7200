//! Recognising a store of the first edition, and what is to be done before and after its rows are copied.

use super::notified_state;
use crate::backend::{Database, Sql, Tx as _, is_first_edition};
use crate::error::StoreError;
use crate::store::Store;

/// The migrations that the last program of the first edition knew.
const MIGRATIONS: i64 = 5;

const APPLIED: Sql = Sql::both("SELECT count(*) FROM _sqlx_migrations WHERE success");

/// As the first edition did where cards' rows had to name their latest refreshes. On PostgreSQL they always
/// did.
const WRITE_LATEST_REFRESHES: Sql = Sql::both(
    "UPDATE card SET last_refresh = open.id, \
     accepted_at = (SELECT accepted_at FROM refresh WHERE refresh.id = open.id) \
     FROM (SELECT card, max(refresh) AS id FROM task GROUP BY card) AS open \
     WHERE card.number = open.card AND (card.last_refresh IS NULL OR card.last_refresh < open.id)",
);

/// A card's row has the operator account of its profile where it has only one, whose ICCID is the card's
/// number. Here it names that profile, too.
const LINK_ONLY_PROFILES: Sql = Sql::both(
    "UPDATE card SET profile = (SELECT profile.id FROM profile \
     WHERE profile.card = card.id AND profile.iccid = card.number) \
     WHERE operator_account IS NOT NULL AND profile IS NULL",
);

/// The first edition knew nothing of SIMs whose numbers differ by the check digit only. Any number that is
/// one digit longer counts here: a look-up that is made for nothing finds the same.
const SET_NEIGHBOURS: Sql = Sql::both(
    "UPDATE card SET has_neighbour = 1 WHERE kind = 'sim' AND EXISTS (SELECT 1 FROM card AS longer WHERE \
     longer.number > card.number AND longer.number < card.number || ':' \
     AND length(longer.number) = length(card.number) + 1)",
);

impl Store {
    /// Whether a program of the first edition wrote this store. It can be copied into a new one
    /// ([`Store::copy_to`]), and nothing else.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn is_first_edition(&self) -> Result<bool, StoreError> {
        is_first_edition(&mut self.db.read().await?).await
    }
}

/// Makes the source complete.
pub(crate) async fn prepare(source: &Database) -> Result<(), StoreError> {
    if source.one::<i64>(APPLIED, &[]).await? != Some(MIGRATIONS) {
        return Err(StoreError::WrongKind(
            "a store that the first edition's last program has migrated (run its `simgauge migrate` once)",
        ));
    }
    if let Database::Sqlite(_) = source {
        source.run(WRITE_LATEST_REFRESHES, &[]).await?;
    }
    Ok(())
}

/// The first edition kept the fillers at the end of an ICCID. Where the number without them is another
/// card's, it stays as it is.
const CARDS_WITHOUT_FILLERS: Sql = Sql::both(
    "UPDATE card SET number = rtrim(number, 'F') WHERE kind = 'sim' AND number LIKE '%F' AND NOT EXISTS \
     (SELECT 1 FROM card AS other WHERE other.number = rtrim(card.number, 'F'))",
);
const PROFILES_WITHOUT_FILLERS: Sql = Sql::both(
    "UPDATE profile SET iccid = rtrim(iccid, 'F') WHERE iccid LIKE '%F' AND NOT EXISTS \
     (SELECT 1 FROM profile AS other WHERE other.card = profile.card AND other.iccid = \
     rtrim(profile.iccid, 'F')) AND (own_number = 0 OR EXISTS \
     (SELECT 1 FROM card WHERE card.id = profile.card AND card.number = rtrim(profile.iccid, 'F')))",
);

/// Gives ICCIDs their canonical spelling. Comes after the copy was compared.
pub(crate) async fn respell(target: &Database) -> Result<(), StoreError> {
    target.run(CARDS_WITHOUT_FILLERS, &[]).await?;
    target.run(PROFILES_WITHOUT_FILLERS, &[]).await?;
    target.run(SET_NEIGHBOURS, &[]).await?;
    Ok(())
}

/// Writes into the target what the first edition had no column for.
pub(crate) async fn complete(source: &Database, target: &Database) -> Result<(), StoreError> {
    notified_state::copy(source, target).await?;
    target.run(LINK_ONLY_PROFILES, &[]).await?;
    let dangling = Sql::both(
        "SELECT number FROM card WHERE operator_account IS NOT NULL AND profile IS NULL ORDER BY number \
         LIMIT 1",
    );
    match target.read_whole().await?.one::<String>(dangling, &[]).await? {
        Some(number) => Err(StoreError::Corrupt(format!("card {number} has no profile of its own number"))),
        None => Ok(()),
    }
}
