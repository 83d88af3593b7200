use crate::support::{Answer, SIM, UNKNOWN, World, json, send};
use serde_json::json as j;
use std::time::Duration;

async fn token(world: &World) -> String {
    world.log_in_by_form("airalo/v2/token", "sim-secret").await.text_at("/data/access_token")
}

async fn ask(world: &World, token: &str, iccid: &str) -> Answer {
    world.get_with_bearer(token, &format!("airalo/v2/sims/{iccid}/usage")).await
}

#[tokio::test]
async fn answers_are_whole_megabytes_and_twenty_minutes_old() {
    let world = World::growing().await;
    world.simulator.set_usage("airalo", SIM, 724 * 1_048_576);
    let token = token(&world).await;
    let first = ask(&world, &token, SIM).await.json();
    assert_eq!((&first["data"]["remaining"], &first["data"]["total"]), (&300.into(), &1_024.into()));
    assert_eq!(first["data"]["expired_at"], "2028-01-01 00:00:00");
    assert_eq!(first["meta"]["message"], "api.succes");
    world.pass(Duration::from_secs(1_199));
    assert_eq!(ask(&world, &token, SIM).await.json()["data"]["remaining"], 300);
    world.pass(Duration::from_secs(1));
    // 60,000,000 bytes more are 57.2 MB of 1,048,576.
    assert_eq!(ask(&world, &token, SIM).await.json()["data"]["remaining"], 243);
    // What is set by hand is seen at once.
    world.simulator.set_usage("airalo", SIM, 24 * 1_048_576);
    assert_eq!(ask(&world, &token, SIM).await.json()["data"]["remaining"], 1_000);
}

#[tokio::test]
async fn limits_are_per_sim_per_account_and_per_log_in() {
    let world = World::fixed().await;
    let token = token(&world).await;
    for _ in 0..10 {
        assert_eq!(ask(&world, &token, SIM).await.status, 200);
        world.pass(Duration::from_secs(1));
    }
    let refused = ask(&world, &token, SIM).await;
    assert_eq!((refused.status, refused.text.as_str()), (429, r#"{"message":"Too Many Attempts."}"#));
    // Refused calls count: ten others arrived since the second.
    assert_eq!(refused.header("retry-after"), Some("51"));
    let others = ["8988308650100525012", "8988308650100525020", "8988308650100525038", "8988308650100525046"];
    for other in others {
        assert_eq!(ask(&world, &token, other).await.status, 200);
    }
    assert_eq!(ask(&world, &token, others[0]).await.status, 429);
    for status in [200, 200, 429] {
        assert_eq!(world.log_in_by_form("airalo/v2/token", "sim-secret").await.status, status);
    }
    assert_eq!(world.simulator.stats("airalo").violations, 3);
}

#[tokio::test]
async fn a_missing_sim_changes_the_type_of_data() {
    let world = World::fixed().await;
    assert_eq!(world.log_in_by_form("airalo/v2/token", "x").await.status, 401);
    let body =
        j!({"client_id": "sim-user", "client_secret": "sim-secret", "grant_type": "client_credentials"});
    assert_eq!(send(json(world.post("airalo/v2/token"), &body)).await.status, 422, "the log-in is a form");
    let unknown = ask(&world, &token(&world).await, UNKNOWN).await;
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.text, r#"{"data":[],"meta":{"message":"messages.resource_not_found"}}"#);
    assert_eq!(ask(&world, "x", SIM).await.status, 401);
}
