//! `kill -9`: what was answered 200 is not lost.

use crate::support::call::read;
use crate::support::process::Process;
use crate::support::{Database, OPERATOR, server};
use futures::future::join_all;
use rstest::rstest;
use serde_json::json;
use simgauge_domain::limits::{Bucket, Limits, Scope};
use simgauge_simulator::{Fault, FaultSpan};
use std::time::Duration;

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answered_refresh_ends_after_a_crash(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let mut server = server()
        .database(database)
        .configure(|config| {
            config.operator_accounts[0].limits = Some(Limits {
                buckets: vec![Bucket { scope: Scope::Credential, limit: 200, per_seconds: 1 }],
                max_concurrent: 4,
                min_refresh_seconds: 0,
                retry_after_max_seconds: None,
            });
        })
        .start()
        .await;
    let numbers = server.add_cards(200).await;
    server.stop().await;
    // Slow enough that the crash falls into the middle.
    server.simulator.set_fault(OPERATOR, None, Fault::Delay(Duration::from_millis(20)), FaultSpan::Forever);
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::serve(&server, dir.path());
    let http = reqwest::Client::new();
    let url = format!("{}/api/v3/card/refreshUsage", process.url);
    let bodies: Vec<String> =
        numbers.iter().map(|number| server.signed(json!({ "iccid": number })).to_string()).collect();
    let calls = bodies.into_iter().map(|body| {
        let request = http.post(&url).body(body);
        async move { Some(read(request.send().await.ok()?).await) }
    });
    let answers = tokio::spawn(join_all(calls.collect::<Vec<_>>()));
    let seen = server.simulator.wait_until(OPERATOR, |stats| stats.requests >= 20).await;
    assert!(seen.requests < 200, "the crash has to come before the end");
    process.kill();
    let accepted: Vec<String> = answers
        .await
        .unwrap()
        .into_iter()
        .flatten()
        .filter(|answer| answer.code() == "200")
        .map(|answer| answer.refresh_id())
        .collect();
    assert!(!accepted.is_empty());

    server.simulator.clear_faults();
    server.start().await;
    for id in &accepted {
        let report = server.ended(id, Duration::from_secs(40)).await;
        assert_eq!(report["state"], "succeeded");
    }
    let stats = server.simulator.stats(OPERATOR);
    for number in &numbers {
        assert!(stats.count_for(number) <= 2, "after a crash at most one more");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_the_same_file_does_not_start() {
    let server = server().start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let second = simgauge::app::App::start(&server.config, listener, server.clock.clone()).await;
    let error = second.err().expect("refused").to_string();
    assert!(error.contains("another simgauge serves"), "{error}");
}
