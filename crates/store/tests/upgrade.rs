//! Stores of the first edition (`fixtures/first-edition`) brought over into new ones.
#![allow(clippy::unwrap_used)]

mod support;

use rstest::rstest;
use simgauge_domain::audit::ChainPosition;
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::ProfileId;
use simgauge_domain::metering::delta::ReadingKind;
use simgauge_domain::period::TimeZone;
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::time::UnixMs;
use simgauge_store::{AdminRole, Before, LeaseKind, Store, StoreError, StoredQuota};
use std::path::{Path, PathBuf};
use support::{Database, TestStore, new_postgres_database, number};
use tempfile::TempDir;

const EVER: UnixMs = UnixMs(i64::MAX);
/// A card with packages, corrections and pruned readings.
const METERED: &str = "8986040000000000001";
const EID: &str = "89049032000001000000000000000013";
/// A cloud eSIM with one profile read and the other one waiting.
const HALF_READ: &str = "89049032000001000000000000000021";
const WAITING: &str = "8986040000000007000";
/// Its row in `store.db` does not name its refresh.
const DEFERRED: &str = "8986040000000007001";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/first-edition").join(name)
}

/// A store of the first edition.
struct OldStore {
    store: Store,
    url: String,
    _dir: TempDir,
}

impl OldStore {
    async fn new(database: Database) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = match database {
            Database::Sqlite => {
                let file = dir.path().join("old.db");
                std::fs::copy(fixture("store.db"), &file).unwrap();
                format!("sqlite://{}", file.display())
            }
            Database::Postgres => {
                let url = new_postgres_database().await;
                let pool = sqlx::PgPool::connect(&url).await.unwrap();
                let dump = std::fs::read_to_string(fixture("store.sql")).unwrap();
                sqlx::raw_sql(sqlx::AssertSqlSafe(dump)).execute(&pool).await.unwrap();
                pool.close().await;
                url
            }
        };
        Self { store: Store::connect(&url, 2).await.unwrap(), url, _dir: dir }
    }

    /// An SQLite store with something wrong in it.
    async fn damaged(damage: &str) -> Self {
        let old = Self::new(Database::Sqlite).await;
        let file = simgauge_store::sqlite_file(&old.url).unwrap();
        let changed = rusqlite::Connection::open(file).unwrap().execute(damage, []).unwrap();
        assert!(changed > 0, "{damage}");
        old
    }
}

async fn upgraded(source: Database, target: Database) -> (OldStore, TestStore) {
    let old = OldStore::new(source).await;
    let new = TestStore::new(target).await;
    let copied = old.store.copy_to(&new, &mut |_, _| {}).await.unwrap();
    assert!(copied.iter().all(|table| table.agrees), "{copied:?}");
    (old, new)
}

/// The statements of the fixtures' README with what they answer on one of the old stores.
fn expected_numbers(source: Database) -> Vec<(String, i64)> {
    let readme = std::fs::read_to_string(fixture("README.md")).unwrap();
    let numbers: Vec<(String, i64)> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| {
            let (statement, values) = line.split_once("` | ").unwrap();
            let (sqlite, postgres) = values.trim_end_matches(" |").split_once(" | ").unwrap();
            let value = match source {
                Database::Sqlite => sqlite,
                Database::Postgres => postgres,
            };
            (statement.to_owned(), value.parse().unwrap())
        })
        .collect();
    assert!(numbers.len() > 70);
    numbers
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_count_and_sum_is_what_it_was(
    #[values(Database::Sqlite, Database::Postgres)] source: Database,
    #[values(Database::Sqlite, Database::Postgres)] target: Database,
) {
    let (old, new) = upgraded(source, target).await;
    // Again: what is there stays.
    let again = old.store.copy_to(&new, &mut |_, _| {}).await.unwrap();
    assert!(again.iter().all(|table| table.agrees), "{again:?}");
    for (statement, expected) in expected_numbers(source) {
        let renamed = statement
            .replace("FROM pulse", "FROM activity")
            .replace("FROM lane", "FROM lease")
            .replace("said", "notified_state");
        // The one table whose name only begins like that.
        let renamed = renamed.replace("FROM lease_pause", "FROM lane_pause");
        assert_eq!(number(new.url(), &renamed).await, Some(expected), "{statement}");
    }
    // A difference that comes afterwards is found.
    new.run_raw("UPDATE booking SET bytes = bytes + 1 WHERE line = 1").await;
    let copied = old.store.copy_to(&new, &mut |_, _| {}).await.unwrap();
    let differ: Vec<&str> = copied.iter().filter(|table| !table.agrees).map(|table| table.name).collect();
    assert_eq!(differ, ["booking"]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn cards_with_their_packages_and_readings_are_there(
    #[values(Database::Sqlite, Database::Postgres)] source: Database,
    #[values(Database::Sqlite, Database::Postgres)] target: Database,
) {
    let (_old, new) = upgraded(source, target).await;
    let card = new.card_of_any(METERED).await.unwrap().unwrap();
    assert_eq!((card.account.as_str(), card.label.as_str()), ("acme", "Box 1 卡"));
    assert_eq!((card.overage, card.overage_base), (30_000, 1_000));
    // In the order in which they are booked: the one without a beginning first.
    let packages: Vec<_> = card
        .packages
        .iter()
        .map(|own| (own.name.as_str(), own.package.total, own.package.valid_from, own.package.booked))
        .collect();
    // 2026-01-01 00:00 in Shanghai.
    let valid_from = Some(UnixMs(1_767_196_800_000));
    assert_eq!(
        packages,
        [("More", Some(60_000), None, 60_000), ("基础包", Some(100_000), valid_from, 100_000)]
    );
    assert_eq!(card.refresh.as_ref().unwrap().state, RefreshState::Succeeded);
    let [profile] = card.profiles.as_slice() else { panic!("{:?}", card.profiles) };
    assert_eq!((profile.iccid.as_str(), profile.operator_account.as_str()), (METERED, "north"));
    // 10,000 + 50,000 + 25,000 + 95,000, a correction of -10,000, then 1,000 and 19,000: what the operator
    // counts.
    assert_eq!((profile.used, profile.counted), (Some(190_000), Some((0, 190_000))));
    // 171,000 in six pruned readings, 19,000 in the one that is left.
    let readings = new.readings(card.id, EVER, 10).await.unwrap();
    assert_eq!(readings.len(), 1);
    assert_eq!((readings[0].iccid.as_str(), readings[0].profile), (METERED, profile.id));
    assert_eq!((readings[0].used, readings[0].delta), (190_000, 19_000));
    let days = new.daily_totals(card.id, &TimeZone::get("Asia/Shanghai").unwrap()).await.unwrap();
    assert_eq!(days.values().copied().collect::<Vec<_>>(), [171_000, 19_000]);
    let sums = new.sums(&[card.id]).await.unwrap().remove(&card.id).unwrap();
    assert_eq!((sums.booked, sums.counted), (190_000, 190_000));
    assert_eq!(sums.by_cycle.into_iter().collect::<Vec<_>>(), [((profile.id, 0), 190_000)]);

    let corrected = new.card_id("8986040000000000000").await;
    let kinds: Vec<_> =
        new.readings(corrected, EVER, 10).await.unwrap().iter().map(|one| (one.kind, one.delta)).collect();
    assert_eq!(
        kinds,
        [
            (ReadingKind::SamePeriod, 1_000),
            (ReadingKind::SamePeriod, 2_000),
            (ReadingKind::Correction, -1_000),
            (ReadingKind::First, 5_000),
        ]
    );
    let esim = new.card_of_any(EID).await.unwrap().unwrap();
    let profiles: Vec<_> = esim
        .profiles
        .iter()
        .map(|one| (one.iccid.as_str(), one.operator_account.as_str(), one.used))
        .collect();
    assert_eq!(
        profiles,
        [
            ("8986040000000005001", "north", Some(2_000)),
            ("8986040000000005002", "south", Some(2_500)),
            ("8986040000000005003", "north", Some(4_000)),
        ]
    );
    let [package] = esim.packages.as_slice() else { panic!("{:?}", esim.packages) };
    assert_eq!((package.package.total, package.package.booked), (None, 8_500));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_waited_goes_on_waiting(
    #[values(Database::Sqlite, Database::Postgres)] source: Database,
    #[values(Database::Sqlite, Database::Postgres)] target: Database,
) {
    let (_old, new) = upgraded(source, target).await;
    let tasks = new.tasks_after("held", "acme", None, 10).await.unwrap();
    let tasks: Vec<_> = tasks.into_iter().map(Result::unwrap).collect();
    let waiting: Vec<_> = tasks.iter().map(|task| (task.number.as_str(), task.iccid.as_str())).collect();
    assert_eq!(waiting, [(WAITING, WAITING), (DEFERRED, DEFERRED), (HALF_READ, "8986040000000009002")]);
    assert_eq!((tasks[2].attempts, tasks[2].not_before), (2, UnixMs(1_796_053_800_000)));
    assert_eq!(tasks[2].eid.as_deref(), Some(HALF_READ));
    for (task, state) in tasks.iter().zip([RefreshState::Queued, RefreshState::Queued, RefreshState::Running])
    {
        let card = new.card_of_any(&task.number).await.unwrap().unwrap();
        assert_eq!(card.id, task.card);
        assert!(card.profiles.iter().any(|profile| profile.id == task.key.profile));
        let refresh = new.refresh("acme", &task.key.refresh).await.unwrap().unwrap();
        assert_eq!((refresh.state, refresh.number.as_str()), (state, task.number.as_str()));
        assert_eq!(remaining(&new, &task.key.refresh).await, task.key.profile);
        // The row names its latest refresh; the first card's came after the one that has the task.
        let latest = card.refresh.unwrap().id;
        assert_eq!(latest == task.key.refresh, task.number != WAITING);
    }
    let failed = new.card_of_any("8986040000000000003").await.unwrap().unwrap().refresh.unwrap();
    assert_eq!(failed.failure.unwrap().kind.as_str(), "auth");
    let dual = new.card_of_any("8986040000000006000").await.unwrap().unwrap();
    assert_eq!(dual.refresh.unwrap().after, Some(33), "11 and 22 bytes of two profiles");
    // What accounts were notified of names profiles by id.
    let plain = new.card_of_any("8986040000000000000").await.unwrap().unwrap();
    let state = format!("{{\"thresholds\":{{\"profile {}\":{{\"p\":\"0 \"}}}}}}", plain.profiles[0].id);
    let same = format!("SELECT count(*) FROM card WHERE id = {} AND notified_state = '{state}'", plain.id);
    assert_eq!(number(new.url(), &same).await, Some(1), "{state}");
    // A card's row names its only profile, so that accepting reads one row.
    let linked = "SELECT count(*) FROM card JOIN profile ON profile.id = card.profile \
                  AND profile.card = card.id \
                  AND profile.iccid = card.number AND profile.operator_account = card.operator_account";
    let only = "SELECT count(*) FROM card WHERE operator_account IS NOT NULL";
    assert_eq!(number(new.url(), linked).await, number(new.url(), only).await);
    // 18 cards without the two cloud eSIMs; the one of two profiles was not held so.
    assert_eq!(number(new.url(), linked).await, Some(15));
}

/// The one profile that a refresh still waits for.
async fn remaining(store: &TestStore, refresh: &RefreshId) -> ProfileId {
    let statement = format!("SELECT CAST(remaining AS BIGINT) FROM refresh WHERE id = '{refresh}'");
    ProfileId(number(store.url(), &statement).await.unwrap())
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn people_programs_and_the_audit_are_there(
    #[values(Database::Sqlite, Database::Postgres)] source: Database,
    #[values(Database::Sqlite, Database::Postgres)] target: Database,
) {
    let (old, mut new) = upgraded(source, target).await;
    let app = new.app("acme-app").await.unwrap().unwrap();
    assert_eq!((app.label.as_str(), app.allow.as_str()), ("客服 button", "127.0.0.0/8,192.0.2.0/24"));
    assert_eq!(app.quota, Some(StoredQuota { per_second: 20, burst: 100 }));
    assert_eq!((app.secret.len(), app.old_secret.unwrap().len()), (105, 105));
    assert_eq!(new.app("globex-app").await.unwrap().unwrap().sign_type, "HMAC-SHA256");
    assert_ne!(new.app("globex-old").await.unwrap().unwrap().disabled, 0);
    let prefs = new.notification_prefs("acme").await.unwrap();
    assert_eq!((prefs.app.as_deref(), prefs.stale_hours), (Some("acme-app"), Some(48)));
    assert_eq!(prefs.thresholds.as_slice(), [50, 80, 100]);
    let admins = new.admins().await.unwrap();
    let admins: Vec<_> = admins.iter().map(|one| (one.name.as_str(), one.role, one.disabled)).collect();
    assert_eq!(admins, [("ann", AdminRole::Full, false), ("bob", AdminRole::ReadOnly, true)]);
    assert_eq!(new.lane_pauses().await.unwrap()[0].note, "the operator asked us to");

    // Where `audit verify` of the first edition said that the chain ends.
    let hash = match source {
        Database::Sqlite => "1908228975e9f6eec9e2ea293e4e415a988719d42e17428958c404c39a014767",
        Database::Postgres => "74c38052aa74877af0273fe85a2ebcceabbaf06e13ea170598b5452546c25565",
    };
    let end = ChainPosition { seq: 28, hash: hash.to_owned() };
    assert_eq!(new.verify_audit(Some(end.clone())).await.unwrap(), Ok(end));

    // The lost server's leases run out as they would have; the outbox is no lane any more.
    let lanes = new.lanes().await.unwrap();
    let names: Vec<&str> = lanes.iter().map(|lane| lane.name.as_str()).collect();
    assert_eq!(names, ["held", "north", "south"]);
    let until = UnixMs(number(new.url(), "SELECT max(lease_until) FROM lease").await.unwrap());
    let later = UnixMs(until.0 + 1_000);
    let early = UnixMs(until.0 - 1_000);
    let taken = new.lease(LeaseKind::Outbox, "notify", "n", early, later, false).await.unwrap();
    assert!(taken.is_none());
    let taken = new.lease(LeaseKind::Outbox, "notify", "n", until, later, false).await.unwrap().unwrap();
    assert_eq!((taken.0.epoch, taken.1), (3, Before::Lost));

    let waiting =
        new.notifications(Some("acme"), Some(simgauge_store::NotificationState::Waiting), 100).await;
    let mut cards: Vec<String> = waiting.unwrap().into_iter().map(|one| one.number).collect();
    cards.sort();
    cards.dedup();
    assert_eq!(cards, [HALF_READ, "8986040000000000000", METERED, "8986040000000000002"]);
    // One of each card is tried.
    assert_eq!(new.due_notifications("acme", EVER, 100).await.unwrap().len(), 4);
    // A new notification, card or entry of the audit gets an id of its own.
    new.reopen().await;
    new.acting_as("cli:ann", std::sync::Arc::new(|| EVER)).set_app_disabled("acme-app", true).await.unwrap();
    assert_eq!(new.verify_audit(None).await.unwrap().unwrap().seq, 29);
    old.store.close().await;
}

#[rstest]
#[case::amount(
    "UPDATE profile SET used = -5 WHERE iccid = '8986040000000005002'",
    "used of profile 89049032000001000000000000000013 8986040000000005002: -5"
)]
#[case::amount_that_is_a_text(
    "UPDATE booking SET bytes = 'many' WHERE iccid = '8986040000000006001'",
    "bytes of booking 8986040000000006000 1796053689533 8986040000000006001 0: \"many\""
)]
#[case::state(
    "UPDATE refresh SET state = 'odd' WHERE card = '8986040000000007001'",
    "state of refresh 01m8pj9vkq4h5pt22yxr2e000r: \"odd\""
)]
#[case::refresh_id(
    "UPDATE card SET last_refresh = '' WHERE number = '8986040000000000001'",
    "last_refresh of card 8986040000000000001: \"\""
)]
#[case::meter(
    "UPDATE profile SET meter = '{' WHERE iccid = '8986040000000000001'",
    "meter of profile 8986040000000000001 8986040000000000001: \"{\""
)]
#[case::notified_state(
    "UPDATE card SET said = '{' WHERE number = '8986040000000000001'",
    "said of card 8986040000000000001: EOF while parsing an object at line 1 column 1"
)]
#[case::profile_of_a_task(
    "UPDATE task SET iccid = 'nobody' WHERE card = '8986040000000007001'",
    "task held acme 01m8pj9vkq4h5pt22yxr2e000r nobody names a card or a profile that does not exist"
)]
#[case::remaining_profile(
    "UPDATE refresh SET remaining = remaining || ',1' WHERE state = 'running'",
    "refresh 01m8pj9wpk4h5pt22yxr2e000s names a card or a profile that does not exist"
)]
#[case::card_of_a_notification(
    "UPDATE notification SET card = 'none' WHERE seq = 3",
    "notification 3 names a card or a profile that does not exist"
)]
#[case::only_profile(
    "UPDATE card SET operator_account = 'north' WHERE number = '89049032000001000000000000000013'",
    "card 89049032000001000000000000000013 has no profile of its own number"
)]
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_is_named(
    #[values(Database::Sqlite, Database::Postgres)] target: Database,
    #[case] damage: &str,
    #[case] expected: &str,
) {
    let old = OldStore::damaged(damage).await;
    let new = TestStore::new(target).await;
    let error = old.store.copy_to(&new, &mut |_, _| {}).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    assert_eq!(error.to_string(), format!("unexpected content in the database: {expected}"));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_the_first_edition_is_not_used_as_it_is(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let old = OldStore::new(database).await;
    assert!(old.store.is_first_edition().await.unwrap());
    let error = old.store.migrate().await.unwrap_err();
    assert!(error.to_string().contains("simgauge migrate --from OLD --to NEW"), "{error}");
    assert!(!TestStore::new(database).await.is_first_edition().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_store_has_to_be_migrated_by_its_own_edition_first() {
    let old = OldStore::damaged("DELETE FROM _sqlx_migrations WHERE version = 5").await;
    let new = TestStore::new(Database::Sqlite).await;
    let error = old.store.copy_to(&new, &mut |_, _| {}).await.unwrap_err();
    assert!(matches!(error, StoreError::WrongKind(_)), "{error:?}");
}
