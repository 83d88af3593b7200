//! A write transaction of either kind, for statements whose one parameter is many rows as JSON ([`bulk!`](crate::db::bulk)).

use crate::db::Sql;
use crate::error::StoreError;
use crate::hot::HotTx;
use crate::row::HotRow;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Postgres, Transaction};

/// What is done within a transaction.
pub(crate) trait Tx {
    /// The rows that a statement answers with.
    async fn all<R: Row>(&mut self, statement: Sql, many: &str) -> Result<Vec<R>, StoreError>;

    /// Runs a statement that answers nothing.
    async fn run(&mut self, statement: Sql, many: &str) -> Result<(), StoreError>;
}

/// A row of either kind.
pub(crate) trait Row: HotRow + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<R: HotRow + for<'r> FromRow<'r, PgRow> + Send + Unpin> Row for R {}

/// Works on the thread that asks.
impl Tx for HotTx {
    async fn all<R: Row>(&mut self, statement: Sql, many: &str) -> Result<Vec<R>, StoreError> {
        let mut statement = self.connection()?.prepare_cached(statement.sqlite)?;
        let rows = statement.query_map([many], R::of)?.collect::<Result<_, _>>()?;
        Ok(rows)
    }

    async fn run(&mut self, statement: Sql, many: &str) -> Result<(), StoreError> {
        self.connection()?.prepare_cached(statement.sqlite)?.execute([many])?;
        Ok(())
    }
}

impl Tx for Transaction<'_, Postgres> {
    async fn all<R: Row>(&mut self, statement: Sql, many: &str) -> Result<Vec<R>, StoreError> {
        Ok(sqlx::query_as(statement.postgres).bind(many).fetch_all(&mut **self).await?)
    }

    async fn run(&mut self, statement: Sql, many: &str) -> Result<(), StoreError> {
        sqlx::query(statement.postgres).bind(many).execute(&mut **self).await?;
        Ok(())
    }
}
