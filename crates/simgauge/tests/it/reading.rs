//! What the caller sees of the operator: new usage, failures, retries, estimates.

use crate::support::{ICCID, LANE, OPERATOR, server};
use serde_json::{Value, json};
use simgauge_domain::limits::{Bucket, Limits, Scope};
use simgauge_simulator::{Fault, FaultSpan, SimulatorConfig};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(15);

/// Retries in tenths of seconds instead of seconds.
fn hasty(config: &mut simgauge::config::Config) {
    config.refresh.first_pause_seconds = 0.05;
    config.refresh.longest_pause_seconds = 0.2;
    config.refresh.deadline_seconds = 2;
    config.lanes.breaker_pause_seconds = 0.1;
    config.lanes.breaker_longest_pause_seconds = 0.2;
}

#[tokio::test]
async fn wait_returns_the_new_usage_in_the_same_answer() {
    let server =
        server().simulator(SimulatorConfig { step_bytes: 1000, ..SimulatorConfig::fixed() }).start().await;
    server.simulator.set_usage(OPERATOR, ICCID, 7_000);
    let refresh = async || {
        let body = server.signed(json!({ "iccid": ICCID, "wait": 5 }));
        server.post("/api/v3/card/refreshUsage", body.to_string()).await.expect("200").clone()
    };
    let first = refresh().await;
    assert_eq!(first["state"], "succeeded");
    assert_eq!(first["usage"]["usedBytes"], 7_000);
    server.travel_to(301);
    server.simulator.inject(OPERATOR, ICCID, 500);
    let second = refresh().await;
    assert!(second["usage"]["usedBytes"].as_u64().unwrap() >= 7_500);
    assert_eq!(second["refresh"]["before"], 7_000);
    assert_eq!(second["refresh"]["after"], second["usage"]["usedBytes"]);
}

#[tokio::test]
async fn wait_ends_when_its_time_is_up_and_shows_the_refresh_running() {
    let server = server().start().await;
    server.simulator.set_fault(OPERATOR, None, Fault::Delay(Duration::from_secs(3)), FaultSpan::Forever);
    let body = server.signed(json!({ "iccid": ICCID, "wait": 1 }));
    let started = std::time::Instant::now();
    let answer = server.post("/api/v3/card/refreshUsage", body.to_string()).await;
    assert!((1.0..2.5).contains(&started.elapsed().as_secs_f64()), "{:?}", started.elapsed());
    assert_eq!(answer.expect("200")["state"], "running");
    assert_eq!(answer.data()["usage"], Value::Null);
    assert_eq!(server.ended(&answer.refresh_id(), TIMEOUT).await["state"], "succeeded");
}

#[tokio::test]
async fn an_operator_that_fails_for_a_while_is_tried_again() {
    let server = server()
        .configure(|config| {
            hasty(config);
            config.refresh.deadline_seconds = 30;
        })
        .start()
        .await;
    let until = server.clock.now().after(Duration::from_secs(2));
    server.simulator.set_fault(OPERATOR, None, Fault::Status(500), FaultSpan::Until(until));
    let id = server.refresh_sim(ICCID).await.refresh_id();
    let report = server.ended(&id, TIMEOUT).await;
    assert_eq!((&report["state"], &report["reason"]), (&json!("succeeded"), &Value::Null));
    assert!(server.simulator.stats(OPERATOR).requests > 2, "it was tried again");
}

#[tokio::test]
async fn an_operator_that_fails_for_good_ends_the_refresh_at_its_deadline() {
    let server = server().configure(hasty).start().await;
    server.simulator.set_fault(OPERATOR, None, Fault::Status(500), FaultSpan::Forever);
    let accepted = server.refresh_sim(ICCID).await;
    let report = server.ended(&accepted.refresh_id(), TIMEOUT).await;
    assert_eq!((&report["state"], &report["reason"]), (&json!("failed"), &json!("temporary")));
    assert!(!report["reasonText"].as_str().unwrap().is_empty());
    let took = report["finishedAt"].as_i64().unwrap() - report["acceptedAt"].as_i64().unwrap();
    assert!((1..=4).contains(&took), "the deadline is 2 s, it took {took} s");
    let card = server.card(ICCID).await.expect("200").clone();
    assert_eq!((&card["usage"], &card["refresh"]["state"]), (&Value::Null, &json!("failed")));
}

#[tokio::test]
async fn what_cannot_get_better_fails_at_once() {
    let server = server().start().await;
    server.simulator.set_unknown(OPERATOR, ICCID, true);
    let report = server.ended(&server.refresh_sim(ICCID).await.refresh_id(), TIMEOUT).await;
    assert_eq!((&report["state"], &report["reason"]), (&json!("failed"), &json!("not_found")));
    assert_eq!(server.simulator.stats(OPERATOR).requests, 1);
}

#[tokio::test]
async fn nonsense_moves_no_usage() {
    let server = server().configure(hasty).start().await;
    server.simulator.set_usage(OPERATOR, ICCID, 4_000);
    server.ended(&server.refresh_sim(ICCID).await.refresh_id(), TIMEOUT).await;
    for (n, fault) in
        [Fault::Nonsense, Fault::EmptyBody, Fault::WrongCard, Fault::MissingUsed].into_iter().enumerate()
    {
        server.travel_to(301 * (i64::try_from(n).unwrap() + 1));
        server.simulator.clear_faults();
        server.simulator.set_fault(OPERATOR, None, fault, FaultSpan::Forever);
        let report = server.ended(&server.refresh_sim(ICCID).await.refresh_id(), TIMEOUT).await;
        assert_eq!((&report["state"], &report["reason"]), (&json!("failed"), &json!("bad_answer")));
        assert_eq!(server.card(ICCID).await.expect("200")["usage"]["usedBytes"], 4_000);
    }
}

#[tokio::test]
async fn a_lane_too_far_behind_refuses_and_uses_no_cooldown() {
    let server = server()
        .configure(|config| {
            config.refresh.max_wait_seconds = 3;
            config.operator_accounts[0].limits = Some(Limits {
                buckets: vec![Bucket { scope: Scope::Credential, limit: 1, per_seconds: 1 }],
                max_concurrent: 1,
                min_refresh_seconds: 0,
                retry_after_max_seconds: None,
            });
        })
        .start()
        .await;
    let numbers = server.add_cards(12).await;
    let mut refused = None;
    let mut accepted = 0;
    for number in &numbers {
        let answer = server.refresh_sim(number).await;
        if answer.code() == "503" {
            refused = Some((number.clone(), answer));
            break;
        }
        answer.expect("200");
        accepted += 1;
    }
    let (number, answer) = refused.expect("twelve readings at one a second are more than three seconds");
    assert!(answer.data()["estimatedSeconds"].as_u64().unwrap() > 3);
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(server.card(&number).await.expect("200")["nextRefreshAt"], Value::Null);
    // Three, or more where readings began meanwhile.
    assert!(accepted >= 3, "{accepted}");
    let stats = server.simulator.wait_until(OPERATOR, |stats| stats.requests >= accepted).await;
    assert_eq!(stats.violations, 0);
    server.refresh_sim(&number).await.expect("200");
}

#[tokio::test]
async fn lanes_say_how_they_are() {
    let server = server()
        .configure(|config| {
            hasty(config);
            config.lanes.lease_seconds = 2;
        })
        .start()
        .await;
    server.simulator.set_fault(OPERATOR, None, Fault::Status(500), FaultSpan::Forever);
    server.ended(&server.refresh_sim(ICCID).await.refresh_id(), TIMEOUT).await;
    let deadline = tokio::time::Instant::now() + TIMEOUT;
    loop {
        let lanes = server.store().lanes().await.unwrap();
        let status: Value = serde_json::from_str(&lanes[0].status).unwrap();
        assert_eq!(lanes[0].name, LANE);
        if status["last_error"].as_str().is_some_and(|error| error.contains("temporary"))
            && status["health"] != "ok"
        {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
