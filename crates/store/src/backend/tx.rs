//! What both databases can do within a transaction or a read session.

use super::row::Row;
use super::sql::{Param, Sql};
use crate::error::StoreError;
use std::future::Future;

pub(crate) trait Tx: Send {
    /// The rows that a statement answers with.
    fn all<R: Row>(
        &mut self,
        sql: Sql,
        params: &[Param<'_>],
    ) -> impl Future<Output = Result<Vec<R>, StoreError>> + Send;

    /// The first row that a statement answers with.
    fn one<R: Row>(
        &mut self,
        sql: Sql,
        params: &[Param<'_>],
    ) -> impl Future<Output = Result<Option<R>, StoreError>> + Send;

    /// How many rows a statement changed.
    fn run(&mut self, sql: Sql, params: &[Param<'_>])
    -> impl Future<Output = Result<u64, StoreError>> + Send;
}
