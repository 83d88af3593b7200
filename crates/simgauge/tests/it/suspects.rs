//! Readings that are not believed: what callers see, and what people decide.

use crate::console::browser::{Browser, admins};
use crate::support::receiver::Receiver;
use crate::support::{Database, ICCID, LANE, OPERATOR, TestServer, server};
use rstest::rstest;
use serde_json::{Value, json};
use simgauge_store::AdminRole;
use std::time::Duration;

const PACKAGE: &str = "--code may --name May --total 1MB --valid-from 2030-01-01 --valid-to 2031-01-01";

/// What is booked on the card: on its package, and beyond.
fn books(card: &Value) -> u64 {
    card["packages"][0]["usedBytes"].as_u64().unwrap() + card["overageBytes"].as_u64().unwrap()
}

async fn with_a_package(database: Database) -> TestServer {
    let server = server().database(database).start().await;
    server.travel_to_2030(5, 10, 8, 0);
    let added = server.simgauge(&format!("package add --iccid {ICCID} {PACKAGE}")).await;
    assert_eq!(added.code, Some(0), "{}", added.error);
    server
}

async fn all_agree(server: &TestServer) {
    let output = server.simgauge("usage reconcile").await;
    assert!(output.out.ends_with("all agree\n"), "{}{}", output.out, output.error);
}

/// Read every forty minutes, zeros even agree with each other; what they booked is taken back when the old
/// usage is there again.
#[rstest]
#[tokio::test]
async fn zeros_that_pass_book_nothing(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
    #[values(6, 40)] minutes: i8,
) {
    let server = with_a_package(database).await;
    for (nth, used) in (0..).zip([2_097_152, 0, 0, 2_097_152]) {
        let at = nth * minutes;
        server.travel_to_2030(5, 10, 12 + at / 60, at % 60);
        let card = server.used(OPERATOR, ICCID, used).await;
        assert_eq!(books(&card), 2_097_152, "reading {nth}");
        if nth == 1 {
            assert_eq!(card["usage"]["warning"], "fall");
            assert_eq!(card["usage"]["usedBytes"], 2_097_152, "the usage before");
            let refresh = &card["refresh"];
            assert_eq!((&refresh["state"], &refresh["warning"]), (&json!("succeeded"), &json!("fall")));
            assert_eq!(refresh["after"], 2_097_152);
            assert!(refresh["warningText"].is_string());
        }
        if nth == 3 {
            assert_eq!(
                (&card["usage"]["warning"], &card["usage"]["usedBytes"]),
                (&Value::Null, &json!(used))
            );
        }
        all_agree(&server).await;
    }
    let listed = server.simgauge("reading suspect list --json").await.json(0);
    assert_eq!(listed, json!([]), "nothing waits");
}

#[rstest]
#[tokio::test]
async fn ten_petabytes_are_never_booked(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let server = with_a_package(database).await;
    for (nth, used, booked) in [(0, 2000, 2000), (1, 10_485_759_959_105_536, 2000), (2, 3000, 3000)] {
        server.travel_to_2030(5, 10 + nth, 12, 0);
        let card = server.used(OPERATOR, ICCID, used).await;
        assert_eq!(books(&card), booked);
        let warning = if nth == 1 { json!("too_fast") } else { Value::Null };
        assert_eq!(card["usage"]["warning"], warning);
        all_agree(&server).await;
    }
}

#[rstest]
#[tokio::test]
async fn a_person_accepts_rejects_and_takes_back(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let server = with_a_package(database).await;
    server.travel_to_2030(5, 10, 12, 0);
    server.used(OPERATOR, ICCID, 5000).await;
    server.travel_to_2030(5, 10, 12, 6);
    server.used(OPERATOR, ICCID, 100).await;
    let listed = server.simgauge("reading suspect list --json").await.json(0);
    let one = &listed[0];
    assert_eq!((&one["card"], &one["reason"]), (&json!(ICCID), &json!("fall")));
    assert_eq!((&one["believedBytes"], &one["usedBytes"]), (&json!(5000), &json!(100)));
    // Rejected: nothing is booked, and the next one is judged anew.
    let rejected = server.simgauge(&format!("reading suspect reject --card {ICCID} --json")).await.json(0);
    assert_eq!(rejected, json!({ "rejected": 1 }));
    let card = server.card(ICCID).await.expect("200").clone();
    assert_eq!((books(&card), &card["usage"]["warning"]), (5000, &Value::Null));
    server.travel_to_2030(5, 10, 12, 12);
    assert_eq!(server.used(OPERATOR, ICCID, 100).await["usage"]["warning"], "fall");
    // Accepted: the operator does not tell when its cycle begins, so a new one is assumed.
    let accepted = server.simgauge(&format!("reading suspect accept --lane {LANE} --json")).await.json(0);
    assert_eq!(accepted, json!({ "accepted": 1 }));
    let card = server.card(ICCID).await.expect("200").clone();
    assert_eq!((books(&card), &card["usage"]["period"]["assumed"]), (5100, &json!(true)));
    all_agree(&server).await;
    // Taken back: the fall becomes a correction.
    let reversed = server.simgauge(&format!("reading reverse-period {ICCID} --json")).await.json(0);
    assert_eq!(reversed["reversed"][0]["bytes"], -5000);
    let card = server.card(ICCID).await.expect("200").clone();
    assert_eq!((books(&card), &card["usage"]["period"]["assumed"]), (100, &Value::Null));
    all_agree(&server).await;
    let again = server.simgauge(&format!("reading reverse-period {ICCID}")).await;
    assert_eq!(again.code, Some(1), "once");
    let audit = server.simgauge("audit list --json").await.json(0).to_string();
    for action in ["reading.reject", "reading.accept", "period.reverse"] {
        assert!(audit.contains(action), "{action}: {audit}");
    }
}

/// Larger than what grows a thousandfold by itself.
const MUCH: u64 = 200 << 20;

/// The operator shows kibibytes as bytes: one page says so, one decision is about all.
#[rstest]
#[tokio::test]
async fn a_changed_unit_is_decided_for_the_whole_account(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
    #[values(true, false)] accept: bool,
) {
    let server = server().database(database).start().await;
    let cards = server.add_cards(9).await;
    server.travel_to_2030(5, 10, 12, 0);
    for card in &cards {
        server.used(OPERATOR, card, MUCH).await;
    }
    server.travel_to_2030(5, 11, 12, 0);
    for (nth, card) in cards.iter().take(8).enumerate() {
        let usage = server.used(OPERATOR, card, MUCH * 1024).await["usage"].clone();
        // The first four that jump are booked; nothing tells that there will be more.
        let (used, warning) = if nth < 4 { (MUCH * 1024, Value::Null) } else { (MUCH, json!("unit_change")) };
        assert_eq!((&usage["usedBytes"], &usage["warning"]), (&json!(used), &warning), "card {nth}");
    }
    admins(&server, &[("ann", AdminRole::Full)]).await;
    let mut ann = Browser::of(&server, "ann").await;
    let says = format!("{LANE}: the operator seems to have changed its unit");
    for path in ["/console", "/console/suspects"] {
        let text = ann.get(path).await.expect(200).text;
        assert!(text.contains(&says), "{path}: {text}");
    }
    let (decision, done) = if accept { ("accept", "accepted") } else { ("reject", "rejected") };
    let path = format!("/console/suspects/{decision}/lane");
    let decided = ann.submit("/console/suspects", &path, &[("lane", LANE)]).await.expect(303);
    assert_eq!(decided.location(), format!("/console/suspects?done=suspects_{done}&count=4"));
    assert!(!ann.get("/console").await.expect(200).text.contains(&says));
    let used = if accept { MUCH * 1024 } else { MUCH };
    for card in &cards[4..8] {
        let usage = server.card(card).await.expect("200")["usage"].clone();
        assert_eq!((&usage["usedBytes"], &usage["warning"]), (&json!(used), &Value::Null), "{card}");
    }
    if accept {
        // What a card shows later that was not read meanwhile is believed.
        let usage = server.used(OPERATOR, &cards[8], MUCH * 1024).await["usage"].clone();
        assert_eq!((&usage["usedBytes"], &usage["warning"]), (&json!(MUCH * 1024), &Value::Null));
    }
    let audit = server.simgauge("audit list --json").await.json(0);
    let action = format!("unit_change.{decision}");
    let entries = audit.as_array().unwrap().iter().filter(|one| one["action"] == *action);
    let entries: Vec<_> = entries.map(|one| (&one["subject"], &one["actor"])).collect();
    assert_eq!(entries, [(&json!(LANE), &json!("console:ann"))]);
    all_agree(&server).await;
}

#[rstest]
#[tokio::test]
async fn the_account_is_told_once_that_a_reading_is_held(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let may_post = |config: &mut simgauge::config::Config| {
        config.notify.allow_private = true;
        config.notify.allow_http = true;
        config.notify.poll_seconds = 0.05;
    };
    let server = server().database(database).configure(may_post).start().await;
    let receiver = Receiver::start().await;
    let mut settings = server.store().notification_prefs("acme").await.unwrap();
    settings.url = Some(receiver.url());
    server.store().set_notification_prefs(&settings).await.unwrap();
    let mut taken = 0;
    for (minute, used, events) in [
        (0, 5_000, ["usage.refreshed"].as_slice()),
        (6, 100, &["usage.refreshed", "usage.suspect"]),
        // Held for the same reason: known.
        (12, 90, &["usage.refreshed"]),
        // The usage of before: settled.
        (18, 5_000, &["usage.refreshed"]),
        (24, 100, &["usage.refreshed", "usage.suspect"]),
    ] {
        server.travel_to_2030(5, 10, 12, minute);
        server.used(OPERATOR, ICCID, used).await;
        let all = receiver.wait_taken(taken + events.len(), Duration::from_secs(20)).await;
        let mut events_taken: Vec<_> = all[taken..].iter().map(|one| one.text("event")).collect();
        events_taken.sort_unstable();
        assert_eq!(events_taken, events, "minute {minute}");
        for one in all[taken..].iter().filter(|one| one.text("event") == "usage.suspect") {
            assert_eq!((one.card(), one.text("reason")), (ICCID, "fall"), "{}", one.raw);
            assert_eq!(one.text("reasonText"), "用量变小，运营商没有说明原因", "in the account's language");
            assert_eq!(one.value["usedBytes"], 5_000, "the usage before it");
        }
        for one in all[taken..].iter().filter(|one| one.text("event") == "usage.refreshed") {
            let warning = if used < 5_000 { json!("fall") } else { Value::Null };
            assert_eq!((&one.value["warning"], &one.value["usedBytes"]), (&warning, &json!(5_000)));
        }
        taken = all.len();
    }
}
