use super::*;
use crate::copy::table::Edition;
use crate::store::Store;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::Path;

/// Tables and columns of an SQLite file.
fn columns(file: &Path, left_out: &[&str]) -> BTreeSet<(String, String)> {
    let connection = Connection::open(file).expect("opens");
    let mut statement = connection
        .prepare(
            "SELECT t.name, c.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c \
             WHERE t.type = 'table'",
        )
        .expect("prepares");
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("lists");
    let found = found.collect::<rusqlite::Result<BTreeSet<(String, String)>>>().expect("reads");
    found.into_iter().filter(|(table, _)| !left_out.contains(&table.as_str())).collect()
}

/// A column that a later version adds has to be copied, too.
#[tokio::test]
async fn every_column_of_every_table_is_copied() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("store.db");
    let store = Store::connect(&format!("sqlite://{}", file.display()), 1).await.expect("opens");
    store.migrate().await.expect("migrates");
    let copied = TABLES
        .iter()
        .flat_map(|table| table.columns.iter().map(|column| (table.name.to_owned(), column.name.to_owned())));
    let left_out = ["audit_head", "fold_progress", "schema_version", "sqlite_sequence"];
    let found = columns(&file, &left_out);
    assert_eq!(copied.collect::<BTreeSet<_>>(), found);
}

#[test]
fn every_column_of_the_first_edition_is_brought_over() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("old.db");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/first-edition/store.db");
    std::fs::copy(fixture, &file).expect("copies");
    let used = |table: &str, name: &str| {
        let table = TABLES.iter().find(|known| known.first == table)?;
        let sources: Vec<String> =
            table.columns.iter().filter_map(|column| column.source(Edition::First)).collect();
        let is_name = |one: char| one.is_ascii_alphanumeric() || one == '_';
        Some(sources.iter().any(|source| source.split(|one| !is_name(one)).any(|word| word == name)))
    };
    let found = columns(&file, &["audit_head", "_sqlx_migrations", "sqlite_sequence"]);
    let lost: Vec<_> = found.into_iter().filter(|(table, name)| used(table, name) != Some(true)).collect();
    // `upgrade/notified_state.rs` rewrites it.
    assert_eq!(lost, [("card".to_owned(), "said".to_owned())]);
}
