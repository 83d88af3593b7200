//! Accounts and apps.

use crate::scene::{T0, stocked};
use crate::support::Database;
use rstest::rstest;
use simgauge_store::StoreError;

#[rstest]
#[tokio::test]
async fn accounts_and_apps(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = stocked(database).await;
    assert!(matches!(store.create_account("acme", "en", T0).await, Err(StoreError::Exists(_))));
    assert!(matches!(store.create_app("k", "acme", "", b"x", T0).await, Err(StoreError::Exists(_))));
    assert!(matches!(store.create_app("k2", "nobody", "", b"x", T0).await, Err(StoreError::Missing(_))));
    let app = store.app("k").await.unwrap().unwrap();
    assert_eq!(
        (app.account.as_str(), app.language.as_str(), app.secret.as_slice()),
        ("acme", "zh", b"sealed".as_slice())
    );
    assert_eq!(store.app("K").await.unwrap(), None);
    store.set_app_disabled("k", true).await.unwrap();
    store.set_app_secret("k", b"new", None).await.unwrap();
    let app = store.app("k").await.unwrap().unwrap();
    assert_eq!((app.disabled, app.secret.as_slice()), (1, b"new".as_slice()));
    assert!(matches!(store.set_app_disabled("no", true).await, Err(StoreError::Missing(_))));
    assert_eq!(store.accounts().await.unwrap().len(), 2);
    assert_eq!(store.apps().await.unwrap().len(), 1);
}
