//! Readings are booked on packages.

use crate::scene::{T0, accept, accepted, at, call, finished, lease, reading, stocked, tasks};
use crate::support::Database;
use rstest::rstest;
use simgauge_domain::card_kind::CardKind;
use simgauge_store::{NewPackage, PackageError};

#[rstest]
#[tokio::test]
async fn readings_are_booked_on_packages(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = stocked(database).await;
    let package = |code: &str, total, to| NewPackage {
        card: "8901".into(),
        code: code.into(),
        name: format!("package {code}"),
        total: Some(total),
        valid_from: None,
        valid_to: Some(at(to)),
    };
    store.add_package(&package("late", 500, 10_000), T0).await.unwrap();
    store.add_package(&package("early", 300, 5_000), T0).await.unwrap();
    assert!(matches!(store.add_package(&package("early", 1, 9), T0).await, Err(PackageError::Exists(_))));
    let nowhere = NewPackage { card: "89".into(), ..package("x", 1, 9) };
    assert!(matches!(store.add_package(&nowhere, T0).await, Err(PackageError::NoCard(_))));
    let lease = lease(&store).await;
    let read = async |second: i64, used: u64| {
        let now = at(second);
        accepted(&accept(&store, &[call("8901", u32::try_from(second).unwrap(), now)], now).await[0]);
        let task = tasks(&store).await.pop().unwrap();
        store.finish(&lease, &[finished(&task, at(second + 1), Ok(reading(used)))]).await.unwrap();
        let card = store.card("acme", CardKind::Sim, "8901").await.unwrap().unwrap();
        let booked: Vec<(String, u64)> =
            card.packages.into_iter().map(|one| (one.package.code, one.package.booked)).collect();
        (booked, card.overage)
    };
    let early = |n| ("early".to_owned(), n);
    let late = |n| ("late".to_owned(), n);
    // 200 on what expires first; then 250 more: 100 still fit there, 150 on the next.
    assert_eq!(read(0, 200).await, (vec![early(200), late(0)], 0));
    assert_eq!(read(400, 450).await, (vec![early(300), late(150)], 0));
    // 850 used: 350 more fill the second package. 1000: 150 beyond both.
    assert_eq!(read(800, 850).await, (vec![early(300), late(500)], 50));
    assert_eq!(read(1200, 1000).await, (vec![early(300), late(500)], 200));
    // The operator takes 300 back: first the overage, then from what was booked last.
    // A fall is believed once a reading half an hour later agrees.
    assert_eq!(read(1600, 700).await, (vec![early(300), late(500)], 200));
    assert_eq!(read(3600, 700).await, (vec![early(300), late(400)], 0));
    assert_eq!(store.booked_sum(store.card_id("8901").await).await.unwrap(), 700);
    // A top-up changes no booking; less total does, and so does taking a package away.
    store.set_package_total("8901", "late", Some(350), at(3700)).await.unwrap();
    store.set_package_total("8901", "early", Some(1000), at(3700)).await.unwrap();
    assert_eq!(read(4000, 710).await, (vec![early(310), late(350)], 50));
    store.cover_overage("8901", "early", at(4100)).await.unwrap();
    store.remove_package("8901", "late", at(4100)).await.unwrap();
    assert_eq!(read(4400, 710).await, (vec![early(360)], 350));
    assert!(matches!(store.remove_package("8901", "late", T0).await, Err(PackageError::Unknown(_))));
    assert_eq!(
        store.booked_sum(store.card_id("8901").await).await.unwrap(),
        710,
        "whatever was done, the books add up to what was used"
    );
}
