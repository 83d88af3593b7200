use crate::support::{Answer, NOW, SIM, UNKNOWN, World, json, send};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json as j};
use std::time::Duration;

async fn log_in(world: &World, secret: &str) -> Answer {
    send(json(world.post("emnify/api/v1/authenticate"), &j!({"application_token": secret}))).await
}

async fn token(world: &World) -> String {
    log_in(world, "sim-secret").await.text_at("/auth_token")
}

async fn get(world: &World, token: &str, path: &str) -> Answer {
    world.get_with_bearer(token, &format!("emnify/api/v1/{path}")).await
}

#[tokio::test]
async fn the_sim_is_found_by_iccid_or_eid_and_then_read() {
    let world = World::fixed().await;
    let token = token(&world).await;
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["exp"], NOW / 1_000 + 3_600);

    let mut lists = 0;
    let eid = "89033023001180000000000000000001";
    let others = (0..16).map(|n| format!("iccid:89883086501005252{n:02}"));
    for query in [format!("iccid_with_luhn:{SIM}3"), format!("eid:{eid}")].into_iter().chain(others) {
        let (kind, number) = query.split_once(':').unwrap();
        world.simulator.set_usage("emnify", number, 1_500_000);
        let found = get(&world, &token, &format!("sim?q={query}")).await.json();
        assert_eq!(found[0]["iccid"].as_str().unwrap().len(), 19);
        assert_eq!(found[0]["eid"].as_str(), (kind == "eid").then_some(eid));
        let id = found[0]["id"].as_u64().unwrap();
        // Some SIMs answer with a list, some with its only element.
        let stats = async || match get(&world, &token, &format!("sim/{id}/stats")).await.json() {
            Value::Array(list) => (true, list[0].clone()),
            other => (false, other),
        };
        let (is_list, busy) = stats().await;
        lists += usize::from(is_list);
        let data = &busy["current_month"]["data"];
        assert_eq!((&data["volume"], &data["traffic_type"]["unit"]), (&"1.500000".into(), &"MB".into()));
        assert_eq!(data["month"], "2026-05-01T00:00:00.000Z");
        assert_eq!(world.simulator.stats("emnify").count_for(number), 1);
        world.simulator.set_usage("emnify", number, 0);
        assert_eq!(stats().await.1.get("current_month"), None);
    }
    assert!((1..18).contains(&lists), "{lists}");
    assert_eq!(get(&world, &token, &format!("sim?q=iccid:{UNKNOWN}")).await.text, "[]");
}

#[tokio::test]
async fn three_bad_log_ins_lock_the_door_for_five_minutes() {
    let world = World::fixed().await;
    for _ in 0..3 {
        let wrong = log_in(&world, "x").await;
        assert_eq!((wrong.status, wrong.text.as_str()), (401, ""));
    }
    let locked = log_in(&world, "sim-secret").await;
    assert_eq!((locked.status, &locked.json()["error_token"]), (429, &"TooManyRequests".into()));
    world.pass(Duration::from_secs(300));
    let token = token(&world).await;
    assert_eq!(get(&world, &token, &format!("sim?q=iccid:{SIM}")).await.status, 200);
    world.pass(Duration::from_secs(3_600));
    assert_eq!(get(&world, &token, &format!("sim?q=iccid:{SIM}")).await.status, 401);
}
