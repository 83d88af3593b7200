//! On SQLite nobody is answered before what was done is on the disk.
#![allow(clippy::unwrap_used)]

use simgauge_domain::accept::AcceptRule;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::UnixMs;
use simgauge_store::{
    AcceptCall, Admission, CardRules, ImportRow, LaneResults, LeaseKind, Store, StoreError,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

const NOW: UnixMs = UnixMs(1_800_000_000_000);

/// A store whose log can be put out of reach of whoever would bring it onto the disk; SQLite itself goes on,
/// since it has it open.
struct Shaky {
    store: Store,
    log: PathBuf,
    dir: tempfile::TempDir,
}

impl Shaky {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("store.db");
        let store = Store::connect(&format!("sqlite://{}", file.display()), 1).await.unwrap();
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

    /// Nothing can be brought onto the disk from a device that has none.
    fn break_off(&self) {
        std::fs::rename(&self.log, self.aside()).unwrap();
        std::os::unix::fs::symlink(Path::new("/dev/null"), &self.log).unwrap();
    }

    fn mend(&self) {
        std::fs::rename(self.aside(), &self.log).unwrap();
    }

    async fn accept(&self, number: &str) -> Result<usize, StoreError> {
        let call = AcceptCall {
            account: "acme".into(),
            appkey: "k".into(),
            kind: CardKind::Sim,
            number: number.into(),
            sign: "00".repeat(20),
            sign_was_used: false,
            id: RefreshId::new(NOW, number.bytes().map(u128::from).sum()),
        };
        let rule = AcceptRule::new(Duration::from_secs(300), Duration::from_secs(300));
        let rules = CardRules { sim: rule, cloud_esim: rule };
        Ok(self.store.accept(&[call], &rules, &|_, _| Admission::Taken, NOW).await?.len())
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    match result {
        Err(StoreError::Disk(_)) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_calls_is_answered_after_the_disk() {
    let shaky = Shaky::new().await;
    assert_eq!(shaky.accept("8901").await.unwrap(), 1);
    shaky.break_off();
    refused(shaky.accept("8902").await);
    shaky.mend();
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
    let nothing = LaneResults { lease, running: Vec::new(), postponed: Vec::new(), finished: Vec::new() };
    assert_eq!(shaky.store.write_results(std::slice::from_ref(&nothing)).await.unwrap(), [Some(Vec::new())]);
    shaky.break_off();
    refused(shaky.store.write_results(&[nothing]).await);
    shaky.mend();
}

#[tokio::test]
async fn who_changes_settings_is_answered_after_the_disk() {
    let shaky = Shaky::new().await;
    shaky.break_off();
    refused(shaky.store.create_account("other", "en", NOW).await);
    shaky.mend();
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
async fn what_is_written_back_is_on_the_disk_before_the_log_begins_anew() {
    let shaky = Shaky::new().await;
    let file = shaky.dir.path().join("store.db");
    std::fs::rename(&file, shaky.aside()).unwrap();
    std::os::unix::fs::symlink(Path::new("/dev/null"), &file).unwrap();
    refused(shaky.store.checkpoint().await);
    std::fs::rename(shaky.aside(), &file).unwrap();
}
