//! Moving up from SQLite to PostgreSQL, and backing up.
#![allow(clippy::unwrap_used)]

mod support;

use simgauge_domain::accept::AcceptRule;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::UnixMs;
use simgauge_store::{
    AcceptCall, AcceptOutcome, Admission, CardRules, ImportRow, NewPackage, Store, StoreError,
};
use std::time::Duration;
use support::{Database, TestStore};

const T0: UnixMs = UnixMs(1_800_000_000_000);

async fn stocked() -> TestStore {
    let store = TestStore::new(Database::Sqlite).await;
    store.create_account("acme", "zh", T0).await.unwrap();
    store.create_app("k", "acme", "", &[0, 1, 255, 39], T0).await.unwrap();
    // More than two pages.
    let rows: Vec<ImportRow> = (0..12_345)
        .map(|n| ImportRow {
            number: format!("8986{n:015}"),
            kind: CardKind::Sim,
            account: "acme".into(),
            status: "ACTIVATED_NAME".into(),
            label: format!("it's \"card\" {n} 卡\\"),
            iccid: format!("8986{n:015}"),
            operator_account: "main".into(),
        })
        .collect();
    let mut import = store.import().await.unwrap();
    import.add(&rows).await.unwrap();
    import.commit().await.unwrap();
    let package = NewPackage {
        card: rows[7].number.clone(),
        code: "p".into(),
        name: "包".into(),
        total: None,
        valid_from: Some(T0),
        valid_to: None,
    };
    store.add_package(&package, T0).await.unwrap();
    accept(&store, &rows[7].number, T0).await;
    store.run_raw("UPDATE profile SET operator_id = '4711@0a1b2c3d' WHERE iccid LIKE '%7'").await;
    store
}

async fn accept(store: &Store, number: &str, now: UnixMs) -> AcceptOutcome {
    let rule = AcceptRule::new(Duration::from_secs(300), Duration::from_secs(300));
    let call = AcceptCall {
        account: "acme".into(),
        appkey: "k".into(),
        kind: CardKind::Sim,
        number: number.into(),
        sign: format!("{:040X}", now.0),
        is_exact: false,
        sign_was_used: false,
        id: RefreshId::new(now, 1),
    };
    let rules = CardRules { sim: rule, cloud_esim: rule };
    store.accept(&[call], &rules, &|_, _| Admission::Taken, now).await.unwrap().remove(0)
}

#[tokio::test]
async fn everything_moves_to_postgresql_and_may_be_moved_again() {
    let source = stocked().await;
    let target = TestStore::new(Database::Postgres).await;
    for _ in 0..2 {
        let mut reported_rows = 0;
        let copied =
            source.copy_to(&target, &mut |_, rows| reported_rows = reported_rows.max(rows)).await.unwrap();
        assert_eq!(reported_rows, 12_345);
        assert!(copied.iter().all(|table| table.agrees), "{copied:?}");
        assert_eq!(copied.iter().find(|table| table.name == "card").unwrap().rows, 12_345);
    }
    let number = "8986000000000000007";
    let card = target.card_of_any(number).await.unwrap().unwrap();
    assert_eq!(card, source.card_of_any(number).await.unwrap().unwrap());
    assert_eq!(target.app("k").await.unwrap().unwrap().secret, [0, 1, 255, 39]);
    let tasks = target.tasks_after("main", "acme", None, 9).await.unwrap();
    let ids: Vec<_> = tasks.into_iter().map(|task| task.unwrap().operator_id).collect();
    assert_eq!(ids, [Some("4711@0a1b2c3d".to_owned())]);
    let early = accept(&target, number, UnixMs(T0.0 + 299_000)).await;
    assert!(matches!(early, AcceptOutcome::Cooling { .. }), "the cooldown moved, too: {early:?}");
    let later = accept(&target, number, UnixMs(T0.0 + 300_000)).await;
    assert!(matches!(later, AcceptOutcome::Accepted { .. }));
    // What differs afterwards is found.
    target.run_raw("UPDATE card SET label = 'x' WHERE number = '8986000000000000001'").await;
    let copied = source.copy_to(&target, &mut |_, _| {}).await.unwrap();
    assert!(!copied.iter().find(|table| table.name == "card").unwrap().agrees);
}

#[tokio::test]
async fn a_backup_is_a_store() {
    let store = stocked().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup.db");
    store.back_up(&file).await.unwrap();
    assert!(matches!(store.back_up(&file).await, Err(StoreError::Exists(_))), "nothing is overwritten");
    let restored = Store::connect(&format!("sqlite://{}", file.display()), 2).await.unwrap();
    assert!(restored.is_current().await.unwrap());
    let number = "8986000000000000007";
    assert_eq!(restored.card_of_any(number).await.unwrap(), store.card_of_any(number).await.unwrap());
    let postgres = TestStore::new(Database::Postgres).await;
    assert!(matches!(postgres.back_up(&dir.path().join("no")).await, Err(StoreError::WrongKind(_))));
    assert!(matches!(postgres.copy_to(&store, &mut |_, _| {}).await, Err(StoreError::WrongKind(_))));
}
