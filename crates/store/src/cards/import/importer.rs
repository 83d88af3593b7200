//! An import is one transaction.

use super::model::{Accounts, ImportRow, RowError};
use super::{postgres, sqlite};
use crate::audit::actor::{Actor, record};
use crate::backend::{Sql, Transaction, Tx};
use crate::error::StoreError;
use crate::store::Store;

const ACCOUNTS: Sql = Sql::both("SELECT name FROM account");
/// Many new rows: without it, plans are made for those that were there before.
const ANALYZE: Sql = Sql::postgres("ANALYZE card, profile");

/// An open import.
pub struct Importer {
    /// Nothing once a write failed: then nothing can be added or committed any more.
    tx: Option<Transaction>,
    accounts: Accounts,
    actor: Option<Actor>,
    taken: usize,
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
        })
    }
}

impl Importer {
    /// Adds rows: new cards and profiles are made, known ones get the row's status, label and operator
    /// account; the last row about one wins. The answer has one entry a row.
    ///
    /// # Errors
    /// The database cannot be reached or refused; then the import as a whole has failed.
    pub async fn add(&mut self, batch: &[ImportRow]) -> Result<Vec<Result<(), RowError>>, StoreError> {
        let mut tx = self.take()?;
        let verdicts = match &mut tx {
            Transaction::Sqlite(tx) => sqlite::add(tx, batch, &self.accounts)?,
            Transaction::Postgres(tx) => postgres::add(tx, batch, &self.accounts).await?,
        };
        self.tx = Some(tx);
        self.taken += verdicts.iter().filter(|verdict| verdict.is_ok()).count();
        Ok(verdicts)
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// The database cannot be reached or refused; then nothing was stored.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        let mut tx = self.take()?;
        let detail = format!("rows={}", self.taken);
        record(self.actor.as_ref(), &mut tx, "card.import", "", &detail).await?;
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
