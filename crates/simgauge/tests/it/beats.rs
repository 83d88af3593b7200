//! A program that refreshes a card at a steady beat.

use crate::support::{ICCID, TestServer, server};
use serde_json::json;
use simgauge_service::intake::SteadyBeat;

const PATH: &str = "/api/v3/card/refreshUsage";
const EVERY: i64 = 310;

/// Calls as a program does until the beat is steady; answers the body of the call that made it so.
async fn call_until_steady(server: &TestServer) -> String {
    let mut body = String::new();
    for call in 0..=24 {
        server.travel_to(call * EVERY);
        body = server.signed(json!({ "iccid": ICCID })).to_string();
        let answer = server.post(PATH, body.clone()).await;
        let warning = &answer.expect("200")["warning"];
        assert_eq!(warning.is_string(), call == 24, "call {call}: {warning}");
    }
    body
}

#[tokio::test]
async fn is_warned_and_let_through() {
    let server = server().start().await;
    call_until_steady(&server).await;
    server.travel_to(25 * EVERY);
    let body = server.signed(json!({ "iccid": ICCID })).to_string();
    let request =
        server.request(reqwest::Method::POST, PATH).header("accept-language", "en").body(body.clone());
    let warned = server.send(request).await;
    let warning = warned.expect("200")["warning"].as_str().unwrap();
    assert!(warning.contains("every 310 s"), "{warning}");
    // A person who presses in between is not taken for the program.
    server.travel_to(25 * EVERY + 450);
    assert!(server.refresh_sim(ICCID).await.expect("200").get("warning").is_none());
}

#[tokio::test]
async fn is_refused_where_the_platform_says_so() {
    let server = server().configure(|config| config.refresh.steady_beat = SteadyBeat::Refuse).start().await;
    let accepted = call_until_steady(&server).await;
    let id = server.post(PATH, accepted.clone()).await.refresh_id();
    server.travel_to(25 * EVERY);
    let refused = server.refresh_sim(ICCID).await;
    let seconds = refused.expect("429")["retryAfterSeconds"].as_i64().unwrap();
    assert!((12 * EVERY..=12 * EVERY + 20).contains(&seconds), "{seconds}");
    assert_eq!(refused.headers["retry-after"], seconds.to_string());
    let counted = |outcome| format!("simgauge_steady_beat_calls_total{{outcome=\"{outcome}\"}} 1\n");
    assert!(server.metrics().contains(&counted("warned")) && server.metrics().contains(&counted("refused")));
    assert!(refused.message().contains("310") && refused.message().contains("定时"), "{}", refused.message());
    let card = server.card(ICCID).await.expect("200").clone();
    assert_eq!(card["refresh"]["refreshId"], id.as_str(), "nothing was accepted");
    assert_eq!(card["nextRefreshAt"], serde_json::Value::Null, "and no cooldown used");
    assert_eq!(server.post(PATH, accepted).await.code(), "401", "its timestamp is past");
    server.travel_to(25 * EVERY + seconds);
    assert!(server.refresh_sim(ICCID).await.expect("200").get("warning").is_none());
}
