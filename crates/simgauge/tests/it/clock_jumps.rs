//! A clock that jumped a day ahead and was put back.

use crate::support::{Database, ICCID, LANE, OPERATOR, server};
use rstest::rstest;
use simgauge::config::Config;
use std::time::Duration;

const DAY: i64 = 86_400;
const PATIENCE: Duration = Duration::from_secs(20);

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_in_the_future_cools_for_a_cooldown_from_now(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
    #[values(false, true)] restart: bool,
) {
    let mut server = server().database(database).start().await;
    server.travel_to(DAY);
    let ahead = server.refresh_sim(ICCID).await.refresh_id();
    server.ended(&ahead, PATIENCE).await;
    if restart {
        server.stop().await;
    }
    server.travel_to(0);
    if restart {
        server.start().await;
    }
    let wait = server.refresh_sim(ICCID).await.expect("429")["retryAfterSeconds"].as_i64().unwrap();
    assert!((299..=300).contains(&wait), "{wait}");
    // It does not begin anew with each call.
    server.travel_to(200);
    let wait = server.refresh_sim(ICCID).await.expect("429")["retryAfterSeconds"].as_i64().unwrap();
    assert!((98..=100).contains(&wait), "{wait}");
    server.travel_to(301);
    let next = server.refresh_sim(ICCID).await.refresh_id();
    assert_ne!(next, ahead);
    server.refresh_sim(ICCID).await.expect("429");
    assert_eq!(server.ended(&next, PATIENCE).await["state"], "succeeded");
    assert_eq!(server.simulator.stats(OPERATOR).requests, 2);
}

/// What was accepted in the future and not read yet is read, once.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_from_the_future_ends(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    // A paused lane takes new work only where a wait has no limit.
    let unlimited = |config: &mut Config| config.refresh.max_wait_seconds = 0;
    let mut server = server().database(database).configure(unlimited).start().await;
    server.store().pause_lane(LANE, "ann", "", server.clock.now()).await.unwrap();
    server.travel_to(DAY);
    let waiting = server.refresh_sim(ICCID).await.refresh_id();
    server.stop().await;
    server.travel_to(0);
    server.start().await;
    server.store().resume_lane(LANE).await.unwrap();
    assert_eq!(server.ended(&waiting, PATIENCE).await["state"], "succeeded");
    assert_eq!(server.simulator.stats(OPERATOR).requests, 1);
}
