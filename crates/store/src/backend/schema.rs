//! The schema's versions, and bringing a database up to the newest one.

use super::database::{Database, Transaction};
use super::schema_texts::{CREATE_VERSIONS, VERSIONS};
use super::sql::Sql;
use super::tx::Tx;
use crate::error::StoreError;

/// Nodes that start at the same moment take turns. The number is any; nothing else locks it.
const LOCK: Sql = Sql::postgres("SELECT pg_advisory_xact_lock(7463627254)");
const ENCODING: Sql = Sql::postgres("SELECT current_setting('server_encoding')");
const HAS_TABLE: Sql = Sql {
    sqlite: "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = $1",
    postgres: "SELECT count(*) FROM pg_class WHERE oid = to_regclass($1)",
};
const LATEST: Sql = Sql::both("SELECT COALESCE(max(version), 0) FROM schema_version");
const ADD_VERSION: Sql = Sql::both("INSERT INTO schema_version (version) VALUES ($1)");

/// The migrations' table of the first edition, whose schema this program does not know.
const FIRST_EDITION: &str = "_sqlx_migrations";

/// The version that this program was made for.
fn newest() -> i64 {
    (1..).zip(VERSIONS).map(|(version, _)| version).last().unwrap_or(0)
}

/// Brings a database up to the newest version; answers how many steps that took.
pub(crate) async fn migrate(database: &Database) -> Result<usize, StoreError> {
    let mut tx = database.write().await?;
    if let Transaction::Postgres(tx) = &mut tx {
        tx.run(LOCK, &[]).await?;
        // Another one cannot hold all names and labels, and would refuse them one by one.
        if tx.one::<String>(ENCODING, &[]).await?.is_none_or(|encoding| encoding != "UTF8") {
            return Err(StoreError::WrongKind("a PostgreSQL database whose encoding is UTF8"));
        }
    }
    let before = version(&mut tx).await?;
    if before == 0 && !has_table(&mut tx, "schema_version").await? {
        if let Database::Sqlite(database) = database {
            database.file().check_not_emptied()?;
        }
        tx.run(CREATE_VERSIONS, &[]).await?;
    }
    let mut steps = 0;
    for (version, text) in (1..).zip(VERSIONS).filter(|(version, _)| *version > before) {
        apply(&mut tx, version, text).await?;
        steps += 1;
    }
    tx.commit().await?;
    if let Database::Sqlite(database) = database {
        database.file().mark()?;
    }
    Ok(steps)
}

async fn apply(tx: &mut Transaction, version: i64, text: Sql) -> Result<(), StoreError> {
    tx.batch(text).await?;
    tx.run(ADD_VERSION, &[version.into()]).await?;
    Ok(())
}

/// Whether a database has the version that this program was made for, or a later one: while nodes are
/// replaced one by one, the old ones go on.
pub(crate) async fn is_current(database: &Database) -> Result<bool, StoreError> {
    match version(&mut database.read().await?).await {
        Ok(version) => Ok(version == newest()),
        Err(StoreError::NewerDatabase(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// The version of a database; 0 where it is empty.
async fn version(tx: &mut impl Tx) -> Result<i64, StoreError> {
    if is_first_edition(tx).await? {
        return Err(StoreError::FirstEdition);
    }
    if !has_table(tx, "schema_version").await? {
        return Ok(0);
    }
    let version = tx.one::<i64>(LATEST, &[]).await?.unwrap_or(0);
    if version > newest() {
        return Err(StoreError::NewerDatabase(version));
    }
    Ok(version)
}

/// Whether a program of the first edition wrote a database.
pub(crate) async fn is_first_edition(tx: &mut impl Tx) -> Result<bool, StoreError> {
    has_table(tx, FIRST_EDITION).await
}

async fn has_table(tx: &mut impl Tx, name: &str) -> Result<bool, StoreError> {
    Ok(tx.one::<i64>(HAS_TABLE, &[name.into()]).await? != Some(0))
}
