//! Once in five minutes.

use crate::support::{Database, EID, ICCID, OPERATOR, server};
use futures::future::join_all;
use rstest::rstest;
use serde_json::json;
use std::time::Duration;

const PATH: &str = "/api/v3/card/refreshUsage";
const TIMEOUT: Duration = Duration::from_secs(10);

#[rstest]
#[tokio::test]
async fn a_second_call_is_refused_with_the_right_seconds_also_after_a_restart(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let mut server = server().database(database).start().await;
    let first = server.refresh_sim(ICCID).await;
    let next_at = first.expect("200")["nextRefreshAt"].as_i64().unwrap();
    for restart in [false, true] {
        if restart {
            server.stop().await;
            server.start().await;
        }
        server.travel_to(100);
        let second = server.refresh_sim(ICCID).await;
        let now = server.clock.now().seconds();
        let data = second.expect("429").clone();
        assert_eq!(second.status, 200, "published clients throw the body away on anything else");
        let seconds = data["retryAfterSeconds"].as_i64().unwrap();
        assert_eq!(data["nextRefreshAt"], next_at);
        assert!((next_at - now - 1..=next_at - now + 1).contains(&seconds), "{seconds}");
        assert_eq!(second.headers["retry-after"], seconds.to_string());
        assert!(second.message().contains(&seconds.to_string()));
    }
    server.ended(&first.refresh_id(), TIMEOUT).await;
    server.travel_to(302);
    assert_ne!(server.refresh_sim(ICCID).await.refresh_id(), first.refresh_id());
}

#[rstest]
#[tokio::test]
async fn of_a_hundred_parallel_calls_one_is_accepted(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let server = server().database(database).start().await;
    let answers = join_all((0..100).map(|_| server.refresh_sim(ICCID))).await;
    let accepted: Vec<_> = answers.iter().filter(|answer| answer.code() == "200").collect();
    assert_eq!(accepted.len(), 1);
    assert!(answers.iter().all(|answer| matches!(answer.code(), "200" | "429")));
    server.ended(&accepted[0].refresh_id(), TIMEOUT).await;
    assert_eq!(server.simulator.stats(OPERATOR).requests, 1);
}

#[tokio::test]
async fn an_identical_request_is_answered_alike_and_triggers_nothing() {
    let server = server().start().await;
    let now = server.clock.now().seconds();
    // A timestamp from a clock that goes ahead: the request stays good after the cooldown.
    let body = server.signed(json!({ "iccid": ICCID, "timestamp": now + 290 })).to_string();
    let ids: Vec<String> = join_all((0..20).map(|_| server.post(PATH, body.clone())))
        .await
        .iter()
        .map(|answer| answer.refresh_id())
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    server.ended(&ids[0], TIMEOUT).await;
    server.travel_to(305);
    assert_eq!(server.post(PATH, body).await.refresh_id(), ids[0]);
    assert_eq!(server.simulator.stats(OPERATOR).requests, 1);
    assert_ne!(server.refresh_sim(ICCID).await.refresh_id(), ids[0]);
}

#[tokio::test]
async fn each_kind_has_its_own_setting() {
    let server = server()
        .configure(|config| {
            config.refresh.sim_cooldown_seconds = 60;
            config.refresh.cloud_esim_cooldown_seconds = 0;
        })
        .start()
        .await;
    let esim = async || {
        server.post("/api/v3/cloudesim/refreshUsage", server.signed(json!({ "eid": EID })).to_string()).await
    };
    esim().await.expect("200");
    esim().await.expect("200");
    server.refresh_sim(ICCID).await.expect("200");
    assert!(server.refresh_sim(ICCID).await.expect("429")["retryAfterSeconds"].as_u64().unwrap() <= 60);
}
