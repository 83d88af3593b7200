//! Bringing cards in, many at a time.

use crate::Store;
use crate::card::CardKind;
use crate::db::{Db, Sql, SqliteTx, bulk, reading, rows};
use crate::error::StoreError;
use serde::Serialize;
use sqlx::{Postgres, Transaction};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

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
    tx: Tx,
    accounts: HashSet<String>,
}

enum Tx {
    Sqlite(SqliteTx),
    Postgres(Transaction<'static, Postgres>),
}

#[derive(Serialize)]
struct Key<'a> {
    k: &'a str,
}

#[derive(Serialize)]
struct NewCard<'a> {
    number: &'a str,
    kind: &'a str,
    account: &'a str,
    status: &'a str,
    label: &'a str,
}

#[derive(Serialize)]
struct NewProfile<'a> {
    card: &'a str,
    iccid: &'a str,
    operator_account: &'a str,
}

#[derive(sqlx::FromRow)]
struct Known {
    number: String,
    kind: String,
    account: String,
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
            Db::Sqlite { write, .. } => Tx::Sqlite(SqliteTx::begin(write).await?),
            Db::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        };
        Ok(Importer { tx, accounts: accounts.into_iter().collect() })
    }
}

macro_rules! on_tx {
    ($importer:expr, |$tx:ident, $sql:ident| $body:expr) => {
        match &mut $importer.tx {
            Tx::Sqlite($tx) => {
                let $sql = |statement: Sql| statement.sqlite;
                $body
            }
            Tx::Postgres($tx) => {
                let $sql = |statement: Sql| statement.postgres;
                $body
            }
        }
    };
}

impl Importer {
    /// Adds rows: new cards and profiles are made, known ones get the row's status, label and operator account. The answer
    /// has one entry a row.
    ///
    /// # Errors
    /// The database cannot be reached or refused.
    pub async fn add(&mut self, batch: &[ImportRow]) -> Result<Vec<Result<(), RowError>>, StoreError> {
        let known_cards = bulk!(
            "SELECT card.number, card.kind, card.account FROM ",
            [k text],
            " AS wanted JOIN card ON card.number = wanted.k"
        );
        let upsert_cards = bulk!(
            "INSERT INTO card (number, kind, account, status, label) SELECT number, kind, account, status, label FROM ",
            [number text, kind text, account text, status text, label text],
            " AS new_card WHERE true ON CONFLICT (number) DO UPDATE SET status = excluded.status, label = excluded.label"
        );
        let upsert_profiles = bulk!(
            "INSERT INTO profile (card, iccid, operator_account) SELECT card, iccid, operator_account FROM ",
            [card text, iccid text, operator_account text],
            " AS new_profile WHERE true ON CONFLICT (card, iccid) DO UPDATE SET operator_account = excluded.operator_account"
        );
        let numbers: BTreeSet<&str> = batch.iter().map(|row| row.number.as_str()).collect();
        let numbers = rows(&numbers.into_iter().map(|k| Key { k }).collect::<Vec<_>>())?;
        let known: Vec<Known> = on_tx!(self, |tx, sql| {
            sqlx::query_as(sql(known_cards)).bind(&numbers).fetch_all(&mut **tx).await?
        });
        let mut owners: HashMap<String, (String, String)> =
            known.into_iter().map(|card| (card.number, (card.kind, card.account))).collect();
        let verdicts: Vec<Result<(), RowError>> =
            batch.iter().map(|row| judge(row, &self.accounts, &mut owners)).collect();
        // In key order, so that the trees are walked once; the last row about a card or profile wins.
        let mut cards = BTreeMap::new();
        let mut profiles = BTreeMap::new();
        for (row, _) in batch.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok()) {
            cards.insert(
                row.number.as_str(),
                NewCard {
                    number: &row.number,
                    kind: row.kind.as_str(),
                    account: &row.account,
                    status: &row.status,
                    label: &row.label,
                },
            );
            profiles.insert(
                (row.number.as_str(), row.iccid.as_str()),
                NewProfile { card: &row.number, iccid: &row.iccid, operator_account: &row.operator_account },
            );
        }
        if !cards.is_empty() {
            let cards = rows(&cards.into_values().collect::<Vec<_>>())?;
            let profiles = rows(&profiles.into_values().collect::<Vec<_>>())?;
            on_tx!(self, |tx, sql| {
                sqlx::query(sql(upsert_cards)).bind(&cards).execute(&mut **tx).await?;
                sqlx::query(sql(upsert_profiles)).bind(&profiles).execute(&mut **tx).await?;
            });
        }
        Ok(verdicts)
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// The database cannot be reached or refused; then nothing was stored.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self.tx {
            Tx::Sqlite(tx) => tx.commit().await?,
            Tx::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// Drops everything that was added.
    ///
    /// # Errors
    /// The database cannot be reached; then nothing was stored either.
    pub async fn roll_back(self) -> Result<(), StoreError> {
        match self.tx {
            Tx::Sqlite(tx) => tx.rollback().await?,
            Tx::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}

fn judge(
    row: &ImportRow,
    accounts: &HashSet<String>,
    owners: &mut HashMap<String, (String, String)>,
) -> Result<(), RowError> {
    if !accounts.contains(&row.account) {
        return Err(RowError::NoAccount(row.account.clone()));
    }
    match owners.get(&row.number) {
        Some((kind, _)) if kind != row.kind.as_str() => Err(RowError::OtherKind),
        Some((_, account)) if *account != row.account => Err(RowError::OtherAccount(account.clone())),
        Some(_) => Ok(()),
        None => {
            owners.insert(row.number.clone(), (row.kind.as_str().to_owned(), row.account.clone()));
            Ok(())
        }
    }
}
