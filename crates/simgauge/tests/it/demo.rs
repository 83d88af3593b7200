//! The demo for people who write clients: every test card ends as it is listed, time and usage are moved by
//! hand.

use crate::support::demo::Demo;
use crate::support::receiver::Receiver;
use crate::support::{self, ICCID};
use reqwest::Method;
use serde_json::{Value, json};
use simgauge_client::{SecretString, verify_notification};
use std::time::Duration;

/// A test card as the demo lists it at its start.
#[derive(Clone, Debug)]
struct Listed {
    iccid: String,
    name: String,
    end: String,
}

fn listed(demo: &Demo) -> Vec<Listed> {
    let lines = demo.lines.iter().skip_while(|line| !line.starts_with("test cards"));
    let lines = lines.skip(1).take_while(|line| !line.is_empty());
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let (iccid, name) = (words.next().unwrap(), words.next().unwrap());
            let rest = words.collect::<Vec<_>>().join(" ");
            let (end, _when) = rest.split_once(" (").unwrap();
            Listed { iccid: iccid.into(), name: name.into(), end: end.into() }
        })
        .collect()
}

/// Refreshes a card and tells how that ended, in the words of the list.
async fn end_of(demo: &Demo, iccid: &str) -> String {
    let answer = demo.refresh(iccid).await;
    if answer.code() != "200" {
        return format!("code {}", answer.code());
    }
    let report = demo.ended(&answer.refresh_id()).await;
    match (report["state"].as_str().unwrap(), report["before"].as_u64(), report["after"].as_u64()) {
        ("succeeded", Some(before), Some(after)) if before < after => "succeeded".into(),
        ("succeeded", Some(before), Some(after)) if before == after => "succeeded, before = after".into(),
        ("failed", ..) => format!("failed, reason {}", report["reason"].as_str().unwrap()),
        _ => format!("{report}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_test_card_ends_as_listed() {
    let receiver = Receiver::start().await;
    let arguments = ["--notify-url", &receiver.url()];
    let demo = Demo::start(&arguments, &[("SIMGAUGE__REFRESH__DEADLINE_SECONDS", "4")]);
    let cards = listed(&demo);
    let names: Vec<&str> = cards.iter().map(|card| card.name.as_str()).collect();
    for name in ["success", "slow", "down", "limit", "unknown", "nonsense", "unchanged"] {
        assert!(names.contains(&name), "{name} is missing: {names:?}");
    }
    let ends = cards.iter().map(|card| async { (card.clone(), end_of(&demo, &card.iccid).await) });
    for (card, end) in futures::future::join_all(ends).await {
        assert_eq!(end, card.end, "{card:?}");
    }

    let accepted = cards.iter().filter(|card| !card.end.starts_with("code")).count();
    let notifications = receiver.wait_taken(accepted, Duration::from_secs(30)).await;
    for one in &notifications {
        let now = simgauge_service::clock::Clock::default().now().seconds();
        let secret = SecretString::from("demo-secret");
        verify_notification(one.raw.as_bytes(), &secret, now, Duration::from_secs(300)).unwrap();
    }
    let down = cards.iter().find(|card| card.name == "down").unwrap();
    assert!(
        notifications.iter().any(|one| one.card() == down.iccid && one.text("reason") == "temporary"),
        "{notifications:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn five_minutes_pass_in_a_second_and_usage_comes_by_hand() {
    let demo = Demo::start(&["--time-travel"], &[]);
    let clock = async || {
        let answer: Value =
            serde_json::from_str(&demo.get("/demo/clock").await.text().await.unwrap()).unwrap();
        answer["data"].clone()
    };
    let before = clock().await;
    assert_eq!(before["aheadSeconds"], 0);
    let first = demo.ended(&demo.refresh(ICCID).await.refresh_id()).await;
    demo.refresh(ICCID).await.expect("429");

    let injected = demo.post("/demo/usage", &json!({"iccid": ICCID, "addBytes": 123_000_000})).await;
    let at_the_operator = injected.expect("200")["usedBytes"].as_u64().unwrap();
    assert!(at_the_operator >= first["after"].as_u64().unwrap() + 123_000_000, "{injected:?} after {first}");
    demo.post("/demo/clock", &json!({"advanceSeconds": 200})).await.expect("200");
    demo.refresh(ICCID).await.expect("429");
    let moved = demo.post("/demo/clock", &json!({"advanceSeconds": 100})).await.expect("200").clone();
    assert_eq!(moved["aheadSeconds"], 300);
    assert!(moved["now"].as_i64().unwrap() >= before["now"].as_i64().unwrap() + 300);

    let second = demo.ended(&demo.refresh(ICCID).await.refresh_id()).await;
    assert_eq!(second["before"], first["after"]);
    assert!(second["after"].as_u64().unwrap() >= at_the_operator, "{second}");
    // Hours later a program's own timestamps still do, and waiting attempts are made at once.
    let down = listed(&demo).into_iter().find(|card| card.name == "down").unwrap();
    let failing = demo.refresh(&down.iccid).await.refresh_id();
    demo.post("/demo/clock", &json!({"advanceSeconds": 40_000})).await.expect("200");
    assert_eq!(demo.ended(&failing).await["reason"], "temporary");

    let esim = json!({"eid": support::EID, "addBytes": 1});
    demo.post("/demo/usage", &esim).await.expect("200");
    for (path, body, code) in [
        ("/demo/usage", json!({"iccid": "8986099000000009404", "addBytes": 1}), "404"),
        ("/demo/usage", json!({"addBytes": 1}), "400"),
        ("/demo/usage", json!({"iccid": ICCID, "addBytes": -1}), "400"),
        ("/demo/clock", json!({"advanceSeconds": 0}), "400"),
        ("/demo/clock", json!({"advanceSeconds": 99_999_999}), "400"),
        ("/demo/clock", json!({"seconds": 1}), "400"),
    ] {
        demo.post(path, &body).await.expect(code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_has_every_card_and_lines_that_work() {
    let demo = Demo::start(&[], &[]);
    for (language, words) in [("zh", "测试卡"), ("en", "Test cards")] {
        let page = demo.get(&format!("/demo?lang={language}")).await;
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let html = page.text().await.unwrap();
        assert!(html.contains(words), "{language}");
        for card in listed(&demo) {
            assert!(html.matches(&card.iccid).count() >= 4, "{card:?}");
        }
        for inline in ["<script", "<style", " style=", " onclick"] {
            assert!(!html.contains(inline), "{inline}");
        }
        assert!(html.contains("--time-travel") && !html.contains("advanceSeconds"));
    }
    let health = std::process::Command::new(env!("CARGO_BIN_EXE_simgauge"))
        .args(["health", "--url", &demo.url])
        .output();
    assert_eq!(health.unwrap().stdout, b"ready\n");
    let style = demo.get("/demo/demo.css").await;
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");

    // Pasted as they are: the first and third line of the start, and one of the page.
    let html = demo.get("/demo").await.text().await.unwrap().replace("&#39;", "'").replace("&#34;", "\"");
    let of_page =
        html.lines().find(|line| line.contains("card/getCardsInfo") && line.contains("000200")).unwrap();
    let of_start = demo.lines.iter().filter(|line| line.starts_with("curl") && line.contains("/api/"));
    let pasted: Vec<&str> =
        of_start.map(String::as_str).chain([of_page.trim_end_matches("</code></pre>")]).collect();
    assert_eq!(pasted.len(), 4);
    for line in pasted {
        let ran = std::process::Command::new("sh").args(["-c", line]).output().unwrap();
        let answer: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{line}: {ran:?}"));
        assert_eq!(answer["code"], "200", "{line}");
    }
    // The clock cannot be moved unless that was asked for.
    demo.post("/demo/clock", &json!({"advanceSeconds": 300})).await.expect("404");
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_have_a_past_and_kept_data_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--data", dir.path().to_str().unwrap(), "--past", "14"];
    let demo = Demo::start(&arguments, &[]);
    let card = demo.call("card/getCardsInfo", json!({ "iccid": ICCID })).await.expect("200").clone();
    assert_eq!(card["nextRefreshAt"], Value::Null);
    assert!(card["packages"][0]["usedBytes"].as_u64().unwrap() > 0, "{card}");
    let history = demo.call("card/usageHistory", json!({ "iccid": ICCID })).await.expect("200").clone();
    let readings = history["readings"].as_array().unwrap();
    assert!(readings.len() >= 20 && history["days"].as_array().unwrap().len() >= 10, "{history}");
    let kinds: Vec<&str> = readings.iter().rev().map(|reading| reading["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[0], "first");
    assert!(kinds[1..].iter().all(|kind| *kind == "same_period"), "{kinds:?}");

    demo.post("/demo/usage", &json!({"iccid": ICCID, "addBytes": 50_000_000_000_u64})).await.expect("200");
    let read = demo.ended(&demo.refresh(ICCID).await.refresh_id()).await["after"].as_u64().unwrap();
    drop(demo);
    let again = Demo::start(&arguments, &[]);
    let at_the_operator = again.post("/demo/usage", &json!({"iccid": ICCID, "addBytes": 0})).await;
    assert!(at_the_operator.expect("200")["usedBytes"].as_u64().unwrap() >= read);
    again.refresh(ICCID).await.expect("429");
}

#[tokio::test]
async fn serve_has_none_of_it() {
    let server = support::server().start().await;
    for (method, path) in [
        (Method::GET, "/demo"),
        (Method::GET, "/demo/demo.css"),
        (Method::GET, "/demo/clock"),
        (Method::POST, "/demo/clock"),
        (Method::POST, "/demo/usage"),
    ] {
        let answer = server.send(server.request(method, path)).await;
        assert_eq!((answer.status, answer.code()), (404, "404"), "{path}");
    }
}
