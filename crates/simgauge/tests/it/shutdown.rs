//! Stopping gracefully: what runs is finished, what waits is kept.

use crate::support::process::Process;
use crate::support::{ICCID, OPERATOR, server};
use serde_json::json;
use simgauge_domain::limits::{Bucket, Limits, Scope};
use simgauge_simulator::{Fault, FaultSpan};
use std::time::Duration;

#[tokio::test]
async fn what_runs_is_finished_and_what_waits_is_kept() {
    let mut server = server()
        .configure(|config| {
            config.operator_accounts[0].limits = Some(Limits {
                buckets: vec![Bucket { scope: Scope::Credential, limit: 100, per_seconds: 1 }],
                max_concurrent: 1,
                min_refresh_seconds: 0,
                retry_after_max_seconds: None,
            });
        })
        .start()
        .await;
    let numbers = server.add_cards(3).await;
    server.simulator.set_fault(OPERATOR, None, Fault::Delay(Duration::from_millis(600)), FaultSpan::Forever);
    let mut ids = Vec::new();
    for number in &numbers {
        ids.push(server.refresh_sim(number).await.refresh_id());
    }
    server.simulator.wait_until(OPERATOR, |stats| stats.requests >= 1).await;
    server.stop().await;
    assert_eq!(server.simulator.stats(OPERATOR).requests, 1, "no new reading began");
    server.simulator.clear_faults();
    server.start().await;
    assert_eq!(
        server.refresh(&ids[0]).await.expect("200")["state"],
        "succeeded",
        "the one that ran was finished"
    );
    for id in &ids[1..] {
        assert_eq!(server.ended(id, Duration::from_secs(10)).await["state"], "succeeded");
    }
    assert_eq!(server.simulator.stats(OPERATOR).requests, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_the_process_well_and_lets_held_answers_go() {
    let mut server = server().start().await;
    server.stop().await;
    server.simulator.set_fault(OPERATOR, None, Fault::Delay(Duration::from_secs(2)), FaultSpan::Forever);
    let dir = tempfile::tempdir().unwrap();
    let process = Process::serve(&server, dir.path());
    let body = server.signed(json!({ "iccid": ICCID, "wait": 8 })).to_string();
    let request = reqwest::Client::new().post(format!("{}/api/v3/card/refreshUsage", process.url)).body(body);
    let held = tokio::spawn(request.send());
    server.simulator.wait_until(OPERATOR, |stats| stats.requests >= 1).await;
    assert!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap());
    let answer = crate::support::call::read(held.await.unwrap().unwrap()).await;
    answer.expect("200");
    server.simulator.clear_faults();
    server.start().await;
    assert_eq!(server.ended(&answer.refresh_id(), Duration::from_secs(10)).await["state"], "succeeded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_is_ignored_with_a_line() {
    let mut server = server().start().await;
    server.stop().await;
    let dir = tempfile::tempdir().unwrap();
    let process = Process::serve(&server, dir.path());
    process.signal("HUP");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !process.logged().contains("SIGHUP is ignored") {
        assert!(tokio::time::Instant::now() < deadline, "{}", process.logged());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let health = reqwest::get(format!("{}/readyz", process.url)).await.unwrap();
    assert_eq!(health.text().await.unwrap(), "ready\n");
    assert!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap());
}
