//! What is repeated, how, and when not.

use crate::support::{APPKEY, Act, Server, answer, answer_with};
use simgauge_client::answer::RefreshState;
use simgauge_client::{ClientError, Code, RefreshOptions};
use std::time::{Duration, Instant};

const ACCEPTED: &str = concat!(
    r#"{"code":"200","message":"操作成功","data":{"refreshId":"01j","state":"queued","#,
    r#""acceptedAt":1800000000,"nextRefreshAt":1800000300}}"#
);
const CARD: &str = concat!(
    r#"{"code":"200","message":"success","data":{"iccid":"8988","cardStatus":"ACTIVATED_NAME","label":"","#,
    r#""usage":null,"packages":[],"profiles":[],"refresh":null,"nextRefreshAt":null}}"#
);
const BUSY: &str = r#"{"code":"503","message":"busy","data":{"retryAfterSeconds":1}}"#;

#[tokio::test]
async fn a_refresh_repeats_the_identical_request() {
    let server =
        Server::play([Act::HangUp, answer(502, "<html>bad gateway</html>"), answer(200, ACCEPTED)]).await;
    let client = server.client();
    let accepted = client.refresh_sim("8988308650100524999", RefreshOptions { wait: Some(3) }).await.unwrap();
    assert_eq!((accepted.refresh_id.as_str(), accepted.state), ("01j", RefreshState::Queued));
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|one| one.body == seen[0].body), "the very same bytes");
    assert!(seen[0].is_rightly_signed());
    assert_eq!(seen[0].path, "/api/v3/card/refreshUsage");
    let json = seen[0].json();
    assert_eq!((json["appkey"].as_str(), json["wait"].as_u64()), (Some(APPKEY), Some(3)));
}

#[tokio::test]
async fn a_read_signs_anew() {
    let server = Server::play([Act::HangUp, answer(500, "{}"), answer(200, CARD)]).await;
    server.client().sim("8988").await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    let mut signs: Vec<String> = seen.iter().map(|one| one.sign()).collect();
    signs.dedup();
    assert_eq!(signs.len(), 3);
    assert!(seen.iter().all(|one| one.is_rightly_signed()));
}

#[tokio::test]
async fn reads_in_one_second_never_share_a_sign() {
    let server = Server::play([answer(200, CARD)]).await;
    let client = server.client();
    for _ in 0..50 {
        client.sim("8988").await.unwrap();
    }
    let mut nonces: Vec<i64> =
        server.seen().iter().map(|one| one.json()["nonce"].as_i64().unwrap()).collect();
    assert!(nonces.iter().all(|nonce| (10_000..=99_999).contains(nonce)));
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), 50);
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    for busy in [
        answer(503, BUSY),
        answer_with(503, "Retry-After: 1\r\n", r#"{"code":"503","message":"busy"}"#),
        answer_with(503, "Retry-After: 1\r\n", "<html>busy</html>"),
    ] {
        let server = Server::play([busy, answer(200, ACCEPTED)]).await;
        let began = Instant::now();
        server
            .client()
            .refresh_cloud_esim("11111111111111111111111111", RefreshOptions::default())
            .await
            .unwrap();
        assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
        assert_eq!(server.seen().len(), 2);
    }
}

#[tokio::test]
async fn the_budget_is_never_overdrawn() {
    let server = Server::play([answer(503, BUSY)]).await;
    let began = Instant::now();
    let error = server.builder().retry_budget(Duration::from_millis(900)).build().unwrap().sim("8988").await;
    assert!(began.elapsed() < Duration::from_millis(900), "the server asks for longer than there is");
    let Err(ClientError::Refused(refusal)) = error else { panic!("{error:?}") };
    assert_eq!((refusal.known_code(), refusal.retry_after_seconds()), (Some(Code::Unavailable), Some(1)));
    assert_eq!(server.seen().len(), 1);

    let server = Server::play([answer(500, "{}"), answer(500, "{}"), Act::Silence]).await;
    let began = Instant::now();
    let client = server.builder().retry_budget(Duration::from_millis(1500)).build().unwrap();
    client.sim("8988").await.unwrap_err();
    let took = began.elapsed();
    assert!(took < Duration::from_millis(1900), "{took:?}");
    assert!(server.seen().len() > 1);
}

#[tokio::test]
async fn a_time_out_is_told_apart() {
    let server = Server::play([Act::Silence]).await;
    let client = server.one_shot_within(Duration::from_millis(200));
    let began = Instant::now();
    let error = client.sim("8988").await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(matches!(error, ClientError::Transport { timed_out: true, .. }), "{error:?}");

    let mut nobody = Server::play([Act::HangUp]).await;
    nobody.url = "http://127.0.0.1:1".to_owned();
    let error = nobody.one_shot().sim("8988").await.unwrap_err();
    assert!(matches!(error, ClientError::Transport { timed_out: false, .. }), "{error:?}");
}

#[tokio::test]
async fn a_held_answer_gets_the_time_it_asked_for() {
    let server = Server::play([Act::Silence]).await;
    let client = server.one_shot_within(Duration::from_millis(100));
    let began = Instant::now();
    client.refresh_sim("8988", RefreshOptions { wait: Some(1) }).await.unwrap_err();
    assert!(began.elapsed() >= Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn refusals_are_not_repeated() {
    let cooling =
        r#"{"code":"429","message":"冷却中","data":{"retryAfterSeconds":123,"nextRefreshAt":1800000300}}"#;
    let server = Server::play([answer(200, cooling)]).await;
    let error = server.client().refresh_sim("8988", RefreshOptions::default()).await.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(refusal.known_code(), Some(Code::TooMany));
    assert_eq!((refusal.retry_after_seconds(), refusal.next_refresh_at()), (Some(123), Some(1_800_000_300)));
    assert_eq!(server.seen().len(), 1);
}
