//! The seven operations as documented.

use crate::support::call::sign_body;
use crate::support::{Database, EID, EID_PROFILES, ICCID, OPERATOR, OTHERS_ICCID, SECRET, server};
use rstest::rstest;
use serde_json::{Value, json};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);

#[rstest]
#[tokio::test]
async fn a_card_is_refreshed_end_to_end(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let server = server().database(database).start().await;
    server.simulator.set_usage(OPERATOR, ICCID, 5_000_000);
    assert_eq!(server.card(ICCID).await.expect("200")["usage"], Value::Null);
    let before = server.clock.now().seconds();

    let answer = server.refresh_sim(ICCID).await;
    assert_eq!((answer.status, answer.message()), (200, "操作成功"));
    let data = answer.expect("200").clone();
    assert_eq!(data["state"], "queued");
    let accepted_at = data["acceptedAt"].as_i64().unwrap();
    assert!((before..=before + 2).contains(&accepted_at));
    assert!((accepted_at + 300..=accepted_at + 301).contains(&data["nextRefreshAt"].as_i64().unwrap()));

    let report = server.ended(data["refreshId"].as_str().unwrap(), TIMEOUT).await;
    assert_eq!(
        (&report["state"], &report["iccid"], &report["after"]),
        (&json!("succeeded"), &json!(ICCID), &json!(5_000_000))
    );
    let card = server.card(ICCID).await.expect("200").clone();
    assert_eq!((&card["iccid"], &card["cardStatus"]), (&json!(ICCID), &json!("ACTIVATED_NAME")));
    assert_eq!(card["usage"]["usedBytes"], 5_000_000);
    assert_eq!(card["usage"]["period"]["kind"], "billing_cycle");
    assert_eq!(card["profiles"][0]["status"], "active");
    assert_eq!(card["refresh"]["refreshId"], data["refreshId"]);
    assert_eq!(card["refresh"]["state"], "succeeded");
    assert!(card["usage"]["ageSeconds"].as_i64().unwrap() <= 10);
    assert_eq!(server.simulator.stats(OPERATOR).count_for(ICCID), 1);
}

#[rstest]
#[tokio::test]
async fn a_cloud_esim_is_refreshed_over_all_its_profiles(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let server = server().database(database).start().await;
    server.simulator.set_usage(OPERATOR, EID_PROFILES[0], 100);
    server.simulator.set_usage(OPERATOR, EID_PROFILES[1], 23);
    let body = server.signed(json!({ "eid": EID, "wait": 8 }));
    let answer = server.post("/api/v3/cloudesim/refreshUsage", body.to_string()).await;
    assert_eq!(answer.message(), "success");
    assert_eq!(answer.expect("200")["usage"]["usedBytes"], 123);
    let card = server.post("/api/v3/cloudesim/get", server.signed(json!({ "eid": EID })).to_string()).await;
    let card = card.expect("200");
    assert_eq!((&card["eid"], &card["usage"]["usedBytes"]), (&json!(EID), &json!(123)));
    assert_eq!(card["profiles"].as_array().unwrap().len(), 2);
    let list = server
        .post("/api/v3/cloudesim/list", server.signed(json!({ "pageNum": 1, "pageSize": 10 })).to_string())
        .await;
    assert_eq!(list.expect("200")["list"][0]["eid"], EID);
}

/// The documentation's example bodies, with what they carry undeclared, signed over all of it.
#[rstest]
#[case::card("/api/v3/card/refreshUsage", json!({ "operator": 5, "nonce": 90174, "iccid": ICCID }), "操作成功")]
#[case::cloud_esim("/api/v3/cloudesim/refreshUsage", json!({ "nonce": 49890, "eid": EID }), "success")]
#[tokio::test]
async fn the_documented_examples_work(#[case] path: &str, #[case] fields: Value, #[case] message: &str) {
    let server = server().start().await;
    let answer = server.post(path, server.signed(fields).to_string()).await;
    answer.expect("200");
    assert_eq!(answer.message(), message);
}

#[tokio::test]
async fn what_is_signed_is_what_was_sent() {
    let server = server().start().await;
    let path = "/api/v3/card/refreshUsage";
    let now = server.clock.now().seconds();
    // Numbers, escapes, order and white space of undeclared fields as a client may write them.
    let unsigned = format!(
        r#"{{"appkey":"k","timestamp":{now},"nonce":10000,"iccid":"{ICCID}","x":1.50,"y":{{"b":1e3, "a":"\u4e2d\/"}},"z":[],"t":true}}"#
    );
    let signature = simgauge_protocol::sign::digest(
        &format!(r#"appkey=k&iccid={ICCID}&nonce=10000&t=1&timestamp={now}&x=1.50&y={{"b":1e3,"a":"中/"}}"#),
        SECRET,
    );
    let body = unsigned.replacen('{', &format!(r#"{{"sign":"{}","#, hex::encode(signature)), 1);
    server.post(path, body).await.expect("200");
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let server = server().start().await;
    let numbers = server.add_cards(5).await;
    let list = async |fields: Value| {
        server
            .post("/api/v3/card/getAllCardInfo", server.signed(fields).to_string())
            .await
            .expect("200")
            .clone()
    };
    let first = list(json!({ "pageNum": "1", "pageSize": 4 })).await;
    assert_eq!((first["list"].as_array().unwrap().len(), &first["hasMore"]), (4, &json!(true)));
    let second = list(json!({ "pageNum": 2, "pageSize": "4" })).await;
    assert_eq!((second["list"].as_array().unwrap().len(), &second["hasMore"]), (2, &json!(false)));
    let some = list(json!({ "iccids": format!("{},{},{OTHERS_ICCID}", numbers[3], numbers[1]) })).await;
    let found: Vec<&str> =
        some["list"].as_array().unwrap().iter().map(|card| card["iccid"].as_str().unwrap()).collect();
    assert_eq!(found, [&numbers[1], &numbers[3]], "another account's card is not there");
    assert_eq!(list(json!({ "cardStatus": "RETIRED_NAME" })).await["list"], json!([]));
}

#[tokio::test]
async fn another_accounts_things_do_not_exist() {
    let server = server().start().await;
    let theirs = server.refresh_sim(OTHERS_ICCID).await;
    let nobodys = server.refresh_sim("8986000000000000999").await;
    theirs.expect("404");
    assert_eq!(theirs.body, nobodys.body, "the two look exactly the same");
    server.card(OTHERS_ICCID).await.expect("404");
    let id = server.refresh_sim(ICCID).await.refresh_id();
    let body = server.signed_as("k2", json!({ "refreshId": id }));
    server.post("/api/v3/refresh/get", body.to_string()).await.expect("404");
    server.refresh("01arz3ndektsv4rrffq69g5fav").await.expect("404");
    server.refresh("nonsense").await.expect("404");
}

#[tokio::test]
async fn messages_come_in_the_callers_language() {
    let server = server().start().await;
    let ask = async |appkey: &str, language: Option<&str>| {
        let body = server.signed_as(appkey, json!({ "iccid": "8986000000000000999" })).to_string();
        let mut request = server.request(reqwest::Method::POST, "/api/v3/card/refreshUsage").body(body);
        if let Some(language) = language {
            request = request.header("accept-language", language);
        }
        server.send(request).await.message().to_owned()
    };
    assert_eq!(ask("k", None).await, "卡片不存在", "the account's language");
    assert_eq!(ask("k2", None).await, "no such card", "the account's language");
    assert_eq!(ask("k", Some("en-GB,en;q=0.9")).await, "no such card");
    assert_eq!(ask("k2", Some("zh-CN")).await, "卡片不存在");
}

#[tokio::test]
async fn a_disabled_app_is_forbidden_and_a_read_cannot_be_replayed() {
    let server = server().start().await;
    let body = server.signed_as("off", json!({ "iccid": ICCID }));
    server.post("/api/v3/card/refreshUsage", body.to_string()).await.expect("403");
    let body = server.signed(json!({ "iccid": ICCID })).to_string();
    server.post("/api/v3/card/getCardsInfo", body.clone()).await.expect("200");
    server.post("/api/v3/card/getCardsInfo", body).await.expect("409");
}

#[tokio::test]
async fn health_tells_the_truth() {
    let server = server().start().await;
    for path in ["/healthz", "/readyz"] {
        let response = server.request(reqwest::Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
    }
}

/// Every answer carries an id, and no two the same.
#[tokio::test]
async fn answers_carry_request_ids() {
    let server = server().start().await;
    let one = server.refresh_sim(ICCID).await;
    let two = server.refresh_sim(ICCID).await;
    let id =
        |answer: &crate::support::call::Answer| answer.headers["x-request-id"].to_str().unwrap().to_owned();
    assert_ne!(id(&one), id(&two));
}

/// Unknown appkey and wrong sign: the same envelope, down to the letter, apart from what the caller sent.
#[tokio::test]
async fn unknown_appkey_and_wrong_sign_look_alike() {
    let server = server().start().await;
    let ask = async |appkey: &str, secret: &str| {
        let timestamp = server.clock.now().seconds();
        let body = json!({ "appkey": appkey, "timestamp": timestamp, "nonce": 12345, "iccid": ICCID });
        server.post("/api/v3/card/refreshUsage", sign_body(body, secret).to_string()).await
    };
    let wrong = ask("k", "not the secret").await;
    let unknown = ask("nobody", SECRET).await;
    wrong.expect("401");
    assert_eq!(wrong.message(), unknown.message());
    let text = wrong.data()["stringToSign"].as_str().unwrap();
    assert!(text.ends_with("&secret=***") && text.starts_with("appkey=k&iccid="), "{text}");
    let alike = unknown.body.to_string().replace("appkey=nobody", "appkey=k");
    let time = |text: &str| {
        let mut body: Value = serde_json::from_str(text).unwrap();
        body["data"]["serverTime"] = json!(0);
        let string = body["data"]["stringToSign"].as_str().unwrap().to_owned();
        let cut =
            string.split('&').filter(|part| !part.starts_with("timestamp=")).collect::<Vec<_>>().join("&");
        body["data"]["stringToSign"] = json!(cut);
        body
    };
    assert_eq!(time(&wrong.body.to_string()), time(&alike));
}

/// Who asks about a refresh gets what a call that was held gets: nothing has to be put together.
#[rstest]
#[tokio::test]
async fn asking_about_a_refresh_answers_like_a_held_one(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let server = server().database(database).start().await;
    server.simulator.set_usage(OPERATOR, ICCID, 5_000_000);
    let body = server.signed(json!({ "iccid": ICCID, "wait": 8 })).to_string();
    let held = server.post("/api/v3/card/refreshUsage", body).await.expect("200").clone();
    assert_eq!((&held["state"], held.get("poll")), (&json!("succeeded"), None));
    let mut asked = server.refresh(held["refreshId"].as_str().unwrap()).await.expect("200").clone();
    assert_eq!(asked["usage"]["usedBytes"], 5_000_000);
    asked["usage"]["ageSeconds"] = held["usage"]["ageSeconds"].clone();
    assert_eq!(asked, held);

    // Before the end: how often and how long to ask. 15 min to begin, 5 min of attempts, 30 s for the last.
    server.travel_to(301);
    let queued = server.refresh_sim(ICCID).await.expect("200").clone();
    assert_eq!(queued["poll"], json!({ "everySeconds": 2, "forSeconds": 1_230 }));
    server.ended(queued["refreshId"].as_str().unwrap(), TIMEOUT).await;
    // After a failure: why, and no usage.
    server.simulator.set_unknown(OPERATOR, ICCID, true);
    server.travel_to(602);
    let failed = server.refresh_sim(ICCID).await.refresh_id();
    server.ended(&failed, TIMEOUT).await;
    let failed = server.refresh(&failed).await.expect("200").clone();
    assert_eq!((&failed["state"], &failed["refresh"]["reason"]), (&json!("failed"), &json!("not_found")));
    assert_eq!((failed.get("usage"), failed.get("poll")), (None, None));
}

#[rstest]
#[tokio::test]
async fn packages_say_what_counts_now(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    const DAY: Duration = Duration::from_secs(86_400);
    let server = server().database(database).start().await;
    let now = server.clock.now();
    let before = |days: u32| simgauge_domain::time::UnixMs(now.0 - 86_400_000 * i64::from(days));
    let add = async |code: &str, total: u64, from, to| {
        let (card, name) = (ICCID.to_owned(), code.to_owned());
        let new = simgauge_store::NewPackage {
            card,
            code: code.into(),
            name,
            total: Some(total),
            valid_from: from,
            valid_to: to,
        };
        server.store().add_package(&new, now).await.unwrap();
    };
    add("long-expired", 1_000, None, Some(before(9))).await;
    add("expired", 1_000, None, Some(before(1))).await;
    add("used-up", 1_000, None, Some(now.after(DAY))).await;
    add("active", 10_000, None, Some(now.after(DAY * 2))).await;
    add("later", 10_000, None, Some(now.after(DAY * 9))).await;
    add("waiting", 10_000, Some(now.after(DAY * 3)), Some(now.after(DAY * 4))).await;
    server.simulator.set_usage(OPERATOR, ICCID, 3_000);
    let body = server.signed(json!({ "iccid": ICCID, "wait": 8 })).to_string();
    server.post("/api/v3/card/refreshUsage", body).await.expect("200");
    let card = server.card(ICCID).await.expect("200").clone();
    let states: Vec<(&str, &str)> = card["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["code"].as_str().unwrap(), one["state"].as_str().unwrap()))
        .collect();
    let expected = [
        ("active", "active"),
        ("later", "active"),
        ("waiting", "waiting"),
        ("used-up", "used_up"),
        ("expired", "expired"),
        ("long-expired", "expired"),
    ];
    assert_eq!(states, expected);
    assert_eq!(card["packages"][0]["remainingBytes"], 8_000);
}
