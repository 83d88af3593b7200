//! PostgreSQL that is restarted, or cannot be reached for a while.

use super::audit::audit;
use super::load::Load;
use super::scene;
use crate::support::process::Process;
use crate::support::{Database, TestServer};
use simgauge_store::Store;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// A cluster of its own, which a test may restart.
struct Cluster {
    keeper: Child,
    url: String,
    restart: String,
}

impl Cluster {
    fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/with-postgres");
        let mut keeper = Command::new(script)
            .args([
                "sh",
                "-c",
                "echo $SIMGAUGE_TEST_POSTGRES; echo $SIMGAUGE_TEST_POSTGRES_RESTART; read line",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(keeper.stdout.take().unwrap()).lines();
        let mut line = || lines.next().unwrap().unwrap();
        let (url, restart) = (line(), line());
        Self { keeper, url, restart }
    }

    /// As an administrator does it: connections are cut, what was committed is there afterwards.
    fn restart(&self) {
        assert!(Command::new("sh").args(["-c", &self.restart]).status().unwrap().success());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Its input ends, so the script stops the cluster.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A way to PostgreSQL that can be cut.
struct Proxy {
    port: u16,
    cut: Arc<Notify>,
    closed: Arc<AtomicBool>,
}

impl Proxy {
    async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(Notify::new());
        let closed = Arc::new(AtomicBool::new(false));
        let (cutting, closing) = (Arc::clone(&cut), Arc::clone(&closed));
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                if closing.load(Ordering::Relaxed) {
                    continue;
                }
                let (target, cut) = (target.clone(), Arc::clone(&cutting));
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(target).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        () = cut.notified() => {}
                    }
                });
            }
        });
        Self { port, cut, closed }
    }

    /// Cuts every connection and lets none in for a while.
    async fn cut_for(&self, span: Duration) {
        self.closed.store(true, Ordering::Relaxed);
        self.cut.notify_waiters();
        tokio::time::sleep(span).await;
        self.closed.store(false, Ordering::Relaxed);
    }
}

async fn after_trouble(
    server: &TestServer,
    load: Load,
    node: Process,
    logs: &std::path::Path,
    enough: usize,
) {
    load.until_accepted(enough).await;
    let seen = load.stop().await;
    let others = seen.others.lock().unwrap().clone();
    assert!(
        others.iter().all(|code| code == "500" || code == "503"),
        "a clear answer while it lasts: {others:?}"
    );
    let store = Store::connect(&server.config.store.url, 4).await.unwrap();
    audit(server, &store, &seen, logs).await;
    store.close().await;
    assert!(node.terminate());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_is_restarted_under_load() {
    let cluster = Cluster::start();
    let url = cluster.url.clone();
    let mut server = scene(Database::Sqlite).store_url(url).start().await;
    let cards = server.add_cards(4_000).await;
    server.stop().await;
    let logs = tempfile::tempdir().unwrap();
    let node = Process::serve(&server, logs.path());
    let load = Load::start(&server, vec![node.url.clone()], &cards, 8, 2);
    for round in 1..=2 {
        load.until_accepted(round * 100).await;
        cluster.restart();
    }
    after_trouble(&server, load, node, logs.path(), 400).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connections_to_postgresql_are_cut() {
    let mut server = scene(Database::Postgres).start().await;
    let cards = server.add_cards(4_000).await;
    server.stop().await;
    let url = server.config.store.url.clone();
    let (before, after) = url.split_once('@').unwrap();
    let (address, database) = after.split_once('/').unwrap();
    let proxy = Proxy::start(address.to_owned()).await;
    let logs = tempfile::tempdir().unwrap();
    let through = format!("{before}@127.0.0.1:{}/{database}", proxy.port);
    let node = Process::serve_with(&server, logs.path(), &through);
    let load = Load::start(&server, vec![node.url.clone()], &cards, 8, 2);
    for (round, span) in [(1, 100), (2, 4_000)] {
        load.until_accepted(round * 100).await;
        proxy.cut_for(Duration::from_millis(span)).await;
    }
    after_trouble(&server, load, node, logs.path(), 400).await;
}
