//! Nodes that die, freeze, stop, disagree about the time, or are two.

use super::audit::audit;
use super::load::Load;
use super::{RATE, scene, times};
use crate::support::process::Process;
use crate::support::{Database, LANE, OPERATOR, TestServer};
use rstest::rstest;
use simgauge_store::Store;
use std::time::{Duration, Instant};

async fn open(server: &TestServer) -> Store {
    Store::connect(&server.config.store.url, 4).await.unwrap()
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_node_is_killed_under_load_again_and_again(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let mut server = scene(database).start().await;
    let cards = server.add_cards(3_000).await;
    server.stop().await;
    let logs = tempfile::tempdir().unwrap();
    let mut node = Process::serve(&server, logs.path());
    let load = Load::start(&server, vec![node.url.clone()], &cards, 8, 1);
    for round in 1..=times(3, 10) {
        load.until_accepted(round * 60).await;
        node.kill();
        node = Process::serve(&server, logs.path());
        *load.urls.lock().unwrap() = vec![node.url.clone()];
    }
    let seen = load.stop().await;
    let store = open(&server).await;
    audit(&server, &store, &seen, logs.path()).await;
    store.close().await;
    assert!(node.terminate());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_accept_each_of_a_thousand_cards_once() {
    let mut server = scene(Database::Postgres).start().await;
    let cards = server.add_cards(1_000).await;
    server.stop().await;
    let logs = tempfile::tempdir().unwrap();
    let nodes = [Process::serve(&server, logs.path()), Process::serve(&server, logs.path())];
    let urls = nodes.iter().map(|node| node.url.clone()).collect();
    // 20,000 calls; every pass goes to both nodes at once.
    let seen = Load::start(&server, urls, &cards, 16, 20).finish().await;
    assert_eq!(seen.calls.load(std::sync::atomic::Ordering::Relaxed), 20_000);
    assert_eq!(seen.accepted.lock().unwrap().len(), 1_000);
    assert!(seen.others.lock().unwrap().is_empty(), "{:?}", seen.others.lock().unwrap());
    let store = open(&server).await;
    audit(&server, &store, &seen, logs.path()).await;
    for number in &cards {
        assert_eq!(
            server.simulator.stats(OPERATOR).count_for(number),
            1,
            "one accepted refresh is one reading"
        );
    }
}

/// The process that holds the lane's lease.
async fn holder_of(store: &Store, nodes: &[Process]) -> usize {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let lanes = store.lanes().await.unwrap();
        let holder = lanes
            .iter()
            .find(|lane| lane.name == LANE && lane.lease_until > 0)
            .map(|lane| lane.holder.clone());
        let found = holder
            .and_then(|holder| nodes.iter().position(|node| holder.starts_with(&format!("{}-", node.id()))));
        if let Some(index) = found {
            return index;
        }
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[rstest]
#[case::killed("KILL")]
#[case::frozen("STOP")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_goes_on_when_its_holder_is(#[case] signal: &str) {
    let mut server = scene(Database::Postgres).start().await;
    let cards = server.add_cards(1_500).await;
    server.stop().await;
    let logs = tempfile::tempdir().unwrap();
    let mut nodes = vec![Process::serve(&server, logs.path()), Process::serve(&server, logs.path())];
    let store = open(&server).await;
    let holder = nodes.remove(holder_of(&store, &nodes).await);
    // Calls go to the other node, so that only the lane is affected.
    let load = Load::start(&server, vec![nodes[0].url.clone()], &cards, 4, 1);
    // The limit is used up, so every reading waits for permission and none is on its way. (A frozen process
    // sends what is on its way out when it wakes up; nothing can prevent that.)
    server.simulator.wait_until(OPERATOR, |stats| stats.requests >= RATE.into()).await;
    holder.signal(signal);
    let stopped_at = Instant::now();
    let mut before = server.simulator.stats(OPERATOR).requests;
    // What was on its way at that moment still arrives.
    tokio::time::sleep(Duration::from_millis(300)).await;
    before = before.max(server.simulator.stats(OPERATOR).requests);
    server.simulator.wait_until(OPERATOR, |stats| stats.requests > before).await;
    let took = stopped_at.elapsed();
    println!("the lane went on after {took:?}");
    assert!(took < Duration::from_secs(15), "{took:?}");
    if signal == "STOP" {
        // Long enough that it is somebody else's lane for sure; then it wakes up and has to notice.
        tokio::time::sleep(Duration::from_secs(times(3, 26))).await;
        holder.signal("CONT");
        server.simulator.wait_until(OPERATOR, |stats| stats.requests >= before + 300).await;
    }
    let seen = load.finish().await;
    audit(&server, &store, &seen, logs.path()).await;
    if signal == "STOP" {
        let log = std::fs::read_to_string(&holder.log).unwrap();
        assert!(log.contains("lease was lost"), "it did not notice");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graceful_stop_under_load_loses_nothing(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let mut server = scene(database).start().await;
    let cards = server.add_cards(3_000).await;
    server.stop().await;
    let logs = tempfile::tempdir().unwrap();
    let mut node = Process::serve(&server, logs.path());
    let load = Load::start(&server, vec![node.url.clone()], &cards, 8, 1);
    for round in 1..=times(2, 6) {
        load.until_accepted(round * 100).await;
        assert!(node.terminate(), "it stopped badly");
        node = Process::serve(&server, logs.path());
        *load.urls.lock().unwrap() = vec![node.url.clone()];
    }
    let seen = load.stop().await;
    let store = open(&server).await;
    audit(&server, &store, &seen, logs.path()).await;
    store.close().await;
    assert!(node.terminate());
}

/// The time that counts is the database's: a node whose clock is two minutes off accepts and refuses as the
/// others do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_a_wrong_clock_goes_by_the_databases_time() {
    use simgauge::app::App;
    use simgauge_service::clock::Clock;
    let server = scene(Database::Postgres).start().await;
    let cards = server.add_cards(300).await;
    let mut apps = Vec::new();
    let mut urls = vec![server.url.clone()];
    for error_ms in [120_000, -120_000] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let clock = Clock::of_a_wrong_machine(error_ms);
        let app = App::start(&server.config, listener, clock).await.unwrap();
        urls.push(format!("http://{}", app.address()));
        apps.push(app);
    }
    let seen = Load::start(&server, urls, &cards, 9, 9).finish().await;
    assert_eq!(seen.accepted.lock().unwrap().len(), cards.len());
    assert!(seen.others.lock().unwrap().is_empty(), "{:?}", seen.others.lock().unwrap());
    let logs = tempfile::tempdir().unwrap();
    audit(&server, server.store(), &seen, logs.path()).await;
    let now = server.clock.now();
    for row in server.store().refreshes_after("", 1_000).await.unwrap() {
        assert!(now.0 - row.accepted_at.0 < 60_000, "accepted by the database's time");
    }
    for app in apps {
        app.stop().await.unwrap();
    }
}
