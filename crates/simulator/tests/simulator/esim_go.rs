use crate::support::{Answer, SIM, UNKNOWN, World, send};
use serde_json::Value;
use std::time::Duration;

async fn ask(world: &World, key: &str, path: &str) -> Answer {
    send(world.get(&format!("esim_go/esims/{path}")).header("X-API-Key", key)).await
}

fn counted(answer: &Value) -> (u64, u64) {
    let assignments = answer["bundles"][0]["assignments"].as_array().unwrap().clone();
    let counts = assignments.iter().filter(|one| {
        one["callTypeGroup"] == "data"
            && ["active", "depleted", "Depleted"].contains(&one["bundleState"].as_str().unwrap())
    });
    let sum = |field: &str| counts.clone().map(|one| one[field].as_u64().unwrap()).sum::<u64>();
    (sum("initialQuantity") - sum("remainingQuantity"), sum("initialQuantity"))
}

#[tokio::test]
async fn used_is_the_sum_over_the_bundles_that_count() {
    let world = World::fixed().await;
    for (bytes, total) in [(0, 1_000_000_000), (600_000_000, 1_000_000_000), (2_600_000_000, 3_000_000_000)] {
        world.simulator.set_usage("esim_go", SIM, bytes);
        let answer = ask(&world, "sim-secret", &format!("{SIM}/bundles?includeUsed=true&limit=200")).await;
        assert_eq!(counted(&answer.json()), (bytes, total));
    }
    world.simulator.set_usage("esim_go", SIM, u64::from(u32::MAX) * 1_000);
    let huge = ask(&world, "sim-secret", &format!("{SIM}/bundles?includeUsed=true&limit=200")).await.json();
    assert_eq!(counted(&huge).0, u64::from(u32::MAX) * 1_000);
    // Without being asked for, used ones are left out.
    let few = ask(&world, "sim-secret", &format!("{SIM}/bundles")).await.json();
    assert_ne!(counted(&few).0, u64::from(u32::MAX) * 1_000);
    let waiting = &few["bundles"][0]["assignments"][0];
    assert_eq!((waiting["bundleState"].as_str(), waiting.get("startTime")), (Some("queued"), None));
}

#[tokio::test]
async fn the_limit_is_told_and_enforced() {
    let world = World::fixed().await;
    let path = format!("{SIM}/bundles");
    let first = ask(&world, "sim-secret", &path).await;
    assert_eq!(first.header("x-ratelimit-limit"), Some("10"));
    assert_eq!(first.header("x-ratelimit-remaining"), Some("9"));
    assert_eq!(first.header("x-ratelimit-cost"), Some("1"));
    assert_eq!(first.header("x-ratelimit-reset"), Some("2026-05-08T10:11:13Z"));
    for _ in 0..9 {
        assert_eq!(ask(&world, "sim-secret", &path).await.status, 200);
    }
    let refused = ask(&world, "sim-secret", &path).await;
    assert_eq!((refused.status, refused.text.as_str()), (429, r#"{"message":"Rate limit exceeded"}"#));
    assert_eq!(
        (refused.header("retry-after"), refused.header("x-ratelimit-remaining")),
        (Some("1"), Some("0"))
    );
    world.pass(Duration::from_secs(1));
    assert_eq!(ask(&world, "sim-secret", &path).await.status, 200);
    assert_eq!(world.simulator.stats("esim_go").violations, 1);
}

#[tokio::test]
async fn every_error_is_a_message() {
    let world = World::fixed().await;
    for (answer, status) in [
        (ask(&world, "x", &format!("{SIM}/bundles")).await, 401),
        (ask(&world, "sim-secret", &format!("{UNKNOWN}/bundles")).await, 404),
        (ask(&world, "sim-secret", "nothing").await, 404),
    ] {
        assert_eq!((answer.status, answer.fields("").join(" ").as_str()), (status, "message"));
    }
}
