//! What the console asks the store, told to every database.
#![allow(clippy::unwrap_used)]

mod support;

use rstest::rstest;
use simgauge_domain::accept::AcceptRule;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::period::TimeZone;
use simgauge_domain::time::UnixMs;
use simgauge_store::{
    AcceptCall, AcceptOutcome, Activity, AdminRole, Admission, CardCursor, CardRules, CardWalk, ImportRow,
    RefreshFilter, Store, StoreError,
};
use std::time::Duration;
use support::{Database, TestStore};

const T0: UnixMs = UnixMs(1_800_000_000_000);
const EID: &str = "89049032123451234512345678901235";

fn at(seconds: i64) -> UnixMs {
    UnixMs(T0.0 + seconds * 1000)
}

fn row(number: &str, iccid: &str, account: &str) -> ImportRow {
    ImportRow {
        number: number.into(),
        kind: if number.len() > 22 { CardKind::CloudEsim } else { CardKind::Sim },
        account: account.into(),
        status: "ACTIVATED_NAME".into(),
        label: String::new(),
        iccid: iccid.into(),
        operator_account: "main".into(),
    }
}

async fn import(store: &Store, rows: &[ImportRow]) {
    let mut import = store.import().await.unwrap();
    assert!(import.add(rows).await.unwrap().iter().all(Result::is_ok));
    import.commit().await.unwrap();
}

/// Ten plain cards of `acme`, one of `other`, an eSIM with two profiles.
async fn furnished(database: Database) -> TestStore {
    let store = TestStore::new(database).await;
    for account in ["acme", "other"] {
        store.create_account(account, "zh", T0).await.unwrap();
    }
    let mut rows: Vec<ImportRow> = (0..10)
        .map(|n| ImportRow {
            label: format!("Box {n}"),
            ..row(&format!("898600000000000000{n}"), &format!("898600000000000000{n}"), "acme")
        })
        .collect();
    rows[3].status = "RETIRED_NAME".into();
    rows[4].operator_account = "rare".into();
    rows.push(row("8986000000000000010", "8986000000000000010", "other"));
    rows.push(row(EID, "8944000000000000001", "acme"));
    rows.push(row(EID, "8944000000000000002", "acme"));
    import(&store, &rows).await;
    store
}

/// Everything on a way, in pages of `size`.
async fn walked(store: &Store, walk: &CardWalk, size: i64) -> Vec<String> {
    let mut numbers = Vec::new();
    let mut after: Option<CardCursor> = None;
    loop {
        let page = store.walk_cards(walk, after.as_ref(), size).await.unwrap();
        let Some((place, _)) = page.last() else { return numbers };
        after = Some(place.clone());
        numbers.extend(page.into_iter().map(|(_, card)| card.number));
    }
}

#[rstest]
#[tokio::test]
async fn cards_are_walked_page_by_page_on_every_way(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = furnished(database).await;
    for size in [1, 3, 100] {
        let all = walked(&store, &CardWalk::Number(String::new()), size).await;
        assert_eq!(all.len(), 12);
        assert!(all.is_sorted());
        assert_eq!(walked(&store, &CardWalk::Number("89860000000000000".into()), size).await.len(), 11);
        assert_eq!(
            walked(&store, &CardWalk::Number("8986000000000000003".into()), size).await,
            ["8986000000000000003"]
        );
        assert!(walked(&store, &CardWalk::Number("77".into()), size).await.is_empty());
        let boxes = walked(&store, &CardWalk::Label("Box".into()), size).await;
        assert_eq!((boxes.len(), boxes[9].as_str()), (10, "8986000000000000009"));
        assert_eq!(walked(&store, &CardWalk::Label("Box 7".into()), size).await, ["8986000000000000007"]);
        let own = walked(&store, &CardWalk::Account("acme".into()), size).await;
        assert_eq!((own.len(), own[0].as_str()), (11, EID), "by kind, then by number");
        assert_eq!(walked(&store, &CardWalk::Account("other".into()), size).await, ["8986000000000000010"]);
        let retired = CardWalk::status("RETIRED_NAME").unwrap();
        assert_eq!(walked(&store, &retired, size).await, ["8986000000000000003"]);
        assert_eq!(walked(&store, &CardWalk::Operator("rare".into()), size).await, ["8986000000000000004"]);
        let main = walked(&store, &CardWalk::Operator("main".into()), size).await;
        assert_eq!(main.len(), 11, "a card with two profiles there is one card");
        for prefix in ["8944000000000000002", "8944000000000000001"] {
            assert_eq!(walked(&store, &CardWalk::Profile(prefix.into()), size).await, [EID], "{prefix}");
        }
        assert_eq!(walked(&store, &CardWalk::Profile("8944".into()), size).await.len(), 2, "once a profile");
        assert!(walked(&store, &CardWalk::Profile("8986".into()), size).await.is_empty());
    }
    assert_eq!(CardWalk::status("ACTIVATED_NAME"), None);
}

fn call(number: &str, n: u32) -> AcceptCall {
    AcceptCall {
        account: "acme".into(),
        appkey: "k".into(),
        kind: CardKind::Sim,
        number: number.into(),
        sign: format!("{n:040X}"),
        is_exact: false,
        sign_was_used: false,
        id: RefreshId::new(at(i64::from(n)), u128::from(n)),
    }
}

async fn accept(store: &Store, number: &str, n: u32) -> RefreshId {
    let rule = AcceptRule::new(Duration::ZERO, Duration::ZERO);
    let rules = CardRules { sim: rule, cloud_esim: rule };
    let now = at(i64::from(n));
    match &store.accept(&[call(number, n)], &rules, &|_, _| Admission::Taken, now).await.unwrap()[0] {
        AcceptOutcome::Accepted { refresh, .. } => refresh.id,
        other => panic!("not accepted: {other:?}"),
    }
}

#[rstest]
#[tokio::test]
async fn refreshes_are_listed_newest_first_and_looking_has_an_end(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = furnished(database).await;
    let (one, two) = ("8986000000000000001", "8986000000000000002");
    let mut ids = Vec::new();
    for n in 0..6 {
        ids.push(accept(&store, if n % 2 == 0 { one } else { two }, n).await);
    }
    ids.reverse();
    let list = async |before: Option<&str>, filter: &RefreshFilter, limit, look_at| {
        let page = store.refreshes_before(before, filter, limit, look_at).await.unwrap();
        let found: Vec<RefreshId> = page.refreshes.into_iter().map(|refresh| refresh.id).collect();
        (found, page.next, page.cut)
    };
    let all = RefreshFilter::default();
    assert_eq!(list(None, &all, 4, 100).await, (ids[..4].to_vec(), Some(ids[3]), false));
    assert_eq!(list(Some(ids[3].as_str()), &all, 4, 100).await, (ids[4..].to_vec(), None, false));
    // A span of time is a range of ids.
    assert_eq!(list(Some(RefreshId::new(at(2), 0).as_str()), &all, 9, 100).await.0, ids[4..]);
    let open = RefreshFilter { state: "open".into(), account: "acme".into(), reason: None };
    assert_eq!(list(None, &open, 9, 100).await.0.len(), 6);
    let failed = RefreshFilter { reason: Some(FailureKind::Auth), ..RefreshFilter::default() };
    assert_eq!(list(None, &failed, 9, 3).await, (vec![], Some(ids[2]), true), "stops after three");
    assert_eq!(list(Some(ids[2].as_str()), &failed, 9, 100).await, (vec![], None, false));
    let of_card = async |before: Option<&str>, limit| {
        let found = store.refreshes_of_card(store.card_id(one).await, before, limit).await.unwrap();
        found.into_iter().map(|refresh| refresh.id).collect::<Vec<_>>()
    };
    assert_eq!(of_card(None, 2).await, [ids[1], ids[3]]);
    assert_eq!(of_card(Some(ids[3].as_str()), 2).await, [ids[5]]);
    assert!(of_card(Some(ids[0].as_str()), 2).await.is_empty(), "another card's refresh leads nowhere");
    assert!(
        store
            .refreshes_of_card(store.card_id("8986000000000000005").await, None, 2)
            .await
            .unwrap()
            .is_empty()
    );

    let first = store.refresh("acme", &ids[5]).await.unwrap().unwrap();
    let waiting = store.waiting_tasks("main", &first).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].iccid.as_str(), waiting[0].attempts), (1, one, 0));
}

#[rstest]
#[tokio::test]
async fn admins_and_their_sessions(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = TestStore::new(database).await;
    store.create_admin("ann", "hash", AdminRole::Full, T0).await.unwrap();
    store.create_admin("bob", "hash", AdminRole::ReadOnly, T0).await.unwrap();
    let twice = store.create_admin("ann", "x", AdminRole::Full, T0).await;
    assert!(matches!(twice, Err(StoreError::Exists(_))));
    assert_eq!(store.admins().await.unwrap().len(), 2);
    assert_eq!(store.admin("bob").await.unwrap().unwrap().role, AdminRole::ReadOnly);
    assert!(store.admin("eve").await.unwrap().is_none());

    for (token, admin) in [("t1", "ann"), ("t2", "ann"), ("t3", "bob")] {
        store.begin_session(token, admin, T0, at(-100)).await.unwrap();
    }
    let session = store.session("t1").await.unwrap().unwrap();
    assert_eq!((session.admin.as_str(), session.role, session.created_at), ("ann", AdminRole::Full, T0));
    store.touch_session("t1", at(50)).await.unwrap();
    assert_eq!(store.session("t1").await.unwrap().unwrap().seen_at, at(50));
    store.end_session("t2").await.unwrap();
    assert!(store.session("t2").await.unwrap().is_none());
    // Disabling ends sessions; enabling does not bring them back.
    store.set_admin_disabled("bob", true).await.unwrap();
    assert!(store.session("t3").await.unwrap().is_none());
    store.set_admin_disabled("bob", false).await.unwrap();
    assert!(store.session("t3").await.unwrap().is_none());
    // So does a new password.
    store.set_admin_password("ann", "new").await.unwrap();
    assert!(store.session("t1").await.unwrap().is_none());
    assert_eq!(store.admin("ann").await.unwrap().unwrap().password, "new");
    assert!(matches!(store.set_admin_password("eve", "x").await, Err(StoreError::Missing(_))));
    assert!(matches!(store.set_admin_disabled("eve", true).await, Err(StoreError::Missing(_))));
    // A log-in clears away what is long over.
    store.begin_session("t4", "ann", T0, at(-100)).await.unwrap();
    store.begin_session("t5", "ann", at(500), at(400)).await.unwrap();
    assert!(store.session("t4").await.unwrap().is_none());
    assert!(store.session("t5").await.unwrap().is_some());
}

#[rstest]
#[tokio::test]
async fn lanes_are_paused_for_all_nodes(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let mut store = TestStore::new(database).await;
    assert!(!store.is_lane_paused("main").await.unwrap());
    store.pause_lane("main", "ann", "operator asked us to", T0).await.unwrap();
    store.pause_lane("main", "bob", "again", at(1)).await.unwrap();
    store.reopen().await;
    assert!(store.is_lane_paused("main").await.unwrap());
    let pauses = store.lane_pauses().await.unwrap();
    assert_eq!((pauses.len(), pauses[0].by.as_str(), pauses[0].at), (1, "ann", T0));
    store.resume_lane("main").await.unwrap();
    store.resume_lane("main").await.unwrap();
    assert!(store.lane_pauses().await.unwrap().is_empty());
}

#[rstest]
#[tokio::test]
async fn minutes_add_up_over_nodes(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = TestStore::new(database).await;
    let activity = |accepted, succeeded, failed| Activity { accepted, succeeded, failed };
    store.add_activity("a", activity(5, 3, 1), at(0)).await.unwrap();
    store.add_activity("a", activity(1, 0, 0), at(10)).await.unwrap();
    store.add_activity("b", activity(2, 2, 0), at(20)).await.unwrap();
    store.add_activity("b", activity(9, 9, 9), at(60)).await.unwrap();
    let minutes = store.activity_since(at(0)).await.unwrap();
    assert_eq!(minutes, [(T0, activity(8, 5, 1)), (at(60), activity(9, 9, 9))]);
    store.forget_activity(at(60)).await.unwrap();
    assert_eq!(store.activity_since(UnixMs(0)).await.unwrap().len(), 1);
}

#[rstest]
#[tokio::test]
async fn the_age_of_figures_comes_from_a_sample_where_they_are_many(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = furnished(database).await;
    assert_eq!(store.sample_usage_times("main", &[0.5]).await.unwrap().len(), 12, "all of them");
    assert!(store.sample_usage_times("nobody", &[0.5]).await.unwrap().is_empty());
    let many: Vec<ImportRow> = (0..600)
        .map(|n| format!("8986000000000001{n:03}"))
        .map(|number| ImportRow { operator_account: "big".into(), ..row(&number, &number, "acme") })
        .collect();
    import(&store, &many).await;
    let points = [0.0, 0.25, 0.5];
    assert_eq!(store.sample_usage_times("big", &points).await.unwrap().len(), 30);
}

#[rstest]
#[tokio::test]
async fn days_since_are_the_last_of_all_days(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let store = furnished(database).await;
    store
        .run_raw(
            "INSERT INTO daily (card, day, profile, cycle, delta, readings) \
             SELECT profile.card, days.day, profile.id, 0, days.delta, 1 FROM profile JOIN \
             (SELECT '2020-01-01' AS day, 5 AS delta UNION ALL SELECT '2027-01-14', 7) AS days ON true \
             WHERE profile.iccid = '8986000000000000001'",
        )
        .await;
    let zone = TimeZone::UTC;
    let card = store.card_id("8986000000000000001").await;
    let all = store.daily_totals(card, &zone).await.unwrap();
    assert_eq!(all.len(), 2);
    let since = store.daily_totals_since(card, &zone, at(-2 * 86_400)).await.unwrap();
    assert_eq!(since.into_iter().collect::<Vec<_>>(), [("2027-01-14".to_owned(), 7)]);
}
