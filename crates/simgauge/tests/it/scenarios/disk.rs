//! A disk that is full.

use super::audit::audit;
use super::load::Load;
use super::scene;
use crate::support::disk::Tmpfs;
use crate::support::process::Process;
use crate::support::{Database, ICCID, sqlite_store};
use simgauge_store::Store;

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
    disk.fill();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while !load.seen.others.lock().unwrap().iter().any(|code| code == "500") {
        assert!(tokio::time::Instant::now() < deadline, "the disk never got full");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    disk.free();
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
