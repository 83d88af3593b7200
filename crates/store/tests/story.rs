//! The contract of the store, told as stories that every database has to live through.
#![allow(clippy::unwrap_used)]

mod support;

use rstest::rstest;
use simgauge_domain::accept::AcceptRule;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::reading::{Period, PeriodKind, ProfileStatus, Reading};
use simgauge_domain::refresh::{Failure, RefreshState};
use simgauge_domain::threshold::Percentages;
use simgauge_domain::time::UnixMs;
use simgauge_store::{
    AcceptCall, AcceptOutcome, Admission, Before, CardFilter, CardRules, Finished, ImportRow, LaneNotes,
    NewPackage, NotifySettings, PackageError, Postponed, RowError, Store, StoreError, TaskKey, Waiting,
    Wakeup,
};
use std::time::Duration;
use support::{Database, TestStore, nothing};

const T0: UnixMs = UnixMs(1_800_000_000_000);
const LANE: &str = "main";

fn rules() -> CardRules {
    let rule = AcceptRule::new(Duration::from_secs(300), Duration::from_secs(300));
    CardRules { sim: rule, cloud_esim: rule }
}

fn at(seconds: i64) -> UnixMs {
    UnixMs(T0.0 + seconds * 1000)
}

fn sign(n: u32) -> String {
    format!("{n:040X}")
}

fn row(number: &str, iccid: &str) -> ImportRow {
    ImportRow {
        number: number.into(),
        kind: if number.len() > 22 { CardKind::CloudEsim } else { CardKind::Sim },
        account: "acme".into(),
        status: "ACTIVATED_NAME".into(),
        label: String::new(),
        iccid: iccid.into(),
        operator_account: LANE.into(),
    }
}

fn call(number: &str, n: u32, now: UnixMs) -> AcceptCall {
    AcceptCall {
        account: "acme".into(),
        appkey: "k".into(),
        kind: if number.len() > 22 { CardKind::CloudEsim } else { CardKind::Sim },
        number: number.into(),
        sign: sign(n),
        id: RefreshId::new(now, u128::from(n)),
    }
}

async fn accept(store: &Store, calls: &[AcceptCall], now: UnixMs) -> Vec<AcceptOutcome> {
    store.accept(calls, &rules(), &|_, _| Admission::Taken, now).await.unwrap()
}

fn accepted(outcome: &AcceptOutcome) -> RefreshId {
    match outcome {
        AcceptOutcome::Accepted { refresh, .. } => refresh.id,
        other => panic!("not accepted: {other:?}"),
    }
}

fn reading(used: u64) -> Reading {
    Reading {
        period: Period { kind: PeriodKind::CalendarMonth, key: "2027-01".into(), start: None, end: None },
        used,
        total: Some(1000),
        as_of: None,
        status: Some(ProfileStatus::Active),
        raw_status: Some("ACTIVATED".into()),
        bundles: Vec::new(),
    }
}

fn finished(key: &TaskKey, card: &str, began: UnixMs, outcome: Result<Reading, Failure>) -> Finished {
    Finished {
        task: key.clone(),
        card: card.into(),
        began_at: began,
        ended_at: UnixMs(began.0 + 500),
        outcome,
    }
}

fn put_off(key: &TaskKey, attempts: u32) -> Postponed {
    Postponed { key: key.clone(), attempts, first_attempt_at: at(1), not_before: at(5) }
}

/// A store with account `acme`, a physical card and a cloud eSIM of two profiles.
async fn stocked(database: Database) -> TestStore {
    let store = TestStore::new(database).await;
    store.create_account("acme", "zh", T0).await.unwrap();
    store.create_account("other", "en", T0).await.unwrap();
    store.create_app("k", "acme", "first", b"sealed", T0).await.unwrap();
    let mut import = store.import().await.unwrap();
    let verdicts = import
        .add(&[
            row("8901", "8901"),
            row("8902", "8902"),
            row(&"1".repeat(26), "8911"),
            row(&"1".repeat(26), "8912"),
        ])
        .await
        .unwrap();
    assert!(verdicts.iter().all(Result::is_ok));
    import.commit().await.unwrap();
    store
}

#[rstest]
#[tokio::test]
async fn accounts_and_apps(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = stocked(database).await;
    assert!(matches!(store.create_account("acme", "en", T0).await, Err(StoreError::Exists(_))));
    assert!(matches!(store.create_app("k", "acme", "", b"x", T0).await, Err(StoreError::Exists(_))));
    assert!(matches!(store.create_app("k2", "nobody", "", b"x", T0).await, Err(StoreError::Missing(_))));
    let app = store.app("k").await.unwrap().unwrap();
    assert_eq!(
        (app.account.as_str(), app.language.as_str(), app.secret.as_slice()),
        ("acme", "zh", b"sealed".as_slice())
    );
    assert_eq!(store.app("K").await.unwrap(), None);
    store.set_app_disabled("k", true).await.unwrap();
    store.set_app_secret("k", b"new", None).await.unwrap();
    let app = store.app("k").await.unwrap().unwrap();
    assert_eq!((app.disabled, app.secret.as_slice()), (1, b"new".as_slice()));
    assert!(matches!(store.set_app_disabled("no", true).await, Err(StoreError::Missing(_))));
    assert_eq!(store.accounts().await.unwrap().len(), 2);
    assert_eq!(store.apps().await.unwrap().len(), 1);
}

#[rstest]
#[tokio::test]
async fn import_judges_each_row(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = stocked(database).await;
    let mut import = store.import().await.unwrap();
    let stranger = ImportRow { account: "nobody".into(), ..row("8999", "8999") };
    let stolen = ImportRow { account: "other".into(), ..row("8901", "8901") };
    let twisted = ImportRow { kind: CardKind::CloudEsim, ..row("8901", "8901") };
    let renamed = ImportRow { label: "it's \"new\" 卡".into(), ..row("8901", "8901") };
    let verdicts = import.add(&[stranger, stolen, twisted, renamed]).await.unwrap();
    assert_eq!(
        verdicts,
        [
            Err(RowError::NoAccount("nobody".into())),
            Err(RowError::OtherAccount("acme".into())),
            Err(RowError::OtherKind),
            Ok(())
        ]
    );
    import.commit().await.unwrap();
    assert_eq!(store.card("acme", CardKind::Sim, "8901").await.unwrap().unwrap().label, "it's \"new\" 卡");
    let mut import = store.import().await.unwrap();
    import.add(&[row("8903", "8903")]).await.unwrap();
    import.roll_back().await.unwrap();
    assert_eq!(store.card_of_any("8903").await.unwrap(), None);
}

#[rstest]
#[tokio::test]
async fn import_judges_each_row_among_many(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let number = |n: usize| format!("77{n:03}");
    let mut rows: Vec<ImportRow> = (0..300).map(|n| row(&number(n), &number(n))).collect();
    rows[60] = ImportRow { account: "nobody".into(), ..rows[60].clone() };
    // Other rows about new cards, which belong to who came first.
    rows[120] = ImportRow { account: "other".into(), ..rows[119].clone() };
    rows[180] = ImportRow { kind: CardKind::CloudEsim, ..rows[179].clone() };
    rows[240] = ImportRow { label: "later".into(), iccid: number(900), ..rows[239].clone() };
    let mut import = store.import().await.unwrap();
    let verdicts = import.add(&rows).await.unwrap();
    import.commit().await.unwrap();
    for (at, verdict) in verdicts.iter().enumerate() {
        let expected = match at {
            60 => Err(RowError::NoAccount("nobody".into())),
            120 => Err(RowError::OtherAccount("acme".into())),
            180 => Err(RowError::OtherKind),
            _ => Ok(()),
        };
        assert_eq!(*verdict, expected, "row {at}");
        let card = store.card("acme", CardKind::Sim, &number(at)).await.unwrap();
        assert_eq!(card.is_some(), ![60, 120, 180, 240].contains(&at), "card {at}");
        assert!(card.is_none_or(|card| card.profiles.iter().any(|profile| profile.iccid == number(at))));
    }
    let twice = store.card("acme", CardKind::Sim, &number(239)).await.unwrap().unwrap();
    assert_eq!((twice.label.as_str(), twice.profiles.len()), ("later", 2));
}

#[rstest]
#[tokio::test]
async fn cards_are_seen_by_their_account_only(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    assert!(store.card("other", CardKind::Sim, "8901").await.unwrap().is_none());
    assert!(store.card("acme", CardKind::CloudEsim, "8901").await.unwrap().is_none());
    let esim = store.card("acme", CardKind::CloudEsim, &"1".repeat(26)).await.unwrap().unwrap();
    assert_eq!(esim.profiles.iter().map(|p| p.iccid.as_str()).collect::<Vec<_>>(), ["8911", "8912"]);
    let list = |filter: CardFilter, offset, limit| {
        let store = store.clone();
        async move {
            let cards = store.cards("acme", CardKind::Sim, &filter, offset, limit).await.unwrap();
            cards.into_iter().map(|card| card.number).collect::<Vec<_>>()
        }
    };
    assert_eq!(list(CardFilter::default(), 0, 10).await, ["8901", "8902"]);
    assert_eq!(list(CardFilter::default(), 1, 1).await, ["8902"]);
    let some =
        CardFilter { numbers: vec!["8902".into(), "8902".into(), "x".into()], ..CardFilter::default() };
    assert_eq!(list(some, 0, 10).await, ["8902"]);
    let retired = CardFilter { status: Some("RETIRED_NAME".into()), ..CardFilter::default() };
    assert!(list(retired, 0, 10).await.is_empty());
    let exported = store.cards_after(None, "", 2).await.unwrap();
    assert_eq!(exported.last().unwrap().number, "8901");
    assert_eq!(store.cards_after(Some("acme"), "8901", 9).await.unwrap()[0].number, "8902");
}

#[rstest]
#[tokio::test]
async fn accepting_is_decided_in_order_and_durable(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let mut store = stocked(database).await;
    let calls = [call("8901", 1, T0), call("8901", 2, T0), call("8901", 1, T0), call("8903", 3, T0)];
    let outcomes = accept(&store, &calls, T0).await;
    let id = accepted(&outcomes[0]);
    assert_eq!(outcomes[1], AcceptOutcome::Cooling { accepted_at: T0, next_at: at(300) });
    assert!(matches!(&outcomes[2], AcceptOutcome::Same(same) if same.id == id));
    assert_eq!(outcomes[3], AcceptOutcome::NotFound);
    let foreign = AcceptCall { account: "other".into(), ..call("8902", 4, T0) };
    let twisted = AcceptCall { kind: CardKind::CloudEsim, ..call("8902", 5, T0) };
    assert_eq!(
        accept(&store, &[foreign, twisted], T0).await,
        [AcceptOutcome::NotFound, AcceptOutcome::NotFound]
    );

    store.reopen().await;
    let later = accept(&store, &[call("8901", 6, at(299)), call("8901", 1, at(299))], at(299)).await;
    assert_eq!(later[0], AcceptOutcome::Cooling { accepted_at: T0, next_at: at(300) });
    assert!(
        matches!(&later[1], AcceptOutcome::Same(same) if same.id == id && same.state == RefreshState::Queued)
    );
    let view = store.refresh("acme", &id).await.unwrap().unwrap();
    assert_eq!((view.state, view.card.as_str(), view.appkey.as_str()), (RefreshState::Queued, "8901", "k"));
    assert_eq!(store.refresh("other", &id).await.unwrap(), None);

    let again = accept(&store, &[call("8901", 6, at(300))], at(300)).await;
    let second = accepted(&again[0]);
    assert!(
        matches!(&again[0], AcceptOutcome::Accepted { tasks, .. } if tasks.is_empty()),
        "the first reading is still waiting, so the second refresh joins it"
    );
    let same = accept(&store, &[call("8901", 1, at(301))], at(301)).await;
    assert!(matches!(&same[0], AcceptOutcome::Same(same) if same.id == id), "also behind a newer refresh");
    assert_ne!(second, id);
    assert_eq!(store.tasks_after(LANE, "acme", None, 10).await.unwrap().len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_lane_that_does_not_take_it_stores_nothing(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    for (answer, estimate) in [(Admission::TooFarBehind(1000), Some(1000)), (Admission::Unknown, None)] {
        let outcomes = store.accept(&[call("8901", 1, T0)], &rules(), &move |_, _| answer, T0).await.unwrap();
        assert_eq!(outcomes, [AcceptOutcome::Refused { lane: LANE.into(), estimate }]);
    }
    accepted(&accept(&store, &[call("8901", 1, T0)], T0).await[0]);
}

#[rstest]
#[tokio::test]
async fn a_refresh_from_queue_to_end(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = stocked(database).await;
    let id = accepted(&accept(&store, &[call("8901", 1, T0)], T0).await[0]);
    let lease = store.lease(LANE, "n1", T0, at(10), false).await.unwrap().unwrap().0;
    assert_eq!(store.waiting_accounts(LANE).await.unwrap(), ["acme"]);
    let waiting = store.count_waiting(LANE, "acme", 100).await.unwrap();
    assert_eq!(waiting, Waiting { count: 1, since: Some(T0) });
    let task = store.tasks_after(LANE, "acme", None, 10).await.unwrap().pop().unwrap();
    assert_eq!((task.card.as_str(), task.eid.as_deref(), task.attempts), ("8901", None, 0));
    store.mark_running(&lease, std::slice::from_ref(&task.key)).await.unwrap();
    assert_eq!(store.refresh("acme", &id).await.unwrap().unwrap().state, RefreshState::Running);
    store.postpone(&lease, &[put_off(&task.key, 2)]).await.unwrap();
    let retried = store.tasks_after(LANE, "acme", None, 10).await.unwrap().pop().unwrap();
    assert_eq!((retried.attempts, retried.first_attempt_at, retried.not_before), (2, Some(at(1)), at(5)));

    let ended = store.finish(&lease, &[finished(&task.key, "8901", at(5), Ok(reading(700)))]).await.unwrap();
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
    assert!(store.tasks_after(LANE, "acme", None, 10).await.unwrap().is_empty());
    assert!(store.waiting_accounts(LANE).await.unwrap().is_empty());

    let second = accepted(&accept(&store, &[call("8901", 2, at(400))], at(400)).await[0]);
    let task = store.tasks_after(LANE, "acme", None, 10).await.unwrap().pop().unwrap();
    assert_eq!(task.last_read_at, Some(at(5)));
    let failure =
        Failure { kind: FailureKind::NotFound, detail: "the operator does not know this SIM".into() };
    store.finish(&lease, &[finished(&task.key, "8901", at(401), Err(failure.clone()))]).await.unwrap();
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
    let lease = store.lease(LANE, "n1", T0, at(10), false).await.unwrap().unwrap().0;
    let tasks = store.tasks_after(LANE, "acme", None, 10).await.unwrap();
    assert_eq!(tasks.len(), 1);
    // Began after the second was accepted and before the third.
    let ended =
        store.finish(&lease, &[finished(&tasks[0].key, "8901", at(500), Ok(reading(1)))]).await.unwrap();
    assert_eq!(ended.len(), 2);
    let tasks = store.tasks_after(LANE, "acme", None, 10).await.unwrap();
    assert_eq!(tasks.iter().map(|task| task.key.refresh).collect::<Vec<_>>(), [ids[2]]);
    store.finish(&lease, &[finished(&tasks[0].key, "8901", at(601), Ok(reading(2)))]).await.unwrap();
    for id in &ids {
        assert_eq!(store.refresh("acme", id).await.unwrap().unwrap().state, RefreshState::Succeeded);
    }
    assert!(store.tasks_after(LANE, "acme", None, 10).await.unwrap().is_empty());
}

#[rstest]
#[tokio::test]
async fn a_cloud_esim_ends_when_each_profile_was_read(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let eid = "1".repeat(26);
    let id = accepted(&accept(&store, &[call(&eid, 1, T0)], T0).await[0]);
    let lease = store.lease(LANE, "n1", T0, at(10), false).await.unwrap().unwrap().0;
    let tasks = store.tasks_after(LANE, "acme", None, 10).await.unwrap();
    assert_eq!(
        tasks.iter().map(|t| (t.key.iccid.as_str(), t.eid.as_deref())).collect::<Vec<_>>(),
        [("8911", Some(eid.as_str())), ("8912", Some(eid.as_str()))]
    );
    let ended = store.finish(&lease, &[finished(&tasks[0].key, &eid, at(1), Ok(reading(10)))]).await.unwrap();
    assert!(ended.is_empty());
    assert_eq!(store.refresh("acme", &id).await.unwrap().unwrap().state, RefreshState::Running);
    let ended = store.finish(&lease, &[finished(&tasks[1].key, &eid, at(2), Ok(reading(5)))]).await.unwrap();
    assert_eq!(ended[0].id, id);
    assert_eq!(store.refresh("acme", &id).await.unwrap().unwrap().after, Some(15));
}

#[rstest]
#[tokio::test]
async fn a_late_reading_changes_nothing(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = stocked(database).await;
    accepted(&accept(&store, &[call("8901", 1, T0)], T0).await[0]);
    let lease = store.lease(LANE, "n1", T0, at(10), false).await.unwrap().unwrap().0;
    let task = store.tasks_after(LANE, "acme", None, 10).await.unwrap().pop().unwrap();
    store
        .finish(
            &lease,
            &[
                finished(&task.key, "8901", at(5), Ok(reading(700))),
                finished(&task.key, "8901", at(4), Ok(reading(600))),
            ],
        )
        .await
        .unwrap();
    store.finish(&lease, &[finished(&task.key, "8901", at(3), Ok(reading(500)))]).await.unwrap();
    let card = store.card("acme", CardKind::Sim, "8901").await.unwrap().unwrap();
    assert_eq!((card.profiles[0].used, card.profiles[0].began_at), (Some(700), Some(at(5))));
}

#[rstest]
#[tokio::test]
async fn leases_exclude_and_fence(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = stocked(database).await;
    accepted(&accept(&store, &[call("8901", 1, T0)], T0).await[0]);
    let task = store.tasks_after(LANE, "acme", None, 10).await.unwrap().pop().unwrap();
    let first = store.lease(LANE, "n1", T0, at(10), false).await.unwrap().unwrap().0;
    assert_eq!(store.lease(LANE, "n2", at(9), at(20), false).await.unwrap(), None);
    store.renew(&first, at(15), r#"{"health":"ok"}"#).await.unwrap();
    assert_eq!(store.lease(LANE, "n2", at(14), at(20), false).await.unwrap(), None);
    let second = store.lease(LANE, "n2", at(15), at(25), false).await.unwrap().unwrap().0;
    assert!(second.epoch > first.epoch);
    let lost = |result: Result<(), StoreError>| assert!(matches!(result, Err(StoreError::LeaseLost(_))));
    lost(store.renew(&first, at(30), "{}").await);
    lost(store.mark_running(&first, std::slice::from_ref(&task.key)).await);
    lost(store.postpone(&first, &[put_off(&task.key, 1)]).await);
    lost(store.finish(&first, &[finished(&task.key, "8901", at(16), Ok(reading(1)))]).await.map(|_| ()));
    // A lane that was lost keeps no other one from writing.
    let other = store.lease("other", "n1", T0, at(30), false).await.unwrap().unwrap().0;
    let failed = finished(&task.key, "8901", at(16), Ok(reading(1)));
    let lost_ones = LaneNotes { finished: vec![failed], ..nothing(&first) };
    assert_eq!(store.write_down(&[lost_ones, nothing(&other)]).await.unwrap(), [None, Some(Vec::new())]);
    assert_eq!(store.card("acme", CardKind::Sim, "8901").await.unwrap().unwrap().profiles[0].used, None);
    store.release(&first, "late").await.unwrap();
    assert_eq!(
        store.lease(LANE, "n3", at(17), at(27), false).await.unwrap(),
        None,
        "an old release frees nothing"
    );
    store.release(&second, "last words").await.unwrap();
    let (third, before) = store.lease(LANE, "n3", at(17), at(27), false).await.unwrap().unwrap();
    assert_eq!(before, Before::GivenBack("last words".into()));
    let (_, before) = store.lease(LANE, "n4", at(17), at(27), true).await.unwrap().unwrap();
    assert_eq!(before, Before::Lost, "seized");
    lost(store.renew(&third, at(30), "{}").await);
    let fresh = store.lease("another", "n4", at(17), at(27), false).await.unwrap().unwrap();
    assert_eq!(fresh.1, Before::Nobody);
    let lanes = store.lanes().await.unwrap();
    let main = lanes.iter().find(|lane| lane.name == LANE).unwrap();
    assert_eq!((main.holder.as_str(), main.status.as_str()), ("n4", "{}"));
}

#[rstest]
#[tokio::test]
async fn accounts_with_waiting_work_are_found_without_reading_their_queues(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let mut import = store.import().await.unwrap();
    let others: Vec<ImportRow> = (0..20)
        .map(|n| ImportRow { account: "other".into(), ..row(&format!("77{n:02}"), &format!("77{n:02}")) })
        .collect();
    import.add(&others).await.unwrap();
    import.commit().await.unwrap();
    let calls: Vec<AcceptCall> = (0..20)
        .map(|n| AcceptCall { account: "other".into(), ..call(&format!("77{n:02}"), n, T0) })
        .collect();
    accept(&store, &calls, T0).await;
    accept(&store, &[call("8901", 100, T0)], T0).await;
    assert_eq!(store.waiting_accounts(LANE).await.unwrap(), ["acme", "other"]);
    assert_eq!(store.count_waiting(LANE, "other", 7).await.unwrap().count, 7);
    let first = store.tasks_after(LANE, "other", None, 15).await.unwrap();
    let rest = store.tasks_after(LANE, "other", Some(&first[14].key), 15).await.unwrap();
    assert_eq!((first.len(), rest.len()), (15, 5));
    assert!(first[14].key.refresh < rest[0].key.refresh);
}

#[rstest]
#[tokio::test]
async fn migrations_run_once_and_a_newer_database_is_refused(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = TestStore::new(database).await;
    assert_eq!(store.migrate().await.unwrap(), 0);
    assert!(store.is_current().await.unwrap());
    store.ping().await.unwrap();
    store.run_raw("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) SELECT 9999, 'future', success, checksum, 0 FROM _sqlx_migrations LIMIT 1").await;
    assert!(matches!(store.migrate().await, Err(StoreError::NewerDatabase(9999))));
}

#[tokio::test]
async fn an_unknown_scheme_is_named() {
    assert!(matches!(Store::connect("mysql://x", 1).await, Err(StoreError::UnknownScheme)));
}

#[rstest]
#[tokio::test]
async fn accepted_work_is_told_to_other_nodes(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let wakeups = store.wakeups().await.unwrap();
    accept(&store, &[call("8901", 1, T0), call("8902", 2, T0), call("8903", 3, T0)], T0).await;
    match (database, wakeups) {
        (Database::Sqlite, None) => assert_eq!(store.server_time().await.unwrap(), None),
        (Database::Postgres, Some(mut wakeups)) => {
            let news = tokio::time::timeout(Duration::from_secs(5), wakeups.next()).await.unwrap().unwrap();
            assert_eq!(news, Wakeup::Work { lane: LANE.into(), account: "acme".into() });
            let now = store.server_time().await.unwrap().unwrap();
            assert!(now.seconds() > 1_700_000_000);
        }
        (database, _) => panic!("{database:?}"),
    }
}

#[rstest]
#[tokio::test]
async fn readings_are_booked_on_packages(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = stocked(database).await;
    let package = |code: &str, total, to| NewPackage {
        card: "8901".into(),
        code: code.into(),
        name: format!("package {code}"),
        total: Some(total),
        valid_from: None,
        valid_to: Some(at(to)),
    };
    store.add_package(&package("late", 500, 10_000), T0).await.unwrap();
    store.add_package(&package("early", 300, 5_000), T0).await.unwrap();
    assert!(matches!(store.add_package(&package("early", 1, 9), T0).await, Err(PackageError::Exists(_))));
    let nowhere = NewPackage { card: "89".into(), ..package("x", 1, 9) };
    assert!(matches!(store.add_package(&nowhere, T0).await, Err(PackageError::NoCard(_))));
    let lease = store.lease(LANE, "n1", T0, at(10), false).await.unwrap().unwrap().0;
    let read = async |second: i64, used: u64| {
        let now = at(second);
        accepted(&accept(&store, &[call("8901", u32::try_from(second).unwrap(), now)], now).await[0]);
        let task = store.tasks_after(LANE, "acme", None, 10).await.unwrap().pop().unwrap();
        store
            .finish(&lease, &[finished(&task.key, "8901", at(second + 1), Ok(reading(used)))])
            .await
            .unwrap();
        let card = store.card("acme", CardKind::Sim, "8901").await.unwrap().unwrap();
        let booked: Vec<(String, u64)> =
            card.packages.into_iter().map(|one| (one.package.code, one.package.booked)).collect();
        (booked, card.overage)
    };
    let early = |n| ("early".to_owned(), n);
    let late = |n| ("late".to_owned(), n);
    // 200 on what expires first; then 250 more: 100 still fit there, 150 on the next.
    assert_eq!(read(0, 200).await, (vec![early(200), late(0)], 0));
    assert_eq!(read(400, 450).await, (vec![early(300), late(150)], 0));
    // 850 used: 350 more fill the second package. 1000: 150 beyond both.
    assert_eq!(read(800, 850).await, (vec![early(300), late(500)], 50));
    assert_eq!(read(1200, 1000).await, (vec![early(300), late(500)], 200));
    // The operator takes 300 back: first the overage, then from what was booked last.
    assert_eq!(read(1600, 700).await, (vec![early(300), late(400)], 0));
    assert_eq!(store.booked_sum("8901").await.unwrap(), 700);
    // A top-up changes no booking; less total does, and so does taking a package away.
    store.set_package_total("8901", "late", Some(350), at(1700)).await.unwrap();
    store.set_package_total("8901", "early", Some(1000), at(1700)).await.unwrap();
    assert_eq!(read(2000, 710).await, (vec![early(310), late(350)], 50));
    store.cover_overage("8901", "early", at(2100)).await.unwrap();
    store.remove_package("8901", "late", at(2100)).await.unwrap();
    assert_eq!(read(2400, 710).await, (vec![early(360)], 350));
    assert!(matches!(store.remove_package("8901", "late", T0).await, Err(PackageError::Unknown(_))));
    assert_eq!(
        store.booked_sum("8901").await.unwrap(),
        710,
        "whatever was done, the books add up to what was used"
    );
}

#[rstest]
#[tokio::test]
async fn thresholds_and_old_figures_are_told_once(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = stocked(database).await;
    let settings = NotifySettings {
        url: Some("https://receiver.example/".into()),
        thresholds: Percentages::new(vec![50, 80]).unwrap(),
        stale_hours: Some(2),
        ..store.notify_settings("acme").await.unwrap()
    };
    store.set_notify_settings(&settings).await.unwrap();
    let lease = store.lease(LANE, "n1", T0, at(10), false).await.unwrap().unwrap().0;
    // (second, used of 1000, hours since the operator knew) -> events beside the end of the refresh.
    let mut told = 0;
    let mut read = async |second: i64, used: u64, hours_old: i64| {
        let now = at(second);
        accepted(&accept(&store, &[call("8901", u32::try_from(second).unwrap(), now)], now).await[0]);
        let task = store.tasks_after(LANE, "acme", None, 10).await.unwrap().pop().unwrap();
        let reading = Reading { as_of: Some(UnixMs(now.0 - hours_old * 3_600_000)), ..reading(used) };
        store.finish(&lease, &[finished(&task.key, "8901", at(second + 1), Ok(reading))]).await.unwrap();
        let mut all = store.notifications(Some("acme"), None, 100).await.unwrap();
        all.sort_by_key(|one| one.created_at);
        let news: Vec<String> = all[told..]
            .iter()
            .filter(|one| one.event != "usage.refreshed")
            .map(|one| match one.event.as_str() {
                "usage.threshold" if one.body.contains("\"thresholdPercent\":50") => "50".to_owned(),
                "usage.threshold" if one.body.contains("\"thresholdPercent\":80") => "80".to_owned(),
                other => other.to_owned(),
            })
            .collect();
        told = all.len();
        let mut news = news;
        news.sort_unstable();
        news
    };
    assert!(read(0, 499, 0).await.is_empty());
    assert_eq!(read(400, 500, 0).await, ["50"]);
    assert!(read(800, 600, 0).await.is_empty(), "said once");
    assert_eq!(read(1200, 900, 0).await, ["80"]);
    // A correction below arms again.
    assert!(read(1600, 450, 0).await.is_empty());
    assert_eq!(read(2000, 1000, 0).await, ["50", "80"]);
    // The operator's figure stays behind.
    assert_eq!(read(20_000, 1000, 3).await, ["usage.stale"]);
    assert!(read(20_400, 1000, 3).await.is_empty(), "said once");
    assert!(read(20_800, 1000, 0).await.is_empty());
    assert_eq!(read(40_000, 1000, 2).await, ["usage.stale"]);
}

#[tokio::test]
async fn a_log_is_written_back_and_begun_anew() {
    let store = TestStore::new(Database::Sqlite).await;
    store.create_account("acme", "zh", T0).await.unwrap();
    for hundred in 0..3 {
        let mut import = store.import().await.unwrap();
        let cards: Vec<ImportRow> = (0..1000)
            .map(|n| row(&format!("8986{hundred:04}{n:011}"), &format!("8986{hundred:04}{n:011}")))
            .collect();
        assert!(import.add(&cards).await.unwrap().iter().all(Result::is_ok));
        import.commit().await.unwrap();
    }
    let long = store.log_pages().await.unwrap().unwrap();
    store.checkpoint().await.unwrap();
    assert_eq!(store.log_pages().await.unwrap(), Some(long), "written back, and there until the next write");
    accept(&store, &[call("8986000000000000000", 1, T0)], T0).await;
    let short = store.log_pages().await.unwrap().unwrap();
    assert!(short < 20 && long > 100, "{long} pages, then {short}");
}
