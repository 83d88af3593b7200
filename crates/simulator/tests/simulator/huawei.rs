use crate::support::{Answer, SIM, UNKNOWN, World, json, send};
use serde_json::json as j;
use std::time::Duration;

async fn log_in(world: &World, password: &str) -> Answer {
    let user = j!({"name": "sim-user", "password": password, "domain": {"name": "d"}});
    let body = j!({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}});
    send(json(world.post("huawei_gsl/v3/auth/tokens"), &body)).await
}

async fn ask(world: &World, token: &str, iccid: &str) -> Answer {
    let request = world.post("huawei_gsl/v1/sim-price-plans/usage/batch-query").header("X-Auth-Token", token);
    send(json(request, &j!({"iccids": [iccid]}))).await
}

#[tokio::test]
async fn the_token_is_in_a_header_and_the_plans_add_up() {
    let world = World::fixed().await;
    let login = log_in(&world, "sim-secret").await;
    assert_eq!(login.status, 201);
    let token = login.header("x-subject-token").unwrap();
    assert!(!login.text.contains(token));
    world.simulator.set_usage("huawei_gsl", SIM, 42 * 1_048_576 + 262_144);
    let plans = ask(&world, token, SIM).await.json();
    assert!(plans.as_array().unwrap().iter().all(|plan| plan["iccid"] == SIM));
    let sum =
        |field: &str| plans.as_array().unwrap().iter().map(|plan| plan[field].as_f64().unwrap()).sum::<f64>();
    assert!((sum("flow_used") - 42.25).abs() < 1e-9);
    assert!((sum("flow_total") - sum("flow_used") - sum("flow_left")).abs() < 1e-9);
    let unknown = ask(&world, token, UNKNOWN).await;
    assert_eq!((unknown.status, unknown.text_at("/error_code").as_str()), (400, "GSL.00011011"));
    world.pass(Duration::from_secs(3_600));
    let gone = ask(&world, token, SIM).await;
    assert_eq!((gone.status, gone.fields("").join(" ").as_str()), (401, "error_code error_msg"));
    assert_eq!(log_in(&world, "x").await.status, 401);
}
