//! Running statements on a connection; the driver keeps them prepared.

use crate::backend::row::{Columns, Row};
use crate::backend::sql::{Param, Sql};
use crate::backend::tx::Tx;
use crate::error::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::{Arguments as _, Postgres, Transaction};

fn query(sql: Sql, params: &[Param<'_>]) -> Result<Query<'static, Postgres, PgArguments>, StoreError> {
    #[cfg(debug_assertions)]
    crate::backend::watch::used("postgres", sql.postgres, params);
    let mut arguments = PgArguments::default();
    for param in params {
        match param {
            Param::Int(value) => arguments.add(*value),
            Param::Text(text) => arguments.add(*text),
            Param::Blob(bytes) => arguments.add(*bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(sqlx::query_with(sql.postgres, arguments))
}

async fn all<R: Row>(
    connection: &mut PgConnection,
    sql: Sql,
    params: &[Param<'_>],
) -> Result<Vec<R>, StoreError> {
    let rows = query(sql, params)?.fetch_all(connection).await?;
    rows.iter().map(|row| R::read(&Columns::Postgres(row))).collect()
}

async fn one<R: Row>(
    connection: &mut PgConnection,
    sql: Sql,
    params: &[Param<'_>],
) -> Result<Option<R>, StoreError> {
    let row = query(sql, params)?.fetch_optional(connection).await?;
    row.map(|row| R::read(&Columns::Postgres(&row))).transpose()
}

async fn run(connection: &mut PgConnection, sql: Sql, params: &[Param<'_>]) -> Result<u64, StoreError> {
    Ok(query(sql, params)?.execute(connection).await?.rows_affected())
}

macro_rules! tx {
    ($($type:ty),+) => {
        $(impl Tx for $type {
            async fn all<R: Row>(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Vec<R>, StoreError> {
                all(&mut **self, sql, params).await
            }

            async fn one<R: Row>(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Option<R>, StoreError> {
                one(&mut **self, sql, params).await
            }

            async fn run(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<u64, StoreError> {
                run(&mut **self, sql, params).await
            }
        })+
    };
}

tx!(Transaction<'static, Postgres>, PoolConnection<Postgres>);
