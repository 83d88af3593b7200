//! Stories of the outbox, on every database.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // Shared with the other stories.
mod support;

use rstest::rstest;
use serde_json::Value;
use simgauge_domain::accept::AcceptRule;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::reading::{Period, PeriodKind, Reading};
use simgauge_domain::refresh::Failure;
use simgauge_domain::threshold::Percentages;
use simgauge_domain::time::UnixMs;
use simgauge_store::{
    AcceptCall, AcceptOutcome, Admission, CardRules, Finished, ImportRow, Lease, LeaseKind,
    NotificationPrefs, NotificationState, NotificationView, Outcome, Settled, StoreError, TaskKey,
};
use std::time::Duration;
use support::{Database, TestStore};

const T0: UnixMs = UnixMs(1_800_000_000_000);
const LANE: &str = "main";
const OUTBOX: &str = "notify";
const SIM: &str = "8901";
const EID: &str = "11111111111111111111111111";

fn at(seconds: i64) -> UnixMs {
    UnixMs(T0.0 + seconds * 1000)
}

fn prefs(account: &str, url: Option<&str>) -> NotificationPrefs {
    NotificationPrefs {
        account: account.into(),
        url: url.map(str::to_owned),
        app: None,
        thresholds: Percentages::default(),
        stale_hours: None,
    }
}

fn row(number: &str, account: &str) -> ImportRow {
    ImportRow {
        number: number.into(),
        kind: if number == EID { CardKind::CloudEsim } else { CardKind::Sim },
        account: account.into(),
        status: "ACTIVATED_NAME".into(),
        label: String::new(),
        iccid: number.into(),
        operator_account: LANE.into(),
    }
}

/// A store with account `acme`, which wants notifications, and `quiet`, which does not. It has the leases of
/// a lane and of delivery.
struct Scene {
    store: TestStore,
    lane: Lease,
    delivery: Lease,
    calls: u32,
}

impl Scene {
    async fn new(database: Database) -> Self {
        let store = TestStore::new(database).await;
        for account in ["acme", "quiet"] {
            store.create_account(account, "en", T0).await.unwrap();
        }
        store.create_app("k", "acme", "", b"sealed", T0).await.unwrap();
        store.create_app("q", "quiet", "", b"sealed", T0).await.unwrap();
        let mut import = store.import().await.unwrap();
        let rows = [row(SIM, "acme"), row("8902", "acme"), row(EID, "acme"), row("8903", "quiet")];
        assert!(import.add(&rows).await.unwrap().iter().all(Result::is_ok));
        import.commit().await.unwrap();
        store.set_notification_prefs(&prefs("acme", Some("https://example.com/hook"))).await.unwrap();
        let lease = async |kind, name| {
            let taken = store.lease(kind, name, "n", T0, at(10_000_000), false).await.unwrap();
            taken.unwrap().0
        };
        let (lane, delivery) = (lease(LeaseKind::Lane, LANE).await, lease(LeaseKind::Outbox, OUTBOX).await);
        Self { store, lane, delivery, calls: 0 }
    }

    /// A refresh of a card, accepted at `seconds` and ended a second later.
    async fn refresh(&mut self, number: &str, seconds: i64, outcome: Result<u64, FailureKind>) -> RefreshId {
        self.calls += 1;
        let (account, appkey) = if number == "8903" { ("quiet", "q") } else { ("acme", "k") };
        let call = AcceptCall {
            account: account.into(),
            appkey: appkey.into(),
            kind: row(number, account).kind,
            number: number.into(),
            sign: format!("{:040X}", self.calls),
            sign_was_used: false,
            id: RefreshId::new(at(seconds), u128::from(self.calls)),
        };
        let rule = AcceptRule::new(Duration::ZERO, Duration::from_secs(300));
        let rules = CardRules { sim: rule, cloud_esim: rule };
        let outcomes =
            self.store.accept(&[call], &rules, &|_, _| Admission::Taken, at(seconds)).await.unwrap();
        let AcceptOutcome::Accepted { refresh, .. } = &outcomes[0] else { panic!("{outcomes:?}") };
        let outcome = outcome
            .map(|used| Reading {
                period: Period {
                    kind: PeriodKind::CalendarMonth,
                    key: "2027-01".into(),
                    start: None,
                    end: None,
                },
                used,
                total: Some(1000),
                as_of: None,
                status: None,
                raw_status: None,
                bundles: Vec::new(),
            })
            .map_err(|kind| Failure { kind, detail: "what happened".into() });
        let (card, profile) = self.store.profile_id(number, number).await;
        let finished = Finished {
            task: TaskKey { account: account.into(), refresh: refresh.id, profile },
            card,
            began_at: at(seconds),
            ended_at: at(seconds + 1),
            outcome,
        };
        assert_eq!(self.store.finish(&self.lane, &[finished]).await.unwrap().len(), 1);
        refresh.id
    }

    async fn due(&self, seconds: i64) -> Vec<String> {
        let due = self.store.due_notifications("acme", at(seconds), 100).await.unwrap();
        let due: Vec<_> = due.into_iter().map(Result::unwrap).collect();
        due.into_iter().map(|one| one.id).collect()
    }

    async fn settle(&self, view: &NotificationView, outcome: Outcome, seconds: i64) {
        let settled = Settled {
            id: view.id.clone(),
            account: view.account.clone(),
            card: view.card,
            tries: 1,
            outcome,
        };
        self.store.settle_notifications(&self.delivery, &[settled], at(seconds)).await.unwrap();
    }

    /// Every notification, oldest first.
    async fn all(&self) -> Vec<NotificationView> {
        let mut all = self.store.notifications(None, None, 1000).await.unwrap();
        all.reverse();
        all
    }
}

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
