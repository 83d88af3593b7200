//! The two schema texts say the same: tables, columns with type, nullability and default, keys, indexes.
#![allow(clippy::unwrap_used)]

mod support;

use rusqlite::Connection;
use simgauge_store::sqlite_file;
use sqlx::{AssertSqlSafe, PgPool};
use std::collections::BTreeSet;
use support::{Database, TestStore};

/// One line per thing in a catalog, in PostgreSQL's words.
type Catalog = BTreeSet<String>;

/// Columns, keys and indexes of SQLite.
fn sqlite_catalog(connection: &Connection) -> Catalog {
    let lines = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let tables = "(SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%') AS t";
    let mut catalog = Catalog::new();
    // A key's columns are never null.
    catalog.extend(lines(&format!(
        "SELECT 'column ' || t.name || '.' || c.name || ' ' || CASE c.type WHEN 'INTEGER' THEN 'bigint' \
         WHEN 'BLOB' THEN 'bytea' ELSE lower(c.type) END || iif(c.\"notnull\" OR c.pk > 0, ' not null', '') \
         || COALESCE(' default ' || c.dflt_value, '') FROM {tables} JOIN pragma_table_info(t.name) AS c"
    )));
    catalog.extend(lines(&format!(
        "SELECT 'primary key of ' || t.name || ': ' || group_concat(c.name, ', ' ORDER BY c.pk) \
         FROM {tables} JOIN pragma_table_info(t.name) AS c WHERE c.pk > 0 GROUP BY t.name"
    )));
    catalog.extend(lines(&format!(
        "SELECT 'unique in ' || t.name || ': ' || group_concat(i.name, ', ' ORDER BY i.seqno) FROM {tables} \
         JOIN pragma_index_list(t.name) AS l JOIN pragma_index_info(l.name) AS i \
         WHERE l.origin = 'u' GROUP BY t.name, l.name"
    )));
    catalog.extend(lines(&format!(
        "SELECT 'foreign key ' || t.name || '.' || f.\"from\" || ' to ' || f.\"table\" || '.' || f.\"to\" \
         FROM {tables} JOIN pragma_foreign_key_list(t.name) AS f"
    )));
    catalog.extend(lines(
        "SELECT 'identity ' || name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'",
    ));
    let indexes = lines("SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL");
    catalog.extend(indexes.iter().map(|sql| index(sql)));
    catalog
}

async fn postgres_catalog(pool: &PgPool) -> Catalog {
    let mut catalog = Catalog::new();
    let constraint = |kind: char, words: &str| {
        format!(
            "SELECT '{words} ' || c.conrelid::regclass || ': ' || string_agg(a.attname, ', ' ORDER BY \
             k.place) \
             FROM pg_constraint AS c CROSS JOIN unnest(c.conkey) WITH ORDINALITY AS k(number, place) \
             JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.number \
             WHERE c.contype = '{kind}' AND c.connamespace = 'public'::regnamespace GROUP BY c.oid, \
             c.conrelid"
        )
    };
    let statements = [
        "SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type \
         || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END \
         || COALESCE(' default ' || replace(column_default, '::text', ''), '') \
         FROM information_schema.columns WHERE table_schema = 'public'"
            .to_owned(),
        "SELECT 'identity ' || table_name FROM information_schema.columns \
         WHERE table_schema = 'public' AND is_identity = 'YES'"
            .to_owned(),
        constraint('p', "primary key of"),
        constraint('u', "unique in"),
        "SELECT 'foreign key ' || c.conrelid::regclass || '.' || a.attname || ' to ' || \
         c.confrelid::regclass \
         || '.' || b.attname FROM pg_constraint AS c \
         JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] \
         JOIN pg_attribute AS b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1] \
         WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND cardinality(c.conkey) = 1"
            .to_owned(),
    ];
    for statement in statements {
        let lines: Vec<String> = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_all(pool).await.unwrap();
        catalog.extend(lines);
    }
    // Those of keys are there as keys.
    let indexes: Vec<String> = sqlx::query_scalar(
        "SELECT pg_get_indexdef(i.indexrelid) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid \
         WHERE c.relnamespace = 'public'::regnamespace \
         AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid)",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    catalog.extend(indexes.iter().map(|sql| index(sql)));
    catalog
}

/// An index without what only one of the two says: PostgreSQL's schema, method, types and collations, and
/// parentheses around a whole condition.
fn index(sql: &str) -> String {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let mut text = words.join(" ");
    for noise in ["public.", "USING btree ", "::text", " COLLATE \"C\""] {
        text = text.replace(noise, "");
    }
    if let Some((head, condition)) = text.split_once(" WHERE ") {
        let inner = condition.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        text = format!("{head} WHERE {}", inner.unwrap_or(condition));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_have_the_same_catalog() {
    let (sqlite, postgres) =
        (TestStore::new(Database::Sqlite).await, TestStore::new(Database::Postgres).await);
    let ours = sqlite_catalog(&Connection::open(sqlite_file(sqlite.url()).unwrap()).unwrap());
    let theirs = postgres_catalog(&PgPool::connect(postgres.url()).await.unwrap()).await;
    let only = |one: &Catalog, other: &Catalog| one.difference(other).cloned().collect::<Vec<_>>();
    assert_eq!(
        (only(&ours, &theirs), only(&theirs, &ours)),
        (vec![], vec![]),
        "only SQLite, only PostgreSQL"
    );
    // The comparison sees every kind of thing.
    for expected in [
        "column card.number text not null",
        "column app.sign_type text not null default 'SHA-1'",
        "column app.old_secret bytea",
        "primary key of reading: card, began_at, profile",
        "unique in profile: card, iccid",
        "foreign key package.card to card.id",
        "identity card",
        "CREATE INDEX card_by_status ON card (status, number) WHERE status <> 'ACTIVATED_NAME'",
    ] {
        assert!(ours.contains(expected), "{expected}\n{ours:#?}");
    }
}
