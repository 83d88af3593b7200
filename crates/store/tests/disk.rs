//! On SQLite nobody is answered before what was done is on the disk.
#![allow(clippy::unwrap_used)]

use rstest::rstest;
use simgauge_domain::accept::AcceptRule;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::UnixMs;
use simgauge_store::{
    AcceptCall, Admission, CardRules, ImportRow, LaneResults, LeaseKind, Store, StoreError,
};
#[cfg(target_os = "linux")]
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

const NOW: UnixMs = UnixMs(1_800_000_000_000);

/// A store whose log can be moved away; SQLite itself goes on, since it has it open.
struct Shaky {
    store: Store,
    log: PathBuf,
    dir: tempfile::TempDir,
}

impl Shaky {
    async fn new() -> Self {
        Self::named("store.db").await
    }

    /// The same under another name of the file.
    async fn named(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link.db");
        std::os::unix::fs::symlink("store.db", &link).unwrap();
        let url = format!("sqlite://{}", dir.path().join(name).display());
        let store = Store::connect(&url, 1).await.unwrap();
        store.migrate().await.unwrap();
        store.create_account("acme", "en", NOW).await.unwrap();
        let row = |number: &str| ImportRow {
            number: number.into(),
            kind: CardKind::Sim,
            account: "acme".into(),
            status: "ACTIVATED_NAME".into(),
            label: String::new(),
            iccid: number.into(),
            operator_account: "lane".into(),
        };
        let mut import = store.import().await.unwrap();
        assert!(import.add(&[row("8901"), row("8902")]).await.unwrap().iter().all(Result::is_ok));
        import.commit().await.unwrap();
        Self { store, log: dir.path().join("store.db-wal"), dir }
    }

    fn aside(&self) -> PathBuf {
        self.dir.path().join("aside")
    }

    /// Another log takes the place of the one that SQLite writes to.
    fn break_off(&self) {
        std::fs::rename(&self.log, self.aside()).unwrap();
        std::fs::write(&self.log, "").unwrap();
    }

    fn mend(&self) {
        std::fs::rename(self.aside(), &self.log).unwrap();
    }

    /// The store as a kill at this moment leaves it, opened again.
    async fn killed_now(&self) -> (Store, tempfile::TempDir) {
        let copy = tempfile::tempdir().unwrap();
        for name in ["store.db", "store.db-wal"] {
            let _ = std::fs::copy(self.dir.path().join(name), copy.path().join(name));
        }
        let url = format!("sqlite://{}", copy.path().join("store.db").display());
        (Store::connect(&url, 1).await.unwrap(), copy)
    }

    async fn accept(&self, number: &str) -> Result<usize, StoreError> {
        let call = AcceptCall {
            account: "acme".into(),
            appkey: "k".into(),
            kind: CardKind::Sim,
            number: number.into(),
            sign: "00".repeat(20),
            is_exact: false,
            sign_was_used: false,
            id: RefreshId::new(NOW, number.bytes().map(u128::from).sum()),
        };
        let rule = AcceptRule::new(Duration::from_secs(300), Duration::from_secs(300));
        let rules = CardRules { sim: rule, cloud_esim: rule };
        Ok(self.store.accept(&[call], &rules, &|_, _| Admission::Taken, NOW).await?.len())
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>, reason: &str) {
    match result {
        Err(StoreError::Untrusted(_, why)) if why.contains(reason) => {}
        other => panic!("{other:?}"),
    }
}

const REPLACED: &str = "store.db-wal was replaced by another file";

#[rstest]
#[tokio::test]
async fn who_calls_is_answered_after_the_disk(#[values("store.db", "link.db")] name: &str) {
    let shaky = Shaky::named(name).await;
    assert_eq!(shaky.accept("8901").await.unwrap(), 1);
    shaky.break_off();
    refused(shaky.accept("8902").await, REPLACED);
}

#[tokio::test]
async fn who_writes_for_lanes_is_answered_after_the_disk() {
    let shaky = Shaky::new().await;
    let lease = shaky
        .store
        .lease(LeaseKind::Lane, "lane", "node", NOW, UnixMs(NOW.0 + 30_000), true)
        .await
        .unwrap()
        .unwrap()
        .0;
    let nothing = LaneResults {
        lease,
        running: Vec::new(),
        postponed: Vec::new(),
        finished: Vec::new(),
        guard: simgauge_domain::guard::rule::GuardRule::default(),
    };
    assert_eq!(shaky.store.write_results(std::slice::from_ref(&nothing)).await.unwrap(), [Some(Vec::new())]);
    shaky.break_off();
    refused(shaky.store.write_results(&[nothing]).await, REPLACED);
}

#[tokio::test]
async fn who_changes_settings_is_answered_after_the_disk() {
    let shaky = Shaky::new().await;
    shaky.break_off();
    refused(shaky.store.create_account("other", "en", NOW).await, REPLACED);
}

/// Files that are good again say nothing of what happened in between.
#[tokio::test]
async fn after_a_fault_nothing_is_written_until_the_store_was_opened_again() {
    let shaky = Shaky::new().await;
    shaky.break_off();
    refused(shaky.store.create_account("other", "en", NOW).await, REPLACED);
    shaky.mend();
    refused(shaky.accept("8901").await, REPLACED);
    refused(shaky.store.checkpoint().await, REPLACED);
    refused(shaky.store.trusted(), REPLACED);
    shaky.store.recover(false).await.unwrap();
    shaky.store.trusted().unwrap();
    assert_eq!(shaky.accept("8901").await.unwrap(), 1);
    assert_eq!(shaky.killed_now().await.0.tasks_after("lane", "acme", None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_answered_outlives_a_log_that_was_deleted() {
    let shaky = Shaky::new().await;
    assert_eq!(shaky.accept("8901").await.unwrap(), 1);
    std::fs::remove_file(&shaky.log).unwrap();
    refused(shaky.accept("8902").await, "store.db-wal has vanished");
    shaky.store.recover(false).await.unwrap();
    let (restarted, _dir) = shaky.killed_now().await;
    // The second one was refused before it was committed.
    assert_eq!(restarted.tasks_after("lane", "acme", None, 9).await.unwrap().len(), 1);
    assert_eq!(shaky.accept("8902").await.unwrap(), 1);
}

/// What was cut off cannot be had back; what is there is checked and goes on.
#[tokio::test]
async fn a_log_that_was_cut_off_is_noticed() {
    let shaky = Shaky::new().await;
    shaky.store.checkpoint().await.unwrap();
    assert_eq!(shaky.accept("8901").await.unwrap(), 1);
    std::fs::write(&shaky.log, "").unwrap();
    refused(shaky.store.check_files(), "store.db-wal was cut off");
    refused(shaky.accept("8902").await, "store.db-wal was cut off");
    shaky.store.recover(false).await.unwrap();
    assert_eq!(shaky.accept("8902").await.unwrap(), 1);
}

/// SQLite writes where the log ended by its own account, so the next commit makes it as long as before.
#[rstest]
#[tokio::test]
async fn a_commit_does_not_hide_that_the_log_was_cut_off(#[values(0, 4_000, 60_000)] kept: u64) {
    let shaky = Shaky::new().await;
    assert_eq!(shaky.accept("8901").await.unwrap(), 1);
    std::fs::OpenOptions::new().write(true).open(&shaky.log).unwrap().set_len(kept).unwrap();
    refused(shaky.accept("8902").await, "store.db-wal was cut off");
    refused(shaky.store.create_account("other", "en", NOW).await, "store.db-wal was cut off");
    // Nothing was written into the hole.
    assert_eq!(std::fs::metadata(&shaky.log).unwrap().len(), kept);
}

/// The log itself is whole, and says what was written.
#[rstest]
#[tokio::test]
async fn an_index_of_the_log_that_vanished_or_was_replaced_is_noticed(#[values(true, false)] vanished: bool) {
    let shaky = Shaky::new().await;
    assert_eq!(shaky.accept("8901").await.unwrap(), 1);
    let index = shaky.dir.path().join("store.db-shm");
    if vanished {
        std::fs::remove_file(&index).unwrap();
        refused(shaky.accept("8902").await, "store.db-shm has vanished");
    } else {
        std::fs::copy(&index, shaky.aside()).unwrap();
        std::fs::rename(shaky.aside(), &index).unwrap();
        refused(shaky.accept("8902").await, "store.db-shm was replaced by another file");
    }
    refused(shaky.store.check_files(), "store.db-shm");
    shaky.store.recover(false).await.unwrap();
    assert_eq!(shaky.accept("8902").await.unwrap(), 1);
    let (restarted, _dir) = shaky.killed_now().await;
    assert_eq!(restarted.tasks_after("lane", "acme", None, 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_database_that_was_moved_away_is_not_made_anew() {
    let shaky = Shaky::new().await;
    let file = shaky.dir.path().join("store.db");
    std::fs::rename(&file, shaky.aside()).unwrap();
    refused(shaky.accept("8901").await, "store.db has vanished");
    refused(shaky.store.recover(false).await, "store.db has vanished");
    std::fs::rename(shaky.aside(), &file).unwrap();
    shaky.store.recover(false).await.unwrap();
    assert_eq!(shaky.accept("8902").await.unwrap(), 1);
}

/// Locks that this process has on the file, as Linux tells.
#[cfg(target_os = "linux")]
fn locks(file: &Path) -> usize {
    use std::os::unix::fs::MetadataExt as _;
    let inode = format!(":{} ", std::fs::metadata(file).unwrap().ino());
    std::fs::read_to_string("/proc/locks").unwrap().lines().filter(|line| line.contains(&inode)).count()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn writing_the_log_back_leaves_sqlites_locks_alone() {
    let shaky = Shaky::new().await;
    let file = shaky.dir.path().join("store.db");
    let before = locks(&file);
    assert!(before > 0, "whoever has the file open has a lock on it");
    for _ in 0..2 {
        shaky.store.checkpoint().await.unwrap();
        assert_eq!(locks(&file), before);
    }
}

#[tokio::test]
async fn the_log_is_written_back_into_the_right_file_only() {
    let shaky = Shaky::new().await;
    let file = shaky.dir.path().join("store.db");
    std::fs::copy(&file, shaky.aside()).unwrap();
    std::fs::rename(shaky.aside(), &file).unwrap();
    refused(shaky.store.checkpoint().await, "store.db was replaced by another file");
}
