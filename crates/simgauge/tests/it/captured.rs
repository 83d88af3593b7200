//! Captured calls: a sign does not cover the path, so a body may be sent to another operation.

use crate::support::{Database, EID, ICCID, OPERATOR, server, sqlite_store};
use rstest::rstest;
use serde_json::json;
use tokio::sync::Mutex;

const REFRESH: &str = "/api/v3/card/refreshUsage";
const READ: &str = "/api/v3/card/getCardsInfo";
const HISTORY: &str = "/api/v3/card/usageHistory";

#[rstest]
#[tokio::test]
async fn a_read_that_was_used_refreshes_nothing(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let server = server().database(database).start().await;
    let body = server.signed(json!({ "iccid": ICCID })).to_string();
    server.post(READ, body.clone()).await.expect("200");
    server.post(REFRESH, body.clone()).await.expect("409");
    server.post(HISTORY, body.clone()).await.expect("409");
    let esim = server.signed(json!({ "eid": EID })).to_string();
    server.post("/api/v3/cloudesim/get", esim.clone()).await.expect("200");
    server.post("/api/v3/cloudesim/refreshUsage", esim).await.expect("409");
    assert!(server.refreshes_of(ICCID, 9).await.unwrap().is_empty(), "no cooldown was spent");
    assert_eq!(server.simulator.stats(OPERATOR).requests, 0);
    // The card's owner can refresh it, and the captured read is no use afterwards either.
    server.refresh_sim(ICCID).await.expect("200");
    server.post(REFRESH, body.clone()).await.expect("409");
    server.travel_to(240);
    server.post(REFRESH, body).await.expect("409");
}

#[rstest]
#[tokio::test]
async fn a_refresh_that_was_captured_can_read_once_and_is_still_answered_alike(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let mut server = server().database(database).start().await;
    let body = server.signed(json!({ "iccid": ICCID })).to_string();
    let id = server.post(REFRESH, body.clone()).await.refresh_id();
    server.post(READ, body.clone()).await.expect("200");
    server.post(READ, body.clone()).await.expect("409");
    assert_eq!(server.post(REFRESH, body.clone()).await.refresh_id(), id, "its owner sends it again");
    server.stop().await;
    server.start().await;
    server.post(READ, body.clone()).await.expect("200");
    assert_eq!(server.post(REFRESH, body).await.refresh_id(), id, "known by the store, too");
    assert_eq!(server.refreshes_of(ICCID, 9).await.unwrap().len(), 1);
}

/// A refresh that was not taken leaves nothing behind, so that its caller can send the same bytes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_that_was_answered_503_can_be_sent_again() {
    let server = server().configure(|config| config.refresh.accept_queue = 1).start().await;
    let bodies: Vec<String> = server
        .add_cards(2)
        .await
        .iter()
        .map(|number| server.signed(json!({ "iccid": number })).to_string())
        .collect();
    let other = sqlite_store(&server.config.store.url);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let other = Mutex::new(other);
    // One of them waits for the store, the other one finds the queue full.
    let send = async |body: &String| {
        let answer = server.post(REFRESH, body.clone()).await;
        if answer.code() == "503" {
            other.lock().await.execute_batch("ROLLBACK").unwrap();
        }
        answer.code().to_owned()
    };
    let (first, second) = tokio::join!(send(&bodies[0]), send(&bodies[1]));
    assert_eq!([first.as_str(), second.as_str()].iter().filter(|code| **code == "503").count(), 1);
    let refused = &bodies[usize::from(second == "503")];
    let id = server.post(REFRESH, refused.clone()).await.refresh_id();
    assert_eq!(server.post(REFRESH, refused.clone()).await.refresh_id(), id);
}
