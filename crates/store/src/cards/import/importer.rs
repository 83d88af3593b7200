//! An import is one transaction.

use super::changes::Changes;
use super::known::Known;
use super::model::{Accounts, ImportRow, RowError};
use super::plan::plan;
use super::{postgres, sqlite};
use crate::audit::actor::{Actor, record};
use crate::backend::{Sql, Transaction, Tx, bulk, keys};
use crate::error::StoreError;
use crate::store::Store;

const ACCOUNTS: Sql = Sql::both("SELECT name FROM account");
/// Many new rows: without it, plans are made for those that were there before.
const ANALYZE: Sql = Sql::postgres("ANALYZE card, profile");

const SET_NEIGHBOURS: Sql = bulk!(
    "UPDATE card SET has_neighbour = 1 FROM ",
    [k text],
    " AS wanted WHERE card.number = wanted.k"
);

/// An open import.
pub struct Importer {
    /// Nothing once a write failed: then nothing can be added or committed any more.
    tx: Option<Transaction>,
    accounts: Accounts,
    actor: Option<Actor>,
    taken: usize,
    changes: Changes,
    distinct: bool,
}

impl Store {
    /// Begins an import. Nothing is stored before [`Importer::commit`].
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn import(&self) -> Result<Importer, StoreError> {
        let accounts: Vec<String> = self.db.all(ACCOUNTS, &[]).await?;
        Ok(Importer {
            tx: Some(self.db.write().await?),
            accounts: accounts.into_iter().collect(),
            actor: self.actor.clone(),
            taken: 0,
            changes: Changes::default(),
            distinct: false,
        })
    }
}

impl Importer {
    /// Whether numbers that differ by their check digit only are two SIMs. Otherwise such a row is refused.
    #[must_use]
    pub fn distinct(mut self, distinct: bool) -> Self {
        self.distinct = distinct;
        self
    }

    /// Adds rows: new cards and profiles are made, known ones get the row's operator account, and its status
    /// and label where it has them; the last row about one wins. The answer has one entry a row.
    ///
    /// # Errors
    /// The database cannot be reached or refused; then the import as a whole has failed.
    pub async fn add(&mut self, batch: &[ImportRow]) -> Result<Vec<Result<(), RowError>>, StoreError> {
        let mut tx = self.take()?;
        let mut known = Known::read(&mut tx, batch).await?;
        let plan = plan(batch, &self.accounts, &mut known, self.distinct);
        let ids = match &mut tx {
            Transaction::Sqlite(tx) => sqlite::write(tx, &plan)?,
            Transaction::Postgres(tx) => postgres::write(tx, &plan).await?,
        };
        if !plan.neighbours.is_empty() {
            tx.run(SET_NEIGHBOURS, &[(&keys(&plan.neighbours)?).into()]).await?;
        }
        self.tx = Some(tx);
        let new = plan.cards.iter().filter(|(_, card)| card.is_new);
        self.changes.add_new(new.filter_map(|(number, _)| ids.get(*number).copied()));
        self.changes.add(plan.changes);
        self.taken += plan.verdicts.iter().filter(|verdict| verdict.is_ok()).count();
        Ok(plan.verdicts)
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// The database cannot be reached or refused; then nothing was stored.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        let mut tx = self.take()?;
        let detail = format!("rows={} {}", self.taken, self.changes);
        let entry = record(self.actor.as_ref(), &mut tx, "card.import", "", &detail).await?;
        if let Some(entry) = entry {
            self.changes.write(&mut tx, entry).await?;
        }
        if let Transaction::Postgres(tx) = &mut tx {
            tx.run(ANALYZE, &[]).await?;
        }
        tx.commit().await
    }

    /// Drops everything that was added.
    ///
    /// # Errors
    /// The database cannot be reached; then nothing was stored either.
    pub async fn roll_back(mut self) -> Result<(), StoreError> {
        self.take()?.rollback().await
    }

    fn take(&mut self) -> Result<Transaction, StoreError> {
        self.tx.take().ok_or(StoreError::Closed)
    }
}
