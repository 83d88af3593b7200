//! Bringing cards in, many at a time.

mod postgres;
mod sqlite;

use crate::Store;
use crate::audit::{Actor, audit};
use crate::db::{Db, Sql, reading};
use crate::error::StoreError;
use crate::hot::HotTx;
use simgauge_domain::card_kind::CardKind;
use sqlx::{Postgres, Transaction};
use std::collections::HashSet;
use std::sync::Arc;

/// One profile of one card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRow {
    /// The card's number: ICCID or EID.
    pub number: String,
    /// Which of the two.
    pub kind: CardKind,
    /// Whose it is.
    pub account: String,
    /// One of the API's card statuses.
    pub status: String,
    /// The platform's note.
    pub label: String,
    /// ICCID of the profile.
    pub iccid: String,
    /// Where it is read.
    pub operator_account: String,
}

impl ImportRow {
    /// The operator account, where the profile is the card itself.
    fn own_operator_account(&self) -> Option<&str> {
        (self.iccid == self.number).then_some(&*self.operator_account)
    }
}

/// Why a row was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The account does not exist.
    #[error("there is no account {0:?}")]
    NoAccount(String),
    /// The card belongs to another account.
    #[error("the card belongs to account {0:?}; it is not moved by an import")]
    OtherAccount(String),
    /// The number is known as the other kind of card.
    #[error("the number is known as the other kind of card")]
    OtherKind,
}

/// An open import: one transaction.
pub struct Importer {
    /// Nothing once a write failed: then nothing can be added or committed any more.
    tx: Option<Tx>,
    accounts: Arc<Accounts>,
    actor: Option<Actor>,
    taken: usize,
}

/// What the audit calls it.
const ACTION: &str = "card.import";

type Accounts = HashSet<String>;

enum Tx {
    Sqlite(HotTx),
    Postgres(Transaction<'static, Postgres>),
}

impl Store {
    /// Begins an import. Nothing is stored before [`Importer::commit`].
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn import(&self) -> Result<Importer, StoreError> {
        let names = Sql::both("SELECT name FROM account");
        let accounts: Vec<String> =
            reading!(self, |pool, sql| sqlx::query_scalar(sql(names)).fetch_all(pool).await?);
        let tx = match &self.db {
            Db::Sqlite { hot, .. } => Tx::Sqlite(hot.begin().await?),
            Db::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        };
        let accounts = Arc::new(accounts.into_iter().collect());
        Ok(Importer { tx: Some(tx), accounts, actor: self.actor.clone(), taken: 0 })
    }
}

impl Importer {
    /// Adds rows: new cards and profiles are made, known ones get the row's status, label and operator account; the last row
    /// about one wins. The answer has one entry a row.
    ///
    /// # Errors
    /// The database cannot be reached or refused; then the import as a whole has failed.
    pub async fn add(&mut self, batch: &[ImportRow]) -> Result<Vec<Result<(), RowError>>, StoreError> {
        let accounts = Arc::clone(&self.accounts);
        let (tx, verdicts) = match self.take()? {
            Tx::Sqlite(tx) => {
                let batch = batch.to_vec();
                let (tx, verdicts) = tx.run(move |tx| sqlite::add(tx, &batch, &accounts)).await?;
                (Tx::Sqlite(tx), verdicts)
            }
            Tx::Postgres(mut tx) => {
                let verdicts = postgres::add(&mut tx, batch, &accounts).await?;
                (Tx::Postgres(tx), verdicts)
            }
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
        let detail = format!("rows={}", self.taken);
        let tx = self.take()?;
        let actor = self.actor;
        match tx {
            Tx::Sqlite(mut tx) => {
                if let Some(actor) = actor {
                    (tx, ()) = tx.run(move |tx| actor.write(tx, ACTION, "", &detail)).await?;
                }
                tx.commit().await?;
            }
            Tx::Postgres(mut tx) => {
                let sql = |statement: Sql| statement.postgres;
                audit!(actor, tx, sql, ACTION, "", detail);
                // Many new rows: without it, plans are made for those that were there before.
                sqlx::query("ANALYZE card, profile").execute(&mut *tx).await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }

    /// Drops everything that was added.
    ///
    /// # Errors
    /// The database cannot be reached; then nothing was stored either.
    pub async fn roll_back(mut self) -> Result<(), StoreError> {
        match self.take()? {
            Tx::Sqlite(tx) => tx.rollback().await?,
            Tx::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Tx, StoreError> {
        self.tx.take().ok_or(StoreError::Database(sqlx::Error::WorkerCrashed))
    }
}
