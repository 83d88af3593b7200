//! The statements that make the schema.

use super::sql::Sql;

/// One text per version, from 1 on: what makes it of the version before.
pub(super) const VERSIONS: [Sql; 1] = [Sql {
    sqlite: include_str!("../../schema/sqlite.sql"),
    postgres: include_str!("../../schema/postgres.sql"),
}];

pub(super) const CREATE_VERSIONS: Sql = Sql::both("CREATE TABLE schema_version (version BIGINT PRIMARY KEY)");

/// The texts that make the newest version of an SQLite database.
pub(super) fn sqlite_texts() -> impl Iterator<Item = &'static str> {
    std::iter::once(CREATE_VERSIONS).chain(VERSIONS).map(|sql| sql.sqlite)
}
