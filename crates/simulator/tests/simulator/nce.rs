use crate::support::{Answer, SIM, UNKNOWN, World, json, send};
use serde_json::json as j;
use simgauge_simulator::{Fault, FaultSpan, SimulatorConfig};
use std::time::Duration;

async fn log_in(world: &World, secret: &str) -> Answer {
    let request = world.post("1nce/oauth/token").basic_auth("sim-user", Some(secret));
    send(json(request, &j!({"grant_type": "client_credentials"}))).await
}

async fn token(world: &World) -> String {
    log_in(world, "sim-secret").await.text_at("/access_token")
}

async fn quota(world: &World, token: &str, iccid: &str) -> Answer {
    world.get_with_bearer(token, &format!("1nce/v1/sims/{iccid}/quota/data")).await
}

#[tokio::test]
async fn the_quota_says_what_is_left() {
    let world = World::with_usage("1nce", 106_692_608).await;
    let answer = quota(&world, &token(&world).await, SIM).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["volume"].to_string(), "398.25");
    assert_eq!(answer.json()["total_volume"], 500);
    let fields = "volume total_volume expiry_date peak_throughput last_volume_added last_status_change_date \
                  threshold_percentage";
    assert_eq!(answer.fields("").join(" "), fields);
    // The documented base path may be there.
    let long = world.get(&format!("1nce/management-api/v1/sims/{SIM}/quota/data"));
    assert_eq!(send(long.bearer_auth(token(&world).await)).await.status, 200);
    assert_eq!(world.simulator.stats("1nce").logins, 2);
}

#[tokio::test]
async fn the_usage_list_carries_its_own_sum() {
    let world = World::with_usage("1nce", 32_768).await;
    let path = format!("1nce/v1/sims/{SIM}/usage?start_dt=2026-05-01&end_dt=2026-05-08");
    let answer = send(world.get(&path).bearer_auth(token(&world).await)).await;
    let stats = answer.json()["stats"].as_array().unwrap().clone();
    assert_eq!(stats.len(), 9);
    assert_eq!(stats[0]["date"], "2026-05-01T00:00:00.000Z");
    assert_eq!(stats[8]["date"], "TOTAL");
    assert_eq!(stats[8]["data"]["volume"], "0.031250");
    let sum: f64 =
        stats[..8].iter().map(|day| day["data"]["volume"].as_str().unwrap().parse::<f64>().unwrap()).sum();
    assert!((sum - 0.031_25).abs() < 1e-5);
}

#[tokio::test]
async fn tokens_expire_and_errors_about_sims_are_empty() {
    let world = World::new(SimulatorConfig { token_ttl_seconds: 60, ..SimulatorConfig::fixed() }).await;
    let wrong = log_in(&world, "x").await;
    assert_eq!((wrong.status, &wrong.json()["errorCode"]), (400, &"BadCredentials".into()));
    let first = token(&world).await;
    assert_eq!(quota(&world, &first, SIM).await.status, 200);
    let unknown = quota(&world, &first, UNKNOWN).await;
    assert_eq!((unknown.status, unknown.text.as_str()), (404, ""));
    world.pass(Duration::from_secs(60));
    let gone = quota(&world, &first, SIM).await;
    assert_eq!((gone.status, gone.text.as_str()), (401, ""));
    assert_eq!(quota(&world, "made-up", SIM).await.status, 401);
    let second = token(&world).await;
    assert_ne!(first, second);
    assert_eq!(quota(&world, &second, SIM).await.status, 200);

    // A log-in that runs out early takes its token with it: only a new one helps.
    world.simulator.set_fault("1nce", None, Fault::AuthExpired, FaultSpan::Count(1));
    assert_eq!(quota(&world, &second, SIM).await.status, 401);
    assert_eq!(quota(&world, &second, SIM).await.status, 401);
    assert_eq!(quota(&world, &token(&world).await, SIM).await.status, 200);
}

#[tokio::test]
async fn faults_can_be_the_log_ins_alone() {
    let world = World::fixed().await;
    let good = token(&world).await;
    world.simulator.set_login_fault("1nce", Fault::Status(500), FaultSpan::Forever);
    assert_eq!(log_in(&world, "sim-secret").await.status, 500);
    assert_eq!(quota(&world, &good, SIM).await.status, 200);
    world.simulator.clear_faults();
    world.simulator.set_fault("1nce", None, Fault::MissingUsed, FaultSpan::Forever);
    assert_eq!(log_in(&world, "sim-secret").await.status, 200);
    assert_eq!(quota(&world, &good, SIM).await.json().get("volume"), None);
}
