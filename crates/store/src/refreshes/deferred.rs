//! The latest refreshes that cards' rows do not name yet, for code that reads cards.

use crate::backend::sqlite::deferred::DeferredCardUpdates;
use crate::backend::{Database, Sql, keys, refresh_id_from_db};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::CardId;
use std::collections::HashMap;

/// What another process than the one that accepts has to look through.
const LATEST: Sql = Sql::sqlite(
    "SELECT card, max(refresh) FROM task WHERE card IN (SELECT value->>'$.k' FROM json_each($1)) GROUP BY \
     card",
);

impl Store {
    /// Begins to remember which refreshes cards' rows do not name yet: for the process that accepts on an
    /// embedded store. Accepting does so by itself. If this is called before, the first caller need not wait
    /// for it.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn remember_open(&self) -> Result<(), StoreError> {
        let Database::Sqlite(database) = &self.db else { return Ok(()) };
        if database.deferred().is_kept() {
            return Ok(());
        }
        let tx = database.write_direct().await?;
        database.deferred().keep(tx.connection()?)
    }

    /// The latest refreshes of those cards whose rows do not name them yet. A caller that reads
    /// rows too reads them afterwards, and takes the later of both: a row may be updated meanwhile.
    pub(crate) async fn deferred(&self, cards: &[CardId]) -> Result<HashMap<CardId, RefreshId>, StoreError> {
        let Database::Sqlite(database) = &self.db else { return Ok(HashMap::new()) };
        if database.deferred().is_kept() {
            return Ok(remembered(database.deferred(), cards));
        }
        let found: Vec<(i64, String)> = self.db.all(LATEST, &[(&keys(cards)?).into()]).await?;
        let latest = |(card, refresh): (i64, String)| {
            let id = refresh_id_from_db(&refresh, format_args!("refresh of a task of card {card}"))?;
            Ok((CardId(card), id))
        };
        found.into_iter().map(latest).collect()
    }
}

fn remembered(deferred: &DeferredCardUpdates, cards: &[CardId]) -> HashMap<CardId, RefreshId> {
    cards.iter().filter_map(|card| Some((*card, deferred.of(*card)?))).collect()
}
