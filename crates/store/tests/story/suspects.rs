//! Readings that are held back and wait for a day.

use crate::scene::{LANE, accept, accepted, at, call, finished, lease, reading, stocked, tasks};
use crate::support::{Database, TestStore};
use rstest::rstest;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::time::UnixMs;
use simgauge_store::SettledSuspects;
use simgauge_store::SuspectFilter;

const HOUR: i64 = 3_600;
const NEVER: UnixMs = UnixMs(0);

async fn settle(store: &TestStore, seconds: i64) -> SettledSuspects {
    store.settle_due_suspects(at(seconds), NEVER, 1).await.unwrap()
}

async fn used(store: &TestStore, number: &str) -> Option<u64> {
    store.card("acme", CardKind::Sim, number).await.unwrap().unwrap().profiles[0].used
}

/// Two cards fall from 1000 to 500, the first one before the second.
async fn two_falls(store: &TestStore) {
    let lease = lease(store).await;
    let mut n = 0;
    for (second, usage) in [(0, 1000), (HOUR, 500)] {
        for number in ["8901", "8902"] {
            n += 1;
            let now = at(second + i64::from(n));
            accepted(&accept(store, &[call(number, n, now)], now).await[0]);
            let task = tasks(store).await.pop().unwrap();
            store.finish(&lease, &[finished(&task, now, Ok(reading(usage)))]).await.unwrap();
        }
    }
    let filter = SuspectFilter { lane: Some(LANE.to_owned()), ..SuspectFilter::default() };
    assert_eq!(store.waiting_suspects(&filter, None, 10).await.unwrap().len(), 2);
}

#[rstest]
#[tokio::test]
async fn a_fall_is_booked_a_day_after_it_was_read(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    two_falls(&store).await;
    // The first one was read at 1 h and 3 s.
    assert_eq!(settle(&store, 25 * HOUR + 2).await.booked, 0);
    assert_eq!(settle(&store, 25 * HOUR + 3).await.booked, 1);
    assert_eq!((used(&store, "8901").await, used(&store, "8902").await), (Some(500), Some(1000)));
    assert_eq!(settle(&store, 25 * HOUR + 4).await.booked, 1);
    assert_eq!(used(&store, "8902").await, Some(500));
}

#[rstest]
#[tokio::test]
async fn one_that_is_damaged_holds_up_no_other_one(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    two_falls(&store).await;
    store
        .run_raw(
            "UPDATE profile SET suspect = 'damaged' WHERE card = (SELECT id FROM card WHERE number = '8901')",
        )
        .await;
    let first = settle(&store, 26 * HOUR).await;
    assert_eq!((first.booked, first.damaged.len()), (0, 1));
    let second = settle(&store, 26 * HOUR).await;
    assert_eq!((second.booked, second.damaged.len()), (1, 0));
    let a_day_later = settle(&store, 50 * HOUR).await;
    assert_eq!((a_day_later.booked, a_day_later.damaged.len()), (0, 1));
}
