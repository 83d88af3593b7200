//! Statements in a transaction or on a reader, on the thread that asks.

use super::connection::blocking;
use super::readers::Reader;
use super::statement;
use super::writer::SqliteTx;
use crate::backend::row::Row;
use crate::backend::sql::{Param, Sql};
use crate::backend::tx::Tx;
use crate::error::StoreError;

impl Tx for SqliteTx {
    async fn all<R: Row>(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Vec<R>, StoreError> {
        blocking(|| statement::all(self.connection()?, sql.sqlite, params))
    }

    async fn one<R: Row>(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Option<R>, StoreError> {
        blocking(|| statement::one(self.connection()?, sql.sqlite, params))
    }

    async fn run(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<u64, StoreError> {
        blocking(|| statement::run(self.connection()?, sql.sqlite, params))
    }
}

impl Tx for Reader {
    async fn all<R: Row>(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Vec<R>, StoreError> {
        blocking(|| self.read(|connection| statement::all(connection, sql.sqlite, params)))
    }

    async fn one<R: Row>(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Option<R>, StoreError> {
        blocking(|| self.read(|connection| statement::one(connection, sql.sqlite, params)))
    }

    async fn run(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<u64, StoreError> {
        blocking(|| self.read(|connection| statement::run(connection, sql.sqlite, params)))
    }
}
