//! One row that is damaged, or that refuses what is to be written, stops nothing else.

use crate::support::{ACCOUNT, Plan, World};
use rstest::rstest;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::refresh::RefreshState;
use std::time::Duration;

const BAD: &str = "8986001234567890123";
const GOOD: [&str; 3] = ["8986001234567890131", "8986001234567890149", "8986001234567890156"];

/// What is wrong with the card, on SQLite and on PostgreSQL.
fn damage(what: &str, postgres: bool) -> String {
    let card = format!("(SELECT id FROM card WHERE number = '{BAD}')");
    match (what, postgres) {
        ("what the next reading is counted from", _) => {
            format!("UPDATE profile SET meter = 'x' WHERE card = {card}")
        }
        ("a card that refuses changes", false) => format!(
            "CREATE TRIGGER refuses BEFORE UPDATE ON card WHEN OLD.number = '{BAD}' \
             BEGIN SELECT RAISE(ABORT, 'no'); END"
        ),
        ("a card that refuses changes", true) => format!(
            "CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'no'; END $$; \
             CREATE TRIGGER refuses BEFORE UPDATE ON card FOR EACH ROW WHEN (OLD.number = '{BAD}') \
             EXECUTE FUNCTION refuses()"
        ),
        ("a reading that is refused", false) => format!(
            "CREATE TRIGGER refuses BEFORE INSERT ON reading WHEN NEW.card = {card} \
             BEGIN SELECT RAISE(ABORT, 'no'); END"
        ),
        ("a reading that is refused", true) => {
            "ALTER TABLE reading ADD CONSTRAINT refuses CHECK (used <> 666)".to_owned()
        }
        ("books that are full", _) => {
            format!("UPDATE card SET overage = 9223372036854775807 WHERE number = '{BAD}'")
        }
        (other, _) => unreachable!("{other}"),
    }
}

#[rstest]
#[tokio::test(start_paused = true)]
async fn one_row_that_cannot_be_written_stops_no_other(
    #[values(
        "what the next reading is counted from",
        "a card that refuses changes",
        "a reading that is refused",
        "books that are full"
    )]
    what: &str,
    #[values(false, true)] postgres: bool,
) {
    let mut world = World::new(Plan { max_concurrent: 4, postgres, ..Plan::default() }).await;
    world.import(ACCOUNT, &[BAD, GOOD[0], GOOD[1], GOOD[2]]).await;
    let bad = world.accept(ACCOUNT, BAD).await;
    let mut good = Vec::new();
    for card in GOOD {
        good.push(world.accept(ACCOUNT, card).await);
    }
    world.run_raw(&damage(what, postgres)).await;
    world.start().await;
    // All four are answered at once, so that they are written together.
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(world.next_call().await);
    }
    for call in calls {
        let used = if call.iccid == BAD { 666 } else { 7 };
        call.succeed(used);
    }
    for id in &good {
        assert_eq!(world.ended(ACCOUNT, id).await.state, RefreshState::Succeeded);
    }
    let ended = world.ended(ACCOUNT, &bad).await;
    let failure = ended.failure.unwrap();
    assert_eq!((ended.state, failure.kind), (RefreshState::Failed, FailureKind::Internal));
    assert!(failure.detail.starts_with("The platform could not store"), "{}", failure.detail);
    assert_eq!(world.metric(r#"simgauge_rows_set_aside_total{kind="result"}"#).as_deref(), Some("1"));
    // The operator is not asked again for it, also not by the next holder.
    assert!(world.waiting(ACCOUNT).await.is_empty());
    world.restart().await;
    world.pass(Duration::from_secs(5)).await;
    world.no_call().await;
}

#[rstest]
#[tokio::test(start_paused = true)]
async fn a_waiting_reading_whose_profile_is_gone_stops_no_other(#[values(false, true)] postgres: bool) {
    let mut world = World::new(Plan { postgres, ..Plan::default() }).await;
    world.import(ACCOUNT, &[BAD, GOOD[0]]).await;
    let bad = world.accept(ACCOUNT, BAD).await;
    let good = world.accept(ACCOUNT, GOOD[0]).await;
    world.run_raw("UPDATE task SET profile = 999999 WHERE refresh = (SELECT min(refresh) FROM task)").await;
    world.start().await;
    world.next_call().await.succeed(7);
    assert_eq!(world.ended(ACCOUNT, &good).await.state, RefreshState::Succeeded);
    let ended = world.ended(ACCOUNT, &bad).await;
    assert_eq!(ended.failure.map(|failure| failure.kind), Some(FailureKind::Internal));
    assert!(world.waiting(ACCOUNT).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_waiting_reading_whose_row_cannot_be_read_stops_no_other() {
    let mut world = World::new(Plan::default()).await;
    world.import(ACCOUNT, &[BAD, GOOD[0]]).await;
    let bad = world.accept(ACCOUNT, BAD).await;
    let good = world.accept(ACCOUNT, GOOD[0]).await;
    world.run_raw(&format!("UPDATE profile SET iccid = x'00ff' WHERE iccid = '{BAD}'")).await;
    world.start().await;
    world.next_call().await.succeed(7);
    assert_eq!(world.ended(ACCOUNT, &good).await.state, RefreshState::Succeeded);
    let ended = world.ended(ACCOUNT, &bad).await;
    assert_eq!(ended.failure.map(|failure| failure.kind), Some(FailureKind::Internal));
}
