//! What lanes bring.

use crate::scene::{
    LANE, T0, accept, accepted, at, call, finished, lease, put_off, reading, row, stocked, tasks,
};
use crate::support::Database;
use rstest::rstest;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::reading::{ProfileStatus, Reading};
use simgauge_domain::refresh::{Failure, RefreshState};
use simgauge_domain::threshold::Percentages;
use simgauge_domain::time::UnixMs;
use simgauge_store::{Finished, ImportRow, NotificationPrefs, Waiting};

#[rstest]
#[tokio::test]
async fn a_refresh_from_queue_to_end(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = stocked(database).await;
    let id = accepted(&accept(&store, &[call("8901", 1, T0)], T0).await[0]);
    let lease = lease(&store).await;
    assert_eq!(store.waiting_accounts(LANE).await.unwrap(), ["acme"]);
    let waiting = store.count_waiting(LANE, "acme", 100).await.unwrap();
    assert_eq!(waiting, Waiting { count: 1, since: Some(T0) });
    let task = tasks(&store).await.pop().unwrap();
    assert_eq!((task.number.as_str(), task.eid.as_deref(), task.attempts), ("8901", None, 0));
    store.mark_running(&lease, std::slice::from_ref(&task.key)).await.unwrap();
    assert_eq!(store.refresh("acme", &id).await.unwrap().unwrap().state, RefreshState::Running);
    store.postpone(&lease, &[put_off(&task, 2)]).await.unwrap();
    let retried = tasks(&store).await.pop().unwrap();
    assert_eq!((retried.attempts, retried.first_attempt_at, retried.not_before), (2, Some(at(1)), at(5)));

    let ended = store.finish(&lease, &[finished(&task, at(5), Ok(reading(700)))]).await.unwrap();
    assert_eq!((ended[0].id, ended[0].state), (id, RefreshState::Succeeded));
    let card = store.card("acme", CardKind::Sim, "8901").await.unwrap().unwrap();
    let profile = &card.profiles[0];
    assert_eq!(
        (profile.used, profile.total, profile.status),
        (Some(700), Some(1000), Some(ProfileStatus::Active))
    );
    assert_eq!(profile.synced_at, Some(UnixMs(at(5).0 + 500)));
    let refresh = card.refresh.unwrap();
    assert_eq!((refresh.state, refresh.before, refresh.after), (RefreshState::Succeeded, None, Some(700)));
    assert!(tasks(&store).await.is_empty());
    assert!(store.waiting_accounts(LANE).await.unwrap().is_empty());

    let second = accepted(&accept(&store, &[call("8901", 2, at(400))], at(400)).await[0]);
    let task = tasks(&store).await.pop().unwrap();
    assert_eq!(task.last_read_at, Some(at(5)));
    let failure =
        Failure { kind: FailureKind::NotFound, detail: "the operator does not know this SIM".into() };
    store.finish(&lease, &[finished(&task, at(401), Err(failure.clone()))]).await.unwrap();
    let view = store.refresh("acme", &second).await.unwrap().unwrap();
    assert_eq!(
        (view.state, view.failure, view.before, view.after),
        (RefreshState::Failed, Some(failure), Some(700), Some(700))
    );
}

#[rstest]
#[tokio::test]
async fn one_reading_serves_every_refresh_that_waited(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let ids = [
        accepted(&accept(&store, &[call("8901", 1, T0)], T0).await[0]),
        accepted(&accept(&store, &[call("8901", 2, at(300))], at(300)).await[0]),
        accepted(&accept(&store, &[call("8901", 3, at(600))], at(600)).await[0]),
    ];
    let lease = lease(&store).await;
    let waiting = tasks(&store).await;
    assert_eq!(waiting.len(), 1);
    // Began after the second was accepted and before the third.
    let ended = store.finish(&lease, &[finished(&waiting[0], at(500), Ok(reading(1)))]).await.unwrap();
    assert_eq!(ended.len(), 2);
    let waiting = tasks(&store).await;
    assert_eq!(waiting.iter().map(|task| task.key.refresh).collect::<Vec<_>>(), [ids[2]]);
    store.finish(&lease, &[finished(&waiting[0], at(601), Ok(reading(2)))]).await.unwrap();
    for id in &ids {
        assert_eq!(store.refresh("acme", id).await.unwrap().unwrap().state, RefreshState::Succeeded);
    }
    assert!(tasks(&store).await.is_empty());
}

#[rstest]
#[tokio::test]
async fn a_cloud_esim_ends_when_each_profile_was_read(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let eid = "1".repeat(26);
    let id = accepted(&accept(&store, &[call(&eid, 1, T0)], T0).await[0]);
    let lease = lease(&store).await;
    let waiting = tasks(&store).await;
    assert_eq!(
        waiting.iter().map(|t| (t.iccid.as_str(), t.eid.as_deref())).collect::<Vec<_>>(),
        [("8911", Some(eid.as_str())), ("8912", Some(eid.as_str()))]
    );
    let ended = store.finish(&lease, &[finished(&waiting[0], at(1), Ok(reading(10)))]).await.unwrap();
    assert!(ended.is_empty());
    assert_eq!(store.refresh("acme", &id).await.unwrap().unwrap().state, RefreshState::Running);
    let ended = store.finish(&lease, &[finished(&waiting[1], at(2), Ok(reading(5)))]).await.unwrap();
    assert_eq!(ended[0].id, id);
    assert_eq!(store.refresh("acme", &id).await.unwrap().unwrap().after, Some(15));
}

#[rstest]
#[tokio::test]
async fn a_late_reading_changes_nothing(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = stocked(database).await;
    accepted(&accept(&store, &[call("8901", 1, T0)], T0).await[0]);
    let lease = lease(&store).await;
    let task = tasks(&store).await.pop().unwrap();
    store
        .finish(&lease, &[finished(&task, at(5), Ok(reading(700))), finished(&task, at(4), Ok(reading(600)))])
        .await
        .unwrap();
    store.finish(&lease, &[finished(&task, at(3), Ok(reading(500)))]).await.unwrap();
    let card = store.card("acme", CardKind::Sim, "8901").await.unwrap().unwrap();
    assert_eq!((card.profiles[0].used, card.profiles[0].began_at), (Some(700), Some(at(5))));
}

#[rstest]
#[tokio::test]
async fn thresholds_and_old_usage_are_notified_once(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let settings = NotificationPrefs {
        url: Some("https://receiver.example/".into()),
        thresholds: Percentages::new(vec![50, 80]).unwrap(),
        stale_hours: Some(2),
        ..store.notification_prefs("acme").await.unwrap()
    };
    store.set_notification_prefs(&settings).await.unwrap();
    let lease = lease(&store).await;
    // (second, used of 1000, hours since the operator knew) -> events beside the end of the refresh.
    let mut seen = 0;
    let mut read = async |second: i64, used: u64, hours_old: i64| {
        let now = at(second);
        accepted(&accept(&store, &[call("8901", u32::try_from(second).unwrap(), now)], now).await[0]);
        let task = tasks(&store).await.pop().unwrap();
        let reading = Reading { as_of: Some(UnixMs(now.0 - hours_old * 3_600_000)), ..reading(used) };
        store.finish(&lease, &[finished(&task, at(second + 1), Ok(reading))]).await.unwrap();
        let mut all = store.notifications(Some("acme"), None, 100).await.unwrap();
        all.sort_by_key(|one| one.created_at);
        let news: Vec<String> = all[seen..]
            .iter()
            .filter(|one| one.event != "usage.refreshed")
            .map(|one| match one.event.as_str() {
                "usage.threshold" if one.body.contains("\"thresholdPercent\":50") => "50".to_owned(),
                "usage.threshold" if one.body.contains("\"thresholdPercent\":80") => "80".to_owned(),
                other => other.to_owned(),
            })
            .collect();
        seen = all.len();
        let mut news = news;
        news.sort_unstable();
        news
    };
    assert!(read(0, 499, 0).await.is_empty());
    assert_eq!(read(400, 500, 0).await, ["50"]);
    assert!(read(800, 600, 0).await.is_empty(), "notified once");
    assert_eq!(read(1200, 900, 0).await, ["80"]);
    // A correction below arms again.
    assert_eq!(read(1600, 450, 0).await, ["usage.suspect"]);
    assert!(read(3500, 450, 0).await.is_empty(), "another reading agrees");
    assert_eq!(read(4000, 1000, 0).await, ["50", "80"]);
    // The operator's usage is too old.
    assert_eq!(read(20_000, 1000, 3).await, ["usage.stale"]);
    assert!(read(20_400, 1000, 3).await.is_empty(), "notified once");
    assert!(read(20_800, 1000, 0).await.is_empty());
    assert_eq!(read(40_000, 1000, 2).await, ["usage.stale"]);
}

/// A clock was a day ahead when the card was read, and was put back.
#[rstest]
#[tokio::test]
async fn a_reading_after_one_of_a_clock_that_was_ahead_counts(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    const DAY: i64 = 86_400;
    let store = stocked(database).await;
    accept(&store, &[call("8901", 1, at(DAY))], at(DAY)).await;
    let lease = lease(&store).await;
    let task = tasks(&store).await.pop().unwrap();
    store.finish(&lease, &[finished(&task, at(DAY), Ok(reading(100)))]).await.unwrap();
    accept(&store, &[call("8901", 2, at(10))], at(10)).await;
    accepted(&accept(&store, &[call("8901", 3, at(DAY + 1))], at(400)).await[0]);
    let task = tasks(&store).await.pop().unwrap();
    store.finish(&lease, &[finished(&task, at(401), Ok(reading(250)))]).await.unwrap();
    let card = store.card("acme", CardKind::Sim, "8901").await.unwrap().unwrap();
    assert_eq!(card.profiles[0].used, Some(250), "it is not late");
    assert_eq!(card.profiles[0].synced_at, Some(UnixMs(at(401).0 + 500)));
}

/// It was accepted by a clock that was ahead, and its reading began after that was put back.
#[rstest]
#[tokio::test]
async fn a_refresh_accepted_in_the_future_ends_with_its_first_reading(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    const DAY: i64 = 86_400;
    let store = stocked(database).await;
    let id = accepted(&accept(&store, &[call("8901", 1, at(DAY))], at(DAY)).await[0]);
    let lease = lease(&store).await;
    let task = tasks(&store).await.pop().unwrap();
    store.finish(&lease, &[finished(&task, at(10), Ok(reading(100)))]).await.unwrap();
    assert_eq!(store.refresh("acme", &id).await.unwrap().unwrap().state, RefreshState::Succeeded);
    assert!(tasks(&store).await.is_empty());
}

#[rstest]
#[tokio::test]
async fn an_operators_own_id_is_kept_until_the_profile_moves_to_another_operator(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let lease = lease(&store).await;
    // What a reading looked up, and what the next one finds.
    for (n, looked_up, kept) in [
        (1, Some("a@1"), None),
        (2, None, Some("a@1")),
        (3, Some("b@1"), Some("a@1")),
        (4, None, Some("b@1")),
    ] {
        let now = at(i64::from(n) * 400);
        accepted(&accept(&store, &[call("8901", n, now)], now).await[0]);
        let task = tasks(&store).await.pop().unwrap();
        assert_eq!(task.operator_id.as_deref(), kept, "{n}");
        let operator_id = looked_up.map(str::to_owned);
        let ended = Finished { operator_id, ..finished(&task, now, Ok(reading(7))) };
        store.finish(&lease, &[ended]).await.unwrap();
    }
    let mut import = store.import().await.unwrap();
    import.add(&[row("8901", "8901")]).await.unwrap();
    import.commit().await.unwrap();
    accepted(&accept(&store, &[call("8901", 5, at(2_400))], at(2_400)).await[0]);
    let task = tasks(&store).await.pop().unwrap();
    assert_eq!(task.operator_id.as_deref(), Some("b@1"), "an import that changes nothing");
    store.finish(&lease, &[finished(&task, at(2_400), Ok(reading(7)))]).await.unwrap();

    let mut import = store.import().await.unwrap();
    import.add(&[ImportRow { operator_account: "second".into(), ..row("8901", "8901") }]).await.unwrap();
    import.commit().await.unwrap();
    accepted(&accept(&store, &[call("8901", 6, at(2_800))], at(2_800)).await[0]);
    let waiting = store.tasks_after("second", "acme", None, 10).await.unwrap();
    let ids: Vec<_> = waiting.into_iter().map(|task| task.unwrap().operator_id).collect();
    assert_eq!(ids, [None]);
}
