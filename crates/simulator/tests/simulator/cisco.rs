use crate::support::{SIM, UNKNOWN, World, send};
use simgauge_domain::limits::{Bucket, Limits, Scope};
use simgauge_simulator::{Fault, FaultSpan, SimulatorConfig};
use std::time::Duration;

fn ask(world: &World, operator: &str, iccid: &str) -> reqwest::RequestBuilder {
    world
        .get(&format!("{operator}/rws/api/v1/devices/{iccid}/ctdUsages"))
        .basic_auth("sim-user", Some("sim-secret"))
}

const CISCO: &str = "cisco_control_center";

#[tokio::test]
async fn usage_is_what_was_set() {
    let world = World::with_usage(CISCO, 1_048_576).await;
    let answer = send(ask(&world, CISCO, SIM)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json;charset=ISO-8859-1"));
    assert_eq!(answer.json()["iccid"], SIM);
    assert_eq!(answer.json()["ctdDataUsage"], 1_048_576);
    let fields = "iccid imsi msisdn imei status ratePlan communicationPlan ctdDataUsage ctdSMSUsage \
                  ctdVoiceUsage ctdSessionCount overageLimitReached overageLimitOverride";
    assert_eq!(answer.fields("").join(" "), fields);

    world.simulator.inject(CISCO, SIM, 500);
    assert_eq!(send(ask(&world, CISCO, SIM)).await.json()["ctdDataUsage"], 1_049_076);
    let stats = world.simulator.stats(CISCO);
    assert_eq!((stats.requests, stats.data_requests, stats.readings, stats.violations), (2, 2, 2, 0));
    assert_eq!(stats.count_for(SIM), 2);
    assert_eq!(stats.asked.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), [SIM, SIM]);
    assert_eq!(stats.first_request, Some(world.now()));
}

#[tokio::test]
async fn usage_grows_with_time_and_with_every_reading() {
    let world = World::growing().await;
    let used = async |iccid| send(ask(&world, CISCO, iccid)).await.json()["ctdDataUsage"].as_u64().unwrap();
    let first = used(SIM).await;
    assert_eq!(used(SIM).await, first + 1_000);
    world.pass(Duration::from_secs(10));
    assert_eq!(used(SIM).await, first + 2_000 + 500_000);
    // The same SIM starts alike in every run, others elsewhere; letters are fine.
    let again = World::fixed().await;
    assert_eq!(again.simulator.usage(CISCO, SIM), first);
    assert_ne!(again.simulator.usage(CISCO, "898600D6991330004146"), first);
    assert_eq!(send(ask(&again, CISCO, "898600D6991330004146")).await.status, 200);
}

#[tokio::test]
async fn errors_have_ciscos_shape() {
    let world = World::fixed().await;
    let path = format!("{CISCO}/rws/api/v1/devices/{SIM}/ctdUsages");
    let wrong = send(world.get(&path).basic_auth("sim-user", Some("x"))).await;
    assert_eq!(wrong.status, 401);
    assert_eq!(wrong.text, r#"{"errorMessage":"Invalid credentials","errorCode":"10000001"}"#);
    let none = send(world.get(&path)).await;
    assert_eq!((none.status, none.fields("")), (401, vec!["errorMessage".to_owned()]));
    let unknown = send(ask(&world, CISCO, UNKNOWN)).await;
    assert_eq!((unknown.status, &unknown.json()["errorCode"]), (404, &"20000001".into()));
    let elsewhere = send(world.get(&format!("{CISCO}/rws/api/v1/nothing"))).await;
    assert_eq!(elsewhere.status, 404);
    assert!(elsewhere.text.starts_with("<!DOCTYPE html>"));
    assert_eq!(world.simulator.stats(CISCO).readings, 0);

    world.simulator.set_unknown(CISCO, SIM, true);
    world.pass(Duration::from_secs(1));
    assert_eq!(send(ask(&world, CISCO, SIM)).await.status, 404);
}

#[tokio::test]
async fn a_sixth_call_in_any_second_is_a_violation() {
    let world = World::fixed().await;
    for _ in 0..5 {
        assert_eq!(send(ask(&world, CISCO, SIM)).await.status, 200);
        world.pass(Duration::from_millis(199));
    }
    // 995 ms after the first.
    let refused = send(ask(&world, CISCO, SIM)).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["errorCode"], "40000029");
    assert_eq!(refused.header("retry-after"), None);
    // The refused call counts as well: the window is free again 1 s after the second of the six.
    world.pass(Duration::from_millis(203));
    assert_eq!(send(ask(&world, CISCO, SIM)).await.status, 429);
    world.pass(Duration::from_secs(1));
    assert_eq!(send(ask(&world, CISCO, SIM)).await.status, 200);
    let stats = world.simulator.stats(CISCO);
    assert_eq!((stats.data_requests, stats.readings, stats.violations), (8, 6, 2));
    assert_eq!(stats.violation_notes[0].note, "over 5 per 1 s");
    // Another copy of the operator is another account.
    assert_eq!(send(ask(&world, "cisco_control_center@lane7", SIM)).await.status, 200);
    assert_eq!(world.simulator.stats("cisco_control_center@lane7").requests, 1);
}

#[tokio::test]
async fn a_second_call_at_once_is_a_violation() {
    let world = World::fixed().await;
    world.simulator.set_fault(CISCO, None, Fault::Hang, FaultSpan::Count(1));
    let first = tokio::spawn(send(ask(&world, CISCO, SIM)));
    world.simulator.wait_until(CISCO, |stats| stats.requests == 1).await;
    assert_eq!(send(ask(&world, CISCO, SIM)).await.status, 429);
    first.abort();
    let stats = world.simulator.stats(CISCO);
    assert_eq!((stats.violations, stats.max_concurrent_seen), (1, 2));
    assert_eq!(stats.violation_notes[0].note, "2 calls at once, 1 allowed");
}

#[tokio::test]
async fn without_enforcement_violations_are_only_counted() {
    let world = World::new(SimulatorConfig { enforce_limits: false, ..SimulatorConfig::fixed() }).await;
    for _ in 0..7 {
        assert_eq!(send(ask(&world, CISCO, SIM)).await.status, 200);
    }
    assert_eq!(world.simulator.stats(CISCO).violations, 2);
}

#[tokio::test]
async fn limits_can_be_replaced() {
    let world = World::fixed().await;
    let bucket = |limit, per_seconds| Bucket { scope: Scope::Iccid, limit, per_seconds };
    let limits = |limit| Limits {
        buckets: vec![bucket(limit, 60)],
        max_concurrent: 9,
        min_refresh_seconds: 0,
        retry_after_max_seconds: None,
    };
    for (limit, statuses) in [(1, vec![200, 429]), (2, vec![200, 200, 429])] {
        world.simulator.set_limits(CISCO, limits(limit));
        for status in statuses {
            assert_eq!(send(ask(&world, CISCO, SIM)).await.status, status);
        }
    }
    assert_eq!(world.simulator.stats(CISCO).violations, 2);
}
