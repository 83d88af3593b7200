//! A disk that is full.

use super::audit::audit;
use super::load::Load;
use super::scene;
use crate::support::process::Process;
use crate::support::{Database, ICCID, sqlite_store};
use simgauge_store::Store;
use std::path::Path;
use std::process::Command;

/// A small file system of its own; gone when dropped.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// Nothing where this machine does not let us mount.
    fn mount(megabytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_a_clear_answer_and_nothing_worse() {
    let Some(disk) = Tmpfs::mount(24) else {
        println!("not run: mounting needs root");
        return;
    };
    let url = format!("sqlite://{}", disk.path().join("simgauge.db").display());
    let mut server = scene(Database::Sqlite).store_url(url).start().await;
    let cards = server.add_cards(6_000).await;
    server.stop().await;
    let logs = tempfile::tempdir().unwrap();
    let node = Process::serve(&server, logs.path());
    let load = Load::start(&server, vec![node.url.clone()], &cards, 8, 3);
    load.until_accepted(50).await;
    // Whatever is left is filled up.
    let filler = disk.path().join("filler");
    let filled = Command::new("dd")
        .args(["if=/dev/zero", "bs=64k", "status=none"])
        .arg(format!("of={}", filler.display()))
        .stderr(std::process::Stdio::null())
        .status();
    assert!(!filled.unwrap().success(), "it is full when dd fails");
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while !load.seen.others.lock().unwrap().iter().any(|code| code == "500") {
        assert!(tokio::time::Instant::now() < deadline, "the disk never got full");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    std::fs::remove_file(&filler).unwrap();
    let so_far = load.seen.accepted.lock().unwrap().len();
    load.until_accepted(so_far + 100).await;
    let seen = load.stop().await;
    let store = Store::connect(&server.config.store.url, 2).await.unwrap();
    audit(&server, &store, &seen, logs.path()).await;
    assert!(store.card_of_any(ICCID).await.unwrap().is_some());
    store.close().await;
    assert!(node.terminate());
    let check = sqlite_store(&server.config.store.url);
    let verdict: String = check.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}
