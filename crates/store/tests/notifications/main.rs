//! Stories of the outbox, on every database.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // Shared with the other stories.
#[path = "../support/mod.rs"]
mod support;

mod scene;

use rstest::rstest;
use scene::{EID, LANE, OUTBOX, SIM, Scene, at, prefs};
use serde_json::Value;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::threshold::Percentages;
use simgauge_store::{
    LeaseKind, NotificationPrefs, NotificationState, NotificationView, Outcome, Settled, StoreError,
};
use std::time::Duration;
use support::Database;

fn failed(seconds: i64) -> Outcome {
    Outcome::Failed { error: "the receiver answered 500".into(), next_at: at(seconds) }
}

fn dead() -> Outcome {
    Outcome::Dead { error: "given up".into() }
}

#[rstest]
#[tokio::test]
async fn the_end_of_a_refresh_is_told_with_it(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let mut scene = Scene::new(database).await;
    let first = scene.refresh(SIM, 10, Ok(100)).await;
    scene.refresh(SIM, 400, Ok(250)).await;
    scene.refresh(SIM, 800, Err(FailureKind::NotFound)).await;
    scene.refresh(EID, 900, Ok(5)).await;
    scene.refresh("8903", 900, Ok(5)).await;
    let all = scene.all().await;
    let bodies: Vec<Value> = all.iter().map(|one| serde_json::from_str(&one.body).unwrap()).collect();
    assert_eq!(all.len(), 4, "nothing for the account that wants no notifications");
    assert_eq!(
        bodies[0],
        serde_json::json!({
            "event": "usage.refreshed", "eventId": all[0].id, "iccid": SIM, "refreshId": first.as_str(),
            "acceptedAt": at(10).seconds(), "finishedAt": at(11).seconds(), "usedBytes": 100, "totalBytes":
             1000,
        })
    );
    assert_eq!((&bodies[1]["beforeBytes"], &bodies[1]["usedBytes"]), (&100.into(), &250.into()));
    assert_eq!(
        (&bodies[2]["event"], &bodies[2]["reason"], &bodies[2]["reasonText"]),
        (&"usage.refresh_failed".into(), &"not_found".into(), &"what happened".into())
    );
    assert_eq!((&bodies[3]["eid"], &bodies[3]["iccid"]), (&EID.into(), &Value::Null));
    assert!(all.iter().all(|one| RefreshId::parse(&one.id).is_some() && one.event == bodies_event(one)));
    scene.store.set_notification_prefs(&prefs("acme", None)).await.unwrap();
    scene.refresh("8902", 1000, Ok(1)).await;
    assert_eq!(scene.all().await.len(), 4, "switched off");
}

fn bodies_event(one: &NotificationView) -> String {
    serde_json::from_str::<Value>(&one.body).unwrap()["event"].as_str().unwrap().to_owned()
}

#[rstest]
#[tokio::test]
async fn the_oldest_of_a_card_holds_back_the_others_of_this_card_only(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let mut scene = Scene::new(database).await;
    scene.refresh(SIM, 10, Ok(1)).await;
    scene.refresh(SIM, 20, Ok(2)).await;
    scene.refresh(SIM, 30, Ok(3)).await;
    scene.refresh("8902", 40, Ok(4)).await;
    let all = scene.all().await;
    let id = |n: usize| all[n].id.clone();
    assert_eq!(scene.store.accounts_to_notify(at(5)).await.unwrap(), [""; 0]);
    assert_eq!(scene.store.accounts_to_notify(at(50)).await.unwrap(), ["acme"]);
    assert_eq!(scene.due(50).await, [id(0), id(3)]);
    scene.settle(&all[0], failed(100), 51).await;
    assert_eq!(scene.due(99).await, [id(3)]);
    assert_eq!(scene.due(100).await, [id(3), id(0)]);
    scene.settle(&all[0], Outcome::Delivered, 101).await;
    assert_eq!(scene.due(101).await, [id(3), id(1)], "the next one moves up");
    scene.settle(&all[1], dead(), 102).await;
    assert_eq!(scene.due(102).await, [id(3), id(2)], "a dead one holds nothing back");
    let now = scene.all().await;
    assert_eq!(
        now.iter().map(|one| (one.state.as_str(), one.attempts)).collect::<Vec<_>>(),
        [("delivered", 2), ("dead", 1), ("waiting", 0), ("waiting", 0)]
    );
    assert_eq!(now[0].last_error.as_deref(), Some("the receiver answered 500"));
    assert_eq!((now[0].ended_at, now[1].ended_at), (Some(at(101)), Some(at(102))));
    scene.settle(&all[2], Outcome::Delivered, 103).await;
    scene.settle(&all[3], Outcome::Delivered, 103).await;
    assert_eq!(scene.store.accounts_to_notify(at(9999)).await.unwrap(), [""; 0]);
    scene.refresh(SIM, 200, Ok(9)).await;
    assert_eq!(scene.due(9999).await.len(), 1, "nothing waits, so a new one is tried at once");
}

#[rstest]
#[tokio::test]
async fn dead_ones_are_replayed_in_their_old_place(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let mut scene = Scene::new(database).await;
    for n in 1..4 {
        scene.refresh(SIM, 10 * n, Ok(1)).await;
    }
    let all = scene.all().await;
    scene.settle(&all[0], dead(), 50).await;
    scene.settle(&all[1], dead(), 51).await;
    assert_eq!(scene.due(60).await, [all[2].id.clone()]);
    scene.store.replay_notification(&all[1].id, at(90_000)).await.unwrap();
    assert_eq!(scene.due(90_000).await, [all[1].id.clone()], "older than the one that waits");
    assert_eq!(scene.store.replay_dead(Some("quiet"), at(90_001)).await.unwrap(), 0);
    assert_eq!(scene.store.replay_dead(None, at(90_001)).await.unwrap(), 1);
    assert_eq!(scene.due(90_001).await, [all[0].id.clone()]);
    let due = scene.store.due_notifications("acme", at(90_001), 1).await.unwrap();
    let due: Vec<_> = due.into_iter().map(Result::unwrap).collect();
    assert_eq!((due[0].waiting_since, due[0].attempts), (at(90_001), 0), "its time runs anew");
    // An attempt that began before the replay and failed after it does not bring two to the front.
    scene.settle(&all[2], failed(90_002), 90_002).await;
    assert_eq!(scene.due(99_999).await, [all[0].id.clone()]);
    for one in &all {
        assert_eq!(scene.due(99_999).await, std::slice::from_ref(&one.id));
        scene.settle(one, Outcome::Delivered, 99_999).await;
    }
    scene.store.replay_notification(&all[0].id, at(100_000)).await.unwrap();
    assert_eq!(scene.due(100_000).await, [all[0].id.clone()], "a delivered one can be replayed, too");
    let missing = scene.store.replay_notification("nothing", at(1)).await;
    assert!(matches!(missing, Err(StoreError::Missing(_))));
}

#[rstest]
#[tokio::test]
async fn who_lost_the_lease_writes_nothing(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let mut scene = Scene::new(database).await;
    scene.refresh(SIM, 10, Ok(1)).await;
    let all = scene.all().await;
    let (until, later) = (at(20_000_000), at(30_000_000));
    let taken = scene.store.lease(LeaseKind::Outbox, OUTBOX, "other", until, later, false).await;
    let (new, _) = taken.unwrap().unwrap();
    let settled = |outcome| Settled {
        id: all[0].id.clone(),
        account: "acme".into(),
        card: all[0].card,
        tries: 1,
        outcome,
    };
    let old = scene.store.settle_notifications(&scene.delivery, &[settled(dead())], at(20)).await;
    assert!(matches!(old, Err(StoreError::LeaseLost(_))));
    assert_eq!(scene.due(20).await.len(), 1);
    scene.store.settle_notifications(&new, &[settled(Outcome::Delivered)], at(20)).await.unwrap();
    assert_eq!(scene.due(20).await.len(), 0);
    assert!(scene.store.lanes().await.unwrap().iter().all(|lane| lane.name == LANE), "it is nobody's lane");
}

#[rstest]
#[tokio::test]
async fn what_a_clock_ahead_put_off_is_due_again(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let mut scene = Scene::new(database).await;
    scene.refresh(SIM, 10, Ok(1)).await;
    scene.refresh(EID, 20, Ok(1)).await;
    let all = scene.all().await;
    let failed = |next_at| Outcome::Failed { error: "no".to_owned(), next_at: at(next_at) };
    scene.settle(&all[0], failed(90_000), 100).await;
    scene.settle(&all[1], failed(160), 100).await;
    let forward = async |latest| {
        scene.store.bring_notifications_forward(&scene.delivery, at(latest), at(110)).await.unwrap()
    };
    assert_eq!(forward(90_000).await, 0);
    assert_eq!(forward(3_600).await, 1);
    assert_eq!(scene.store.accounts_to_notify(at(110)).await.unwrap(), ["acme"]);
    let due = scene.store.due_notifications("acme", at(110), 10).await.unwrap();
    let due: Vec<String> = due.into_iter().map(|one| one.unwrap().id).collect();
    assert_eq!(due, [all[0].id.clone()], "the other one's time is still to come");
}

#[rstest]
#[tokio::test]
async fn what_is_long_over_is_forgotten(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let mut scene = Scene::new(database).await;
    for n in 1..5 {
        scene.refresh(SIM, 10 * n, Ok(1)).await;
    }
    let all = scene.all().await;
    scene.settle(&all[0], Outcome::Delivered, 100).await;
    scene.settle(&all[1], dead(), 100).await;
    scene.settle(&all[2], Outcome::Delivered, 200).await;
    for (state, before) in [(NotificationState::Delivered, 150), (NotificationState::Dead, 50)] {
        assert!(!scene.store.forget_notifications(&scene.delivery, state, at(before)).await.unwrap());
    }
    let left: Vec<String> = scene.all().await.into_iter().map(|one| one.id).collect();
    assert_eq!(left, [all[1].id.clone(), all[2].id.clone(), all[3].id.clone()]);
    let dead = scene.store.notifications(Some("acme"), Some(NotificationState::Dead), 10).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(scene.store.notifications(Some("quiet"), None, 10).await.unwrap().len(), 0);
    let overdue = scene.store.overdue_notifications("acme", at(41), 10).await.unwrap();
    let overdue: Vec<_> = overdue.into_iter().map(Result::unwrap).collect();
    assert_eq!(overdue.len(), 1);
    assert_eq!(scene.store.overdue_notifications("acme", at(40), 10).await.unwrap().len(), 0);
}

#[rstest]
#[tokio::test]
async fn preferences_and_who_signs(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let scene = Scene::new(database).await;
    let store = &scene.store;
    let appkey = async || store.receiver("acme").await.unwrap().unwrap().appkey;
    store.create_app("newer", "acme", "", b"other", at(5)).await.unwrap();
    assert_eq!(appkey().await.as_deref(), Some("k"), "the oldest");
    store.set_app_disabled("k", true).await.unwrap();
    assert_eq!(appkey().await.as_deref(), Some("newer"), "the oldest that is enabled");
    let wanted = NotificationPrefs {
        app: Some("k".into()),
        thresholds: Percentages::new(vec![100, 50, 80]).unwrap(),
        stale_hours: Some(48),
        ..prefs("acme", Some("https://example.com/hook?token=t0ken"))
    };
    store.set_notification_prefs(&wanted).await.unwrap();
    assert_eq!(store.notification_prefs("acme").await.unwrap(), wanted);
    assert_eq!(appkey().await, None, "the one that was named is disabled");
    assert!(!format!("{wanted:?} {:?}", store.receiver("acme").await.unwrap()).contains("t0ken"));
    let foreign = NotificationPrefs { app: Some("q".into()), ..wanted.clone() };
    assert!(matches!(store.set_notification_prefs(&foreign).await, Err(StoreError::Missing(_))));
    assert_eq!(store.notification_prefs("acme").await.unwrap(), wanted, "rolled back");
    let nobody = prefs("nobody", None);
    assert!(matches!(store.set_notification_prefs(&nobody).await, Err(StoreError::Missing(_))));
    assert!(matches!(store.notification_prefs("nobody").await, Err(StoreError::Missing(_))));
    assert_eq!(store.all_notification_prefs().await.unwrap().len(), 2);
    assert_eq!(store.receiver("nobody").await.unwrap(), None);
}

/// Ends of refreshes and their delivery at the same time: none is left behind.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_is_stuck_however_writing_and_delivering_meet(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    const COUNT: usize = 60;
    let mut scene = Scene::new(database).await;
    let (store, delivery) = ((*scene.store).clone(), scene.delivery.clone());
    let deliverer = tokio::spawn(async move {
        let mut seen = Vec::new();
        while seen.len() < COUNT {
            for due in store
                .due_notifications("acme", at(1_000_000), 10)
                .await
                .unwrap()
                .into_iter()
                .map(Result::unwrap)
            {
                let settled = Settled {
                    id: due.id.clone(),
                    account: "acme".into(),
                    card: due.card,
                    tries: 1,
                    outcome: Outcome::Delivered,
                };
                store.settle_notifications(&delivery, &[settled], at(1)).await.unwrap();
                seen.push(due.id);
            }
            tokio::task::yield_now().await;
        }
        seen
    });
    for n in 0..COUNT {
        scene.refresh(SIM, i64::try_from(n).unwrap() * 10, Ok(1)).await;
    }
    let seen = tokio::time::timeout(Duration::from_secs(30), deliverer).await.expect("stuck").unwrap();
    let written: Vec<String> = scene.all().await.into_iter().map(|one| one.id).collect();
    assert_eq!(seen, written, "each once, in order");
}
