//! Who did what, on both databases.
#![allow(clippy::unwrap_used)]

mod support;

use rstest::rstest;
use simgauge_domain::audit::{ChainError, ChainPosition};
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::time::UnixMs;
use simgauge_store::{ImportRow, NewPackage, Store, StoreError};
use std::sync::Arc;
use support::{Database, TestStore};

const T0: UnixMs = UnixMs(1_800_000_000_000);

fn acting_as(store: &TestStore, name: &str) -> Store {
    store.acting_as(name, Arc::new(|| T0))
}

async fn with_actions(database: Database) -> TestStore {
    let store = TestStore::new(database).await;
    let alice = acting_as(&store, "cli:alice");
    alice.create_account("acme", "zh", T0).await.unwrap();
    alice.create_app("k", "acme", "", b"sealed", T0).await.unwrap();
    alice.set_app_secret("k", b"new", Some(T0)).await.unwrap();
    alice.set_app_disabled("k", true).await.unwrap();
    store
}

#[rstest]
#[tokio::test]
async fn actions_are_recorded_and_failed_ones_are_not(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = with_actions(database).await;
    let bob = acting_as(&store, "console:bob");
    assert!(matches!(bob.create_account("acme", "zh", T0).await, Err(StoreError::Exists(_))));
    assert!(bob.set_app_disabled("nobody", true).await.is_err());
    let mut import = bob.import().await.unwrap();
    let row = ImportRow {
        number: "8901".into(),
        kind: CardKind::Sim,
        account: "acme".into(),
        status: "ACTIVATED_NAME".into(),
        label: String::new(),
        iccid: "8901".into(),
        operator_account: "main".into(),
    };
    import.add(&[row]).await.unwrap();
    import.commit().await.unwrap();
    let package = NewPackage {
        card: "8901".into(),
        code: "p".into(),
        name: "p".into(),
        total: Some(7),
        valid_from: None,
        valid_to: None,
    };
    bob.add_package(&package, T0).await.unwrap();
    // What the server does by itself is not audited.
    store.set_app_disabled("k", false).await.unwrap();
    store.note("x", "", "").await.unwrap();
    let entries = store.audit_after(0, 100).await.unwrap();
    let actions: Vec<_> = entries
        .iter()
        .map(|one| (one.actor.as_str(), one.action.as_str(), one.subject.as_str(), one.detail.as_str()))
        .collect();
    assert_eq!(
        actions,
        [
            ("cli:alice", "account.create", "acme", "language=zh"),
            ("cli:alice", "app.create", "k", "account=acme"),
            ("cli:alice", "app.rotate", "k", "old secret good until 1800000000000"),
            ("cli:alice", "app.disable", "k", ""),
            ("console:bob", "card.import", "", "rows=1 new=1 ids=1-1 changes=0"),
            ("console:bob", "package.add", "8901", "code=p total=7"),
        ]
    );
    assert_eq!(store.audit_newest(1).await.unwrap()[0], entries[5]);
    let end = store.verify_audit(None).await.unwrap().unwrap();
    assert_eq!((end.seq, &end.hash), (6, &entries[5].hash));
    assert_eq!(store.verify_audit(Some(end.clone())).await.unwrap(), Ok(end));
}

#[rstest]
#[case::changed("UPDATE audit SET detail = 'account=other' WHERE seq = 2", ChainError::Changed(2))]
#[case::another_actor("UPDATE audit SET actor = 'cli:mallory' WHERE seq = 4", ChainError::Changed(4))]
#[case::another_time("UPDATE audit SET at = at + 1 WHERE seq = 1", ChainError::Changed(1))]
#[case::first_removed("DELETE FROM audit WHERE seq = 1", ChainError::Missing(1))]
#[case::one_removed("DELETE FROM audit WHERE seq = 3", ChainError::Missing(3))]
#[case::last_removed("DELETE FROM audit WHERE seq = 4", ChainError::Missing(4))]
#[case::all_removed("DELETE FROM audit", ChainError::Missing(1))]
#[case::one_inserted_after_the_last(
    "INSERT INTO audit SELECT 5, at, actor, action, subject, detail, hash FROM audit WHERE seq = 4",
    ChainError::Inserted(5)
)]
#[case::one_inserted_before_the_first(
    "INSERT INTO audit SELECT 0, at, actor, action, subject, detail, hash FROM audit WHERE seq = 1",
    ChainError::Inserted(0)
)]
#[case::one_replaced_by_a_copy(
    "UPDATE audit SET action = 'app.enable', hash = (SELECT hash FROM audit AS other WHERE other.seq = 3) \
     WHERE seq = 2",
    ChainError::Changed(2)
)]
#[case::the_head("UPDATE audit_head SET seq = 3", ChainError::Inserted(4))]
#[tokio::test]
async fn tampering_is_seen(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
    #[case] tampering: &'static str,
    #[case] expected: ChainError,
) {
    let store = with_actions(database).await;
    assert!(store.verify_audit(None).await.unwrap().is_ok());
    store.run_raw(tampering).await;
    assert_eq!(store.verify_audit(None).await.unwrap(), Err(expected));
}

/// Who removes the last entry and mends the head leaves a chain that holds; the anchor that was kept tells.
#[rstest]
#[tokio::test]
async fn an_anchor_tells_of_a_chain_that_was_cut(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = with_actions(database).await;
    let kept = store.verify_audit(None).await.unwrap().unwrap();
    store.run_raw("DELETE FROM audit WHERE seq = 4").await;
    store.run_raw("UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit WHERE seq = 3)").await;
    assert!(store.verify_audit(None).await.unwrap().is_ok());
    assert_eq!(store.verify_audit(Some(kept.clone())).await.unwrap(), Err(ChainError::Missing(4)));
    // And goes on writing.
    acting_as(&store, "cli:mallory").set_app_disabled("k", false).await.unwrap();
    assert!(store.verify_audit(None).await.unwrap().is_ok());
    assert_eq!(store.verify_audit(Some(kept)).await.unwrap(), Err(ChainError::Rewritten(4)));
    let unknown = ChainPosition { seq: 9, hash: "00".repeat(32) };
    assert_eq!(store.verify_audit(Some(unknown)).await.unwrap(), Err(ChainError::Missing(5)));
}

#[rstest]
#[tokio::test]
async fn many_at_once_make_one_chain(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = with_actions(database).await;
    let mut actions = tokio::task::JoinSet::new();
    for n in 0..40 {
        let one = acting_as(&store, &format!("cli:{n}"));
        actions.spawn(async move { one.set_app_disabled("k", n % 2 == 0).await.unwrap() });
    }
    actions.join_all().await;
    assert_eq!(store.verify_audit(None).await.unwrap().unwrap().seq, 44);
}

#[tokio::test]
async fn the_chain_moves_along_to_postgresql() {
    let store = with_actions(Database::Sqlite).await;
    let target = TestStore::new(Database::Postgres).await;
    store.copy_to(&target, &mut |_, _| {}).await.unwrap();
    let end = store.verify_audit(None).await.unwrap();
    assert_eq!(target.verify_audit(None).await.unwrap(), end);
    acting_as(&target, "cli:alice").set_app_disabled("k", false).await.unwrap();
    assert_eq!(target.verify_audit(end.ok()).await.unwrap().unwrap().seq, 5);
}
