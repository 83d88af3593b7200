//! Leases exclude and fence.

use crate::scene::{LANE, T0, accept, accepted, at, call, finished, lease, put_off, reading, stocked, tasks};
use crate::support::{Database, nothing};
use rstest::rstest;
use simgauge_domain::card_kind::CardKind;
use simgauge_store::{Before, LaneResults, LeaseKind, StoreError};

#[rstest]
#[tokio::test]
async fn leases_exclude_and_fence(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = stocked(database).await;
    accepted(&accept(&store, &[call("8901", 1, T0)], T0).await[0]);
    let task = tasks(&store).await.pop().unwrap();
    let first = lease(&store).await;
    assert_eq!(store.lease(LeaseKind::Lane, LANE, "n2", at(9), at(20), false).await.unwrap(), None);
    store.renew(&first, at(15), r#"{"health":"ok"}"#).await.unwrap();
    assert_eq!(store.lease(LeaseKind::Lane, LANE, "n2", at(14), at(20), false).await.unwrap(), None);
    let second = store.lease(LeaseKind::Lane, LANE, "n2", at(15), at(25), false).await.unwrap().unwrap().0;
    assert!(second.epoch > first.epoch);
    let lost = |result: Result<(), StoreError>| assert!(matches!(result, Err(StoreError::LeaseLost(_))));
    lost(store.renew(&first, at(30), "{}").await);
    lost(store.mark_running(&first, std::slice::from_ref(&task.key)).await);
    lost(store.postpone(&first, &[put_off(&task, 1)]).await);
    lost(store.finish(&first, &[finished(&task, at(16), Ok(reading(1)))]).await.map(|_| ()));
    // A lane that was lost keeps no other one from writing.
    let other = store.lease(LeaseKind::Lane, "other", "n1", T0, at(30), false).await.unwrap().unwrap().0;
    let failed = finished(&task, at(16), Ok(reading(1)));
    let lost_ones = LaneResults { finished: vec![failed], ..nothing(&first) };
    assert_eq!(store.write_results(&[lost_ones, nothing(&other)]).await.unwrap(), [None, Some(Vec::new())]);
    assert_eq!(store.card("acme", CardKind::Sim, "8901").await.unwrap().unwrap().profiles[0].used, None);
    store.release(&first, "late").await.unwrap();
    assert_eq!(
        store.lease(LeaseKind::Lane, LANE, "n3", at(17), at(27), false).await.unwrap(),
        None,
        "an old release frees nothing"
    );
    store.release(&second, "last words").await.unwrap();
    let (third, before) =
        store.lease(LeaseKind::Lane, LANE, "n3", at(17), at(27), false).await.unwrap().unwrap();
    assert_eq!(before, Before::GivenBack("last words".into()));
    let (_, before) = store.lease(LeaseKind::Lane, LANE, "n4", at(17), at(27), true).await.unwrap().unwrap();
    assert_eq!(before, Before::Lost, "seized");
    lost(store.renew(&third, at(30), "{}").await);
    let fresh = store.lease(LeaseKind::Lane, "another", "n4", at(17), at(27), false).await.unwrap().unwrap();
    assert_eq!(fresh.1, Before::Nobody);
    let lanes = store.lanes().await.unwrap();
    let main = lanes.iter().find(|lane| lane.name == LANE).unwrap();
    assert_eq!((main.holder.as_str(), main.status.as_str()), ("n4", "{}"));
}
