//! Who gets in: allow-lists, quotas, rotated secrets, the stronger sign.

use crate::support::call::sign_body;
use crate::support::{Database, ICCID, SECRET, TestServer, server};
use rstest::rstest;
use serde_json::json;
use simgauge_client::{Client, SecretString, SignType};
use simgauge_service::clock::Clock;
use simgauge_store::StoredQuota;
use std::time::Duration;
use tokio::time::Instant;

const GET: &str = "/api/v3/card/getCardsInfo";
const TIMEOUT: Duration = Duration::from_secs(10);

/// Asks until the answer has this code: changes count once apps were read again.
async fn until(server: &TestServer, secret: &str, code: &str) {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let answer = call(server, secret, json!({})).await;
        if answer.code() == code {
            return;
        }
        assert!(Instant::now() < deadline, "still {answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn call(server: &TestServer, secret: &str, more: serde_json::Value) -> crate::support::call::Answer {
    let mut fields = json!({ "iccid": ICCID });
    for (name, value) in more.as_object().unwrap() {
        fields[name] = value.clone();
    }
    let mut body = server.signed(fields);
    body.as_object_mut().unwrap().shift_remove("sign");
    server.post(GET, sign_body(body, secret).to_string()).await
}

#[tokio::test]
async fn an_app_with_an_allow_list_calls_from_there_only() {
    let server = server()
        .configure(|config| {
            config.api.app_reload_seconds = 1;
            config.server.trusted_proxies = vec!["127.0.0.1".parse::<std::net::IpAddr>().unwrap().into()];
        })
        .start()
        .await;
    server.store().set_app_allow("k", "192.0.2.0/24,2001:db8::/32").await.unwrap();
    until(&server, SECRET, "403").await;
    let from = async |header: &str| {
        let body = server.signed(json!({ "iccid": ICCID })).to_string();
        let request = server.request(reqwest::Method::POST, GET).header("x-forwarded-for", header).body(body);
        server.send(request).await
    };
    from("192.0.2.7").await.expect("200");
    from("2001:db8::7").await.expect("200");
    for outside in ["198.51.100.7", "192.0.2.7, 198.51.100.7"] {
        let refused = from(outside).await;
        refused.expect("403");
        assert_eq!(refused.status, 200);
        assert!(refused.message().contains("198.51.100.7"), "{}", refused.message());
    }
    from("nonsense").await.expect("403");
    let card = server.card(ICCID).await;
    card.expect("403");
    assert!(card.message().contains("127.0.0.1"), "{}", card.message());
    let other = server.signed_as("k2", json!({ "iccid": crate::support::OTHERS_ICCID })).to_string();
    server.post(GET, other).await.expect("200");
}

/// Without a trusted proxy anybody could write the header.
#[tokio::test]
async fn a_header_of_nobody_does_not_count() {
    let server = server().configure(|config| config.api.app_reload_seconds = 1).start().await;
    server.store().set_app_allow("k", "192.0.2.0/24").await.unwrap();
    until(&server, SECRET, "403").await;
    let body = server.signed(json!({ "iccid": ICCID })).to_string();
    let request = server
        .request(reqwest::Method::POST, GET)
        .header("x-forwarded-for", "192.0.2.7")
        .header("forwarded", "for=192.0.2.7")
        .body(body);
    let refused = server.send(request).await;
    refused.expect("403");
    assert!(refused.message().contains("127.0.0.1"));
    server.store().set_app_allow("k", "127.0.0.0/8").await.unwrap();
    until(&server, SECRET, "200").await;
}

#[tokio::test]
async fn a_quota_is_kept_and_says_when_to_come_back() {
    let server = server()
        .configure(|config| {
            config.api.app_reload_seconds = 1;
            config.api.quota_per_second = 1;
            config.api.quota_burst = 4;
        })
        .start()
        .await;
    for _ in 0..4 {
        server.card(ICCID).await.expect("200");
    }
    let refused = server.refresh_sim(ICCID).await;
    assert_eq!(refused.expect("429")["retryAfterSeconds"], 1);
    assert_eq!((refused.status, &refused.headers["retry-after"]), (200, &"1".parse().unwrap()));
    assert!(refused.message().contains("每秒最多 1 次"), "{}", refused.message());
    let other = server.signed_as("k2", json!({ "iccid": crate::support::OTHERS_ICCID })).to_string();
    server.post(GET, other).await.expect("200");
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    server.refresh_sim(ICCID).await.expect("200");
    // Calls that are not let in use nothing up.
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    for _ in 0..5 {
        call(&server, "wrong", json!({})).await.expect("401");
    }
    server.card(ICCID).await.expect("200");
    // Another for this account alone.
    server.store().set_account_quota("acme", Some(StoredQuota { per_second: 0, burst: 0 })).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    for _ in 0..20 {
        server.card(ICCID).await.expect("200");
    }
    server.store().set_app_quota("k", Some(StoredQuota { per_second: 1, burst: 1 })).await.unwrap();
    until(&server, SECRET, "429").await;
}

#[rstest]
#[tokio::test]
async fn both_secrets_are_good_for_a_while(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let server =
        server().database(database).configure(|config| config.api.app_reload_seconds = 1).start().await;
    let sealer = server.config.sealer().unwrap();
    let rotate = async |secret: &str, until| {
        server.store().set_app_secret("k", &sealer.seal(secret, "k").unwrap(), until).await.unwrap();
    };
    rotate("new-secret", Some(Clock::default().now().after(Duration::from_secs(3600)))).await;
    until(&server, "new-secret", "200").await;
    call(&server, SECRET, json!({})).await.expect("200");
    server.travel_to(3601);
    call(&server, SECRET, json!({})).await.expect("401");
    call(&server, "new-secret", json!({})).await.expect("200");
    server.travel_to(0);
    rotate("newest-secret", None).await;
    until(&server, "newest-secret", "200").await;
    call(&server, "new-secret", json!({})).await.expect("401");
}

#[tokio::test]
async fn the_stronger_sign_is_for_apps_that_were_made_for_it() {
    let server = server().configure(|config| config.api.app_reload_seconds = 1).start().await;
    let hmac = json!({ "signType": "HMAC-SHA256" });
    let refused = call(&server, SECRET, hmac.clone()).await;
    refused.expect("401");
    assert!(refused.message().contains("SHA-1"), "{}", refused.message());
    let wrong = call(&server, "wrong", hmac.clone()).await;
    let shown = wrong.expect("401")["stringToSign"].as_str().unwrap();
    assert!(shown.contains("signType=HMAC-SHA256") && !shown.contains("secret"), "{shown}");
    call(&server, SECRET, json!({ "signType": "MD5" })).await.expect("400");
    call(&server, SECRET, json!({ "signType": "SHA-1" })).await.expect("200");

    server.store().set_app_sign_type("k", "HMAC-SHA256").await.unwrap();
    until(&server, SECRET, "401").await;
    let refused = call(&server, SECRET, json!({})).await;
    assert!(refused.message().contains("HMAC-SHA256"), "{}", refused.message());
    call(&server, SECRET, hmac).await.expect("200");
    let client = Client::builder(&server.url, "k", SecretString::from(SECRET))
        .sign_type(SignType::HmacSha256)
        .build()
        .unwrap();
    let accepted = client.refresh_sim(ICCID, Default::default()).await.unwrap();
    let again = client.refresh_sim(ICCID, Default::default()).await.unwrap_err();
    assert_eq!(again.refusal().unwrap().code, "429");
    assert_eq!(server.store().refreshes_after("", 9).await.unwrap()[0].id.as_str(), accepted.refresh_id);
    // The identical request, sign and all.
    let mut body = server.signed(json!({ "iccid": ICCID, "signType": "HMAC-SHA256" }));
    server.travel_to(301);
    body["timestamp"] = server.clock.now().seconds().into();
    body.as_object_mut().unwrap().shift_remove("sign");
    let body = sign_body(body, SECRET).to_string();
    let path = "/api/v3/card/refreshUsage";
    let ids =
        [server.post(path, body.clone()).await.refresh_id(), server.post(path, body).await.refresh_id()];
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], accepted.refresh_id);
}
