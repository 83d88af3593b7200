//! The file of an SQLite store: damaged, missing, under several names.
#![allow(clippy::unwrap_used)]

mod support;

use rstest::rstest;
use rusqlite::Connection;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::time::UnixMs;
use simgauge_store::{ImportRow, Store, StoreError};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::{Database, TestStore};

const NOW: UnixMs = UnixMs(1_800_000_000_000);
const PAGE: usize = 4096;
/// A page of a table that holds rows; another one leads to such pages.
const LEAF: u8 = 13;

async fn open(file: &Path) -> Result<Store, StoreError> {
    Store::connect(&format!("sqlite://{}", file.display()), 1).await
}

/// A closed store with cards.
async fn stocked() -> (PathBuf, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.db");
    let store = open(&file).await.unwrap();
    store.migrate().await.unwrap();
    store.create_account("acme", "en", NOW).await.unwrap();
    let row = |n: u32| ImportRow {
        number: format!("8986{n:015}"),
        kind: CardKind::Sim,
        account: "acme".into(),
        status: "ACTIVATED_NAME".into(),
        label: String::new(),
        iccid: format!("8986{n:015}"),
        operator_account: "lane".into(),
    };
    let mut import = store.import().await.unwrap();
    import.add(&(0..1_000).map(row).collect::<Vec<_>>()).await.unwrap();
    import.commit().await.unwrap();
    store.close().await;
    (file, dir)
}

/// Makes one page of cards say that it holds none. Reading the table finds nothing odd about it.
fn lose_a_page_of_cards(file: &Path) {
    let connection = Connection::open(file).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'card'";
    let mut page: usize = connection.query_row(root, [], |row| row.get::<_, u32>(0)).unwrap() as usize;
    drop(connection);
    let mut bytes = std::fs::read(file).unwrap();
    // <https://www.sqlite.org/fileformat2.html>, 1.6: type, and in an inner page the last child at byte 8.
    while bytes[(page - 1) * PAGE] != LEAF {
        let child = &bytes[(page - 1) * PAGE + 8..][..4];
        page = u32::from_be_bytes(child.try_into().unwrap()) as usize;
    }
    bytes[(page - 1) * PAGE + 3..][..2].fill(0);
    std::fs::write(file, bytes).unwrap();
}

fn files_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_backup_is_checked_and_its_owners_alone() {
    let (file, _dir) = stocked().await;
    let target = tempfile::tempdir().unwrap();
    let copy = target.path().join("copy.db");
    let store = open(&file).await.unwrap();
    store.back_up(&copy).await.unwrap();
    assert_eq!(files_in(target.path()), ["copy.db"]);
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let sums = |file: &Path| {
        let sums = "SELECT count(*) || '/' || sum(CAST(substr(number, -6) AS INTEGER)) FROM card";
        Connection::open(file).unwrap().query_row(sums, [], |row| row.get::<_, String>(0)).unwrap()
    };
    assert_eq!(sums(&copy), sums(&file));
}

#[tokio::test]
async fn a_damaged_store_is_not_backed_up() {
    let (file, _dir) = stocked().await;
    lose_a_page_of_cards(&file);
    let target = tempfile::tempdir().unwrap();
    let store = open(&file).await.unwrap();
    let refused = store.back_up(&target.path().join("copy.db")).await;
    assert!(matches!(refused, Err(StoreError::Damaged(_))), "{refused:?}");
    assert!(files_in(target.path()).is_empty(), "{:?}", files_in(target.path()));
}

/// A process that is killed leaves its file behind; in a container the next one has the same id.
#[tokio::test]
async fn a_backup_that_was_killed_is_in_nobodys_way_and_one_under_way_is_not_disturbed() {
    let (file, _dir) = stocked().await;
    let store = open(&file).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("copy.db");
    let unfinished = dir.path().join(".copy.db.unfinished");
    std::fs::write(&unfinished, "half a page").unwrap();
    std::fs::write(dir.path().join(".copy.db.unfinished-journal"), "a journal").unwrap();
    let other = std::fs::File::open(&unfinished).unwrap();
    other.lock().unwrap();
    let refused = store.back_up(&target).await.unwrap_err().to_string();
    assert!(refused.contains("another back-up writes this file"), "{refused}");
    assert_eq!(std::fs::read(&unfinished).unwrap(), b"half a page");
    drop(other);
    store.back_up(&target).await.unwrap();
    assert_eq!(files_in(dir.path()), ["copy.db"]);
}

#[rstest]
#[tokio::test]
async fn damage_is_found(#[values(false, true)] is_full: bool) {
    let (file, _dir) = stocked().await;
    let store = open(&file).await.unwrap();
    let report = store.check(is_full, None).await.unwrap();
    assert_eq!((report.findings, report.schema, report.unfinished), (vec![], vec![], vec![]));
    assert!(report.rows.contains(&("card".to_owned(), 1_000)), "{:?}", report.rows);
    store.close().await;
    lose_a_page_of_cards(&file);
    let store = open(&file).await.unwrap();
    assert_ne!(store.check(is_full, None).await.unwrap().findings, Vec::<String>::new());
}

#[rstest]
#[tokio::test]
async fn a_check_counts_the_rows_of_both(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let store = TestStore::new(database).await;
    store.create_account("acme", "en", NOW).await.unwrap();
    let report = store.check(true, None).await.unwrap();
    assert_eq!((report.findings, report.schema, report.unfinished), (vec![], vec![], vec![]));
    for (table, rows) in [("account", 1), ("card", 0), ("lane_limit", 0)] {
        assert!(report.rows.contains(&(table.to_owned(), rows)), "{:?}", report.rows);
    }
}

#[tokio::test]
async fn what_refers_to_nothing_and_a_changed_schema_are_found() {
    let (file, _dir) = stocked().await;
    let connection = Connection::open(&file).unwrap();
    connection
        .execute_batch(
            "PRAGMA foreign_keys = off; UPDATE card SET account = 'nobody' WHERE number LIKE '%42';
             CREATE TABLE foreign_one (a INT);",
        )
        .unwrap();
    let store = open(&file).await.unwrap();
    let report = store.check(true, None).await.unwrap();
    assert!(
        report.findings.iter().any(|line| line.contains("of card refers to a row of account")),
        "{report:?}"
    );
    assert_eq!(report.schema, ["table foreign_one is not of this program"]);
    assert_eq!(store.check(false, None).await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn a_quick_check_ends_when_its_time_is_up() {
    let (file, _dir) = stocked().await;
    let connection = Connection::open(&file).unwrap();
    connection
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
             INSERT INTO activity (minute, node, accepted, succeeded, failed) SELECT i, 'n', 0, 0, 0 FROM n",
        )
        .unwrap();
    let report = open(&file).await.unwrap().check(false, Some(Duration::ZERO)).await.unwrap();
    assert!(report.unfinished.contains(&"pages"), "{report:?}");
    assert_eq!(report.findings, Vec::<String>::new());
}

#[tokio::test]
async fn a_database_that_is_missing_or_empty_is_not_made_anew() {
    let (file, dir) = stocked().await;
    let gone = |result: Result<(), StoreError>| match result {
        Err(StoreError::Gone { .. }) => {}
        other => panic!("{other:?}"),
    };
    std::fs::remove_file(&file).unwrap();
    gone(open(&file).await.map(|_| ()));
    assert!(!file.exists(), "nothing was made");
    std::fs::write(&file, "").unwrap();
    gone(open(&file).await.map(|_| ()));
    Connection::open(&file).unwrap().execute_batch("VACUUM").unwrap();
    assert_ne!(std::fs::metadata(&file).unwrap().len(), 0);
    gone(open(&file).await.unwrap().migrate().await.map(|_| ()));
    // Whoever wants a new one says so.
    std::fs::remove_file(dir.path().join("store.db.exists")).unwrap();
    open(&file).await.unwrap().migrate().await.unwrap();
    assert!(dir.path().join("store.db.exists").exists());
}

/// Somebody made it beforehand, to give it an owner or to mount it.
#[tokio::test]
async fn an_empty_file_becomes_a_database_where_none_was() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.db");
    std::fs::write(&file, "").unwrap();
    let store = open(&file).await.unwrap();
    store.migrate().await.unwrap();
    store.create_account("acme", "en", NOW).await.unwrap();
    assert!(dir.path().join("store.db.exists").exists());
    store.close().await;
    assert_eq!(open(&file).await.unwrap().accounts().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_new_database_is_its_owners_alone() {
    let (file, dir) = stocked().await;
    let store = open(&file).await.unwrap();
    store.accounts().await.unwrap();
    for name in files_in(dir.path()).iter().filter(|name| !name.ends_with(".exists")) {
        let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn what_is_no_file_is_refused_in_these_words() {
    let dir = tempfile::tempdir().unwrap();
    for what in [dir.path(), Path::new("/dev/null")] {
        let refused = open(what).await.unwrap_err();
        assert!(matches!(refused, StoreError::NoFile { .. }), "{refused}");
    }
}

#[tokio::test]
async fn a_file_is_served_once_under_all_its_names() {
    let (file, dir) = stocked().await;
    let link = dir.path().join("link.db");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let (store, linked) = (open(&file).await.unwrap(), open(&link).await.unwrap());
    let lock = store.lock_for_serving().unwrap();
    assert!(matches!(linked.lock_for_serving(), Err(StoreError::Served(_))));
    drop(lock);
    assert!(linked.lock_for_serving().unwrap().is_some());
    assert_eq!(files_in(dir.path()).iter().filter(|name| name.ends_with("-wal")).count(), 1);
    // SQLite would keep a second log for the second name.
    std::fs::hard_link(&file, dir.path().join("hard.db")).unwrap();
    let refused = open(&dir.path().join("hard.db")).await;
    assert!(matches!(refused, Err(StoreError::ManyNames(_))), "{refused:?}");
}

/// As a process leaves it that is killed: here SQLite closes the file all the same, and removes the log.
async fn left_open(file: &Path) {
    let store = open(file).await.unwrap();
    let _lock = store.lock_for_serving().unwrap();
}

/// Any program that closes the file removes the log that a killed server left behind.
#[tokio::test]
async fn a_server_that_was_killed_is_known_until_the_next_one_has_closed_the_file() {
    let (file, dir) = stocked().await;
    assert!(!open(&file).await.unwrap().was_not_closed());
    left_open(&file).await;
    let tool = open(&file).await.unwrap();
    tool.accounts().await.unwrap();
    tool.close().await;
    assert!(!files_in(dir.path()).iter().any(|name| name.ends_with("-wal")));
    let next = open(&file).await.unwrap();
    assert!(next.was_not_closed());
    let lock = next.lock_for_serving().unwrap();
    next.close().await;
    drop(lock);
    assert!(!open(&file).await.unwrap().was_not_closed());
}

/// Otherwise the second start of a supervisor would serve what the first one refused.
#[tokio::test]
async fn a_file_that_was_found_damaged_is_checked_at_each_start() {
    let (file, _dir) = stocked().await;
    left_open(&file).await;
    lose_a_page_of_cards(&file);
    for _ in 0..2 {
        let store = open(&file).await.unwrap();
        assert!(store.was_not_closed());
        let _lock = store.lock_for_serving().unwrap();
        assert!(!store.check(false, None).await.unwrap().findings.is_empty());
        store.close().await;
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_says_why() {
    // A port at which nobody listens any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = Store::connect(&format!("postgres://nobody@127.0.0.1:{port}/none"), 2).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("refused"), "{error}");
}
