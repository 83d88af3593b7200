//! The schema, and the file of an embedded store.

use crate::scene::{T0, accept, call, row};
use crate::support::{Database, TestStore, new_postgres_database_with};
use rstest::rstest;
use simgauge_store::{ImportRow, Store, StoreError};

#[rstest]
#[tokio::test]
async fn migrations_run_once_and_a_newer_database_is_refused(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = TestStore::new(database).await;
    assert_eq!(store.migrate().await.unwrap(), 0);
    assert!(store.is_current().await.unwrap());
    store.ping().await.unwrap();
    store.run_raw("INSERT INTO schema_version (version) VALUES (9999)").await;
    assert!(matches!(store.migrate().await, Err(StoreError::NewerDatabase(9999))));
    // While nodes are replaced one by one, those of the version before go on.
    assert!(store.is_current().await.unwrap());
}

#[rstest]
#[tokio::test]
async fn a_store_of_the_first_edition_is_refused(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = TestStore::new(database).await;
    store.run_raw("CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY)").await;
    let error = store.migrate().await.unwrap_err();
    assert!(matches!(error, StoreError::FirstEdition), "{error}");
    assert!(error.to_string().contains("simgauge migrate --from OLD --to NEW"));
    assert!(matches!(store.is_current().await, Err(StoreError::FirstEdition)));
}

/// It could not hold all labels, and an import would break off at the first of them.
#[tokio::test]
async fn a_database_that_cannot_hold_all_texts_is_refused() {
    let latin = "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0";
    let store = Store::connect(&new_postgres_database_with(latin).await, 2).await.unwrap();
    let refused = store.migrate().await.unwrap_err();
    assert!(refused.to_string().ends_with("whose encoding is UTF8"), "{refused}");
}

#[tokio::test]
async fn an_unknown_scheme_is_named() {
    assert!(matches!(Store::connect("mysql://x", 1).await, Err(StoreError::UnknownScheme)));
}

#[tokio::test]
async fn a_log_is_written_back_and_begun_anew() {
    let store = TestStore::new(Database::Sqlite).await;
    store.create_account("acme", "zh", T0).await.unwrap();
    for hundred in 0..3 {
        let mut import = store.import().await.unwrap();
        let cards: Vec<ImportRow> = (0..1000)
            .map(|n| row(&format!("8986{hundred:04}{n:011}"), &format!("8986{hundred:04}{n:011}")))
            .collect();
        assert!(import.add(&cards).await.unwrap().iter().all(Result::is_ok));
        import.commit().await.unwrap();
    }
    let long = store.log_pages().await.unwrap().unwrap();
    store.checkpoint().await.unwrap();
    assert_eq!(store.log_pages().await.unwrap(), Some(long), "written back, and there until the next write");
    accept(&store, &[call("8986000000000000000", 1, T0)], T0).await;
    let short = store.log_pages().await.unwrap().unwrap();
    assert!(short < 20 && long > 100, "{long} pages, then {short}");
}
