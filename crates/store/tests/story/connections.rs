//! Many who read and write at once, and transactions that nobody ends.

use crate::scene::{T0, row, stocked};
use crate::support::Database;
use rstest::rstest;
use simgauge_domain::card_kind::CardKind;

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_write_and_read_at_once(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = stocked(database).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..40 {
        let store = store.clone();
        tasks.spawn(async move {
            store.create_account(&format!("more{n}"), "en", T0).await.unwrap();
            assert!(store.accounts().await.unwrap().iter().any(|one| one.name == format!("more{n}")));
            store.card("acme", CardKind::Sim, "8901").await.unwrap().unwrap().id
        });
    }
    let cards = tasks.join_all().await;
    assert!(cards.iter().all(|card| *card == cards[0]));
    assert_eq!(store.accounts().await.unwrap().len(), 42, "40 and the two that were there");
}

#[rstest]
#[tokio::test]
async fn what_nobody_committed_is_rolled_back_and_others_go_on(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let mut import = store.import().await.unwrap();
    assert!(import.add(&[row("8903", "8903")]).await.unwrap()[0].is_ok());
    drop(import);
    assert_eq!(store.card_of_any("8903").await.unwrap(), None);
    let mut import = store.import().await.unwrap();
    assert!(import.add(&[row("8904", "8904")]).await.unwrap()[0].is_ok());
    import.commit().await.unwrap();
    assert!(store.card_of_any("8904").await.unwrap().is_some());
}

#[rstest]
#[tokio::test]
async fn ids_are_kept_by_a_second_import_and_never_shared(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let before = store.card_of_any("8901").await.unwrap().unwrap();
    let mut import = store.import().await.unwrap();
    assert!(import.add(&[row("8901", "8901"), row("8905", "8905")]).await.unwrap().iter().all(Result::is_ok));
    import.commit().await.unwrap();
    let after = store.card_of_any("8901").await.unwrap().unwrap();
    assert_eq!((after.id, after.profiles[0].id), (before.id, before.profiles[0].id));
    let mut profiles: Vec<_> =
        store.cards_after(None, "", 10).await.unwrap().into_iter().flat_map(|card| card.profiles).collect();
    let count = profiles.len();
    profiles.sort_by_key(|profile| profile.id);
    profiles.dedup_by_key(|profile| profile.id);
    assert_eq!((count, profiles.len()), (5, 5), "three physical cards and an eSIM of two profiles");
}
