//! Readings that are not believed: what callers see, and what people decide.

use crate::support::{Database, ICCID, LANE, OPERATOR, TestServer, server};
use rstest::rstest;
use serde_json::{Value, json};

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
