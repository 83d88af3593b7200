//! What was read of a card, folded into days, and what it all adds up to: stories that every database has to
//! live through.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // Shared with the other stories.
mod support;

use rstest::rstest;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::CardId;
use simgauge_domain::metering::delta::ReadingKind;
use simgauge_domain::period::TimeZone;
use simgauge_domain::reading::{Period, PeriodKind, Reading};
use simgauge_domain::time::UnixMs;
use simgauge_store::{CardSums, Decision, Finished, ImportRow, Lease, LeaseKind, NewPackage, TaskKey};
use std::collections::BTreeMap;
use support::{Database, TestStore};

/// 2027-01-15 16:00 in Shanghai.
const T0: UnixMs = UnixMs(1_800_000_000_000);
const EVER: UnixMs = UnixMs(i64::MAX);
const LANE: &str = "main";
const EID: &str = "11111111111111111111111111";
const A: &str = "8911";
const B: &str = "8912";

fn hour(hours: i64) -> UnixMs {
    UnixMs(T0.0 + hours * 3_600_000)
}

fn shanghai() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap()
}

/// A store with a cloud eSIM of two profiles, and a physical card; and the lease of their lane.
async fn stocked(database: Database) -> (TestStore, Lease) {
    let store = TestStore::new(database).await;
    store.create_account("acme", "zh", T0).await.unwrap();
    let row = |number: &str, kind, iccid: &str| ImportRow {
        number: number.into(),
        kind,
        account: "acme".into(),
        status: "ACTIVATED_NAME".into(),
        label: String::new(),
        iccid: iccid.into(),
        operator_account: LANE.into(),
    };
    let rows = [
        row(EID, CardKind::CloudEsim, A),
        row(EID, CardKind::CloudEsim, B),
        row("8901", CardKind::Sim, "8901"),
    ];
    let mut import = store.import().await.unwrap();
    assert!(import.add(&rows).await.unwrap().iter().all(Result::is_ok));
    import.commit().await.unwrap();
    let lease = store.lease(LeaseKind::Lane, LANE, "n1", T0, hour(1000), false).await.unwrap().unwrap().0;
    (store, lease)
}

/// A reading of a profile that began so many hours after T0 and took half a second.
async fn read(store: &TestStore, lease: &Lease, card: &str, iccid: &str, hours: i64, month: &str, used: u64) {
    let began_and_ended = (hour(hours), UnixMs(hour(hours).0 + 500));
    read_until(store, lease, (card, iccid), began_and_ended, month, used).await;
}

async fn read_until(
    store: &TestStore,
    lease: &Lease,
    (card, iccid): (&str, &str),
    (began_at, ended_at): (UnixMs, UnixMs),
    month: &str,
    used: u64,
) {
    let (card, profile) = store.profile_id(card, iccid).await;
    let refresh = RefreshId::new(began_at, u128::from(used));
    let task = TaskKey { account: "acme".into(), refresh, profile };
    let period =
        Period { kind: PeriodKind::CalendarMonth, key: format!("2027-{month}"), start: None, end: None };
    let reading = Reading {
        period,
        used,
        total: None,
        as_of: None,
        status: None,
        raw_status: None,
        bundles: Vec::new(),
    };
    let finished = Finished { task, card, began_at, ended_at, outcome: Ok(reading), operator_id: None };
    store.finish(lease, &[finished]).await.unwrap();
    // A fall is held back until it is accepted.
    store.decide_suspect(profile, began_at, Decision::Accept, Some("somebody"), ended_at).await.unwrap();
}

/// Four days of the cloud eSIM: what each reading counts, by local day.
async fn four_days(store: &TestStore, lease: &Lease) {
    for (iccid, hours, month, used) in [
        // 15 January: A 100 at 17:00, B 40 at 18:00. The day: 140.
        (A, 1, "01", 100),
        (B, 2, "01", 40),
        // 16 January: A +150 at 01:00 (in UTC still the 15th), -20 at 10:00, a correction; B +50 at 12:00.
        // The day: 180.
        (A, 9, "01", 250),
        (A, 18, "01", 230),
        (B, 20, "01", 90),
        // 17 January: A +270 at 20:00. The day: 270.
        (A, 52, "01", 500),
        // 18 January: B -30 at 15:00; A begins anew with 70 at 17:00. The day: 40.
        (B, 71, "01", 60),
        (A, 73, "02", 70),
    ] {
        read(store, lease, EID, iccid, hours, month, used).await;
        if hours == 20 {
            // Of 09:00, ends after the one of 10:00: late, counts nothing.
            let slow = (hour(17), hour(20));
            read_until(store, lease, (EID, A), slow, "01", 240).await;
        }
    }
}

fn days() -> BTreeMap<String, i64> {
    [("2027-01-15", 140), ("2027-01-16", 180), ("2027-01-17", 270), ("2027-01-18", 40)]
        .map(|(day, bytes)| (day.to_owned(), bytes))
        .into()
}

/// A: 100 + 150 - 20 + 270 = 500, then 70 of the next month. B: 40 + 50 - 30 = 60. Together 630.
async fn expected_sums(store: &TestStore) -> CardSums {
    let (_, a) = store.profile_id(EID, A).await;
    let (_, b) = store.profile_id(EID, B).await;
    let by_cycle = [((a, 0), 500), ((a, 1), 70), ((b, 0), 60)];
    CardSums { booked: 630, counted: 630, by_cycle: by_cycle.into() }
}

async fn sums_of(store: &TestStore, card: &str) -> CardSums {
    let card = store.card_id(card).await;
    store.sums(&[card]).await.unwrap().remove(&card).unwrap_or_default()
}

/// Prunes every card; answers how many readings went.
async fn prune(store: &TestStore, keep_from: UnixMs) -> usize {
    let (mut after, mut gone) = (CardId(0), 0);
    loop {
        let (last, count) = store.prune_readings(after, &shanghai(), keep_from).await.unwrap();
        gone += count;
        match last {
            Some(last) => after = last,
            None => return gone,
        }
    }
}

#[rstest]
#[tokio::test]
async fn readings_are_paged_newest_first(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let (store, lease) = stocked(database).await;
    let esim = store.card_id(EID).await;
    assert_eq!(store.readings(esim, EVER, 10).await.unwrap(), []);
    four_days(&store, &lease).await;
    read(&store, &lease, "8901", "8901", 30, "01", 7).await;

    let mut all = Vec::new();
    let mut before = EVER;
    for expected in [4, 4, 1] {
        let page = store.readings(esim, before, 4).await.unwrap();
        assert_eq!(page.len(), expected);
        before = page.last().unwrap().began_at;
        all.extend(page);
    }
    assert_eq!(store.readings(esim, before, 4).await.unwrap(), []);
    let shown: Vec<(&str, i64, u64, i64, ReadingKind)> = all
        .iter()
        .map(|one| {
            let hours = (one.began_at.0 - T0.0) / 3_600_000;
            (one.iccid.as_str(), hours, one.used, one.delta, one.kind)
        })
        .collect();
    assert_eq!(
        shown,
        [
            (A, 73, 70, 70, ReadingKind::NewPeriod),
            (B, 71, 60, -30, ReadingKind::Correction),
            (A, 52, 500, 270, ReadingKind::SamePeriod),
            (B, 20, 90, 50, ReadingKind::SamePeriod),
            (A, 18, 230, -20, ReadingKind::Correction),
            (A, 17, 240, 0, ReadingKind::Late),
            (A, 9, 250, 150, ReadingKind::SamePeriod),
            (B, 2, 40, 40, ReadingKind::First),
            (A, 1, 100, 100, ReadingKind::First),
        ]
    );
    assert_eq!(all[0].synced_at, UnixMs(hour(73).0 + 500));
    assert_eq!(
        store.readings(store.card_id("8901").await, EVER, 10).await.unwrap().len(),
        1,
        "each card has its own"
    );
}

#[rstest]
#[tokio::test]
async fn pruning_changes_no_total(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let (mut store, lease) = stocked(database).await;
    four_days(&store, &lease).await;
    read(&store, &lease, "8901", "8901", 1, "01", 7).await;
    let left = async |store: &TestStore| {
        let readings = store.readings(store.card_id(EID).await, EVER, 100).await.unwrap();
        readings.iter().map(|one| (one.began_at.0 - T0.0) / 3_600_000).collect::<Vec<_>>()
    };
    let unchanged = async |store: &TestStore| {
        assert_eq!(store.daily_totals(store.card_id(EID).await, &shanghai()).await.unwrap(), days());
        assert_eq!(sums_of(store, EID).await, expected_sums(store).await);
        assert_eq!(sums_of(store, "8901").await.counted, 7);
        let only = store.daily_totals(store.card_id("8901").await, &shanghai()).await.unwrap();
        assert_eq!(only, [("2027-01-15".to_owned(), 7)].into());
    };
    unchanged(&store).await;

    // 15 January 17:00: no whole day is over.
    assert_eq!(prune(&store, hour(1)).await, 0);
    // 17 January 12:00: the 15th and 16th go, with the late reading; the other card's only reading stays.
    assert_eq!(prune(&store, hour(44)).await, 6);
    assert_eq!(left(&store).await, [73, 71, 52]);
    unchanged(&store).await;
    assert_eq!(prune(&store, hour(44)).await, 0, "again changes nothing");
    unchanged(&store).await;
    store.reopen().await;
    // 19 January: of each profile the newest reading stays.
    assert_eq!(prune(&store, hour(100)).await, 1);
    assert_eq!(left(&store).await, [73, 71]);
    assert_eq!(prune(&store, hour(100)).await, 0);
    unchanged(&store).await;

    // What comes later is counted on, also on a day that has a pruned part: B's reading of the 18th is folded
    // now.
    read(&store, &lease, EID, B, 79, "01", 65).await;
    read(&store, &lease, EID, B, 120, "01", 75).await;
    assert_eq!(prune(&store, hour(120)).await, 2);
    let mut later = days();
    // 23:00 on the 18th: 5 more; 20 January 16:00: 10.
    later.insert("2027-01-18".to_owned(), 45);
    later.insert("2027-01-20".to_owned(), 10);
    assert_eq!(store.daily_totals(store.card_id(EID).await, &shanghai()).await.unwrap(), later);
    let sums = sums_of(&store, EID).await;
    assert_eq!((sums.booked, sums.counted), (645, 645));
}

#[rstest]
#[tokio::test]
async fn books_and_readings_agree_whatever_is_done_to_packages(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let (store, lease) = stocked(database).await;
    let package = |code: &str, total| NewPackage {
        card: EID.into(),
        code: code.into(),
        name: code.into(),
        total,
        valid_from: None,
        valid_to: None,
    };
    let ledger = async || {
        let card = store.card("acme", CardKind::CloudEsim, EID).await.unwrap().unwrap();
        card.overage + card.packages.iter().map(|own| own.package.booked).sum::<u64>()
    };
    assert_eq!(sums_of(&store, EID).await, CardSums::default());
    store.add_package(&package("a", Some(200)), hour(0)).await.unwrap();
    store.add_package(&package("b", Some(300)), hour(0)).await.unwrap();
    four_days(&store, &lease).await;
    for step in 0..4 {
        match step {
            0 => store.remove_package(EID, "a", hour(80)).await.unwrap(),
            1 => store.set_package_total(EID, "b", Some(100), hour(80)).await.unwrap(),
            2 => store.add_package(&package("c", None), hour(80)).await.unwrap(),
            _ => store.cover_overage(EID, "c", hour(80)).await.unwrap(),
        }
        assert_eq!(ledger().await, 630, "step {step}");
        assert_eq!(sums_of(&store, EID).await, expected_sums(&store).await, "step {step}");
    }
    prune(&store, hour(60)).await;
    assert_eq!((ledger().await, sums_of(&store, EID).await), (630, expected_sums(&store).await));
    let card = store.card_of_any(EID).await.unwrap().unwrap();
    let counted: Vec<_> = card.profiles.iter().map(|profile| (profile.used, profile.counted)).collect();
    assert_eq!(counted, [(Some(70), Some((1, 70))), (Some(60), Some((0, 60)))]);
    let esim = store.card_id(EID).await;
    let both = store.sums(&[esim, store.card_id("8901").await, CardId(4711)]).await.unwrap();
    assert_eq!(both.keys().collect::<Vec<_>>(), [&esim], "nothing where nothing was read");
}

/// One byte every ten minutes for four thousand times, from T0 on.
const MANY: &str = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 3999) \
    INSERT INTO reading (card, profile, began_at, synced_at, period_kind, period_key, used, delta, kind, \
    cycle) \
    SELECT card.id, card.profile, many.at, many.at, 'calendar_month', \
    '2027-01', i, 1, 'same_period', 0 \
    FROM (SELECT i, 1800000000000 + CAST(i AS BIGINT) * 600000 AS at FROM n) AS many \
    CROSS JOIN card WHERE card.number = '8901'";

#[rstest]
#[tokio::test]
async fn older_days_are_not_added_up_each_time(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let (store, lease) = stocked(database).await;
    store.run_raw(MANY).await;
    let card = store.card_id("8901").await;
    // From 16:00 on 15 January: 48, then 144 a day for 27 days; the last 64 are on 12 February.
    let mut expected: BTreeMap<String, i64> = [("2027-01-15".to_owned(), 48)].into();
    expected.extend((16..=31).map(|day| (format!("2027-01-{day}"), 144)));
    expected.extend((1..=11).map(|day| (format!("2027-02-{day:02}"), 144)));
    expected.insert("2027-02-12".to_owned(), 64);
    assert_eq!(expected.values().sum::<i64>(), 48 + 27 * 144 + 64);
    assert_eq!(store.daily_totals(card, &shanghai()).await.unwrap(), expected);
    // Behind the store's back: who walked all of them would miss some.
    store.run_raw("DELETE FROM reading WHERE began_at < 1800060000000").await;
    assert_eq!(store.daily_totals(card, &shanghai()).await.unwrap(), expected);
    // 13 February 10:40: five bytes more than the last of them.
    read(&store, &lease, "8901", "8901", 690, "01", 5).await;
    expected.insert("2027-02-13".to_owned(), 5);
    assert_eq!(store.daily_totals(card, &shanghai()).await.unwrap(), expected);
    // Folding moves readings from those that are remembered to stored totals. Nothing counts twice, and what
    // is missing is seen: 48 on the 15th and 52 on the 16th.
    assert_eq!(prune(&store, hour(24 * 10)).await, 48 + 144 * 9 - 100);
    expected.remove("2027-01-15");
    expected.insert("2027-01-16".to_owned(), 92);
    assert_eq!(store.daily_totals(card, &shanghai()).await.unwrap(), expected);
}

#[rstest]
#[tokio::test]
async fn folding_goes_on_where_it_was(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let (mut store, lease) = stocked(database).await;
    four_days(&store, &lease).await;
    let from = hour(44);
    let place = async |store: &TestStore, from| store.prune_place(&shanghai(), from).await.unwrap();
    assert_eq!(place(&store, from).await, CardId(0));
    let (last, _) = store.prune_readings(CardId(0), &shanghai(), from).await.unwrap();
    store.reopen().await;
    assert_eq!(Some(place(&store, from).await), last);
    assert_eq!(store.prune_readings(last.unwrap(), &shanghai(), from).await.unwrap(), (None, 0));
    store.reopen().await;
    assert_eq!(place(&store, hour(45)).await, CardId(i64::MAX), "all are done, whatever the time of the day");
    assert_eq!(place(&store, hour(68)).await, CardId(0), "on the next day all are looked at again");
}
