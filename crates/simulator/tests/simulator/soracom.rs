use crate::support::{Answer, NOW, SIM, UNKNOWN, World, json, send};
use serde_json::{Value, json as j};
use simgauge_simulator::SimulatorConfig;
use std::time::Duration;

async fn log_in(world: &World, body: &Value) -> Answer {
    send(json(world.post("soracom/auth"), body)).await
}

async fn token(world: &World) -> (String, String) {
    let answer = log_in(world, &j!({"authKeyId": "sim-user", "authKey": "sim-secret"})).await;
    assert_eq!(answer.fields("").join(" "), "apiKey token operatorId userName");
    let field = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
    (field("apiKey"), field("token"))
}

async fn get(world: &World, (key, token): &(String, String), path: &str) -> Answer {
    let request = world.get(&format!("soracom/{path}"));
    send(request.header("X-Soracom-API-Key", key).header("X-Soracom-Token", token)).await
}

#[tokio::test]
async fn the_search_finds_neighbours_and_the_stats_add_up() {
    let world = World::with_usage("soracom", 123_456_789).await;
    let token = token(&world).await;
    let found = get(&world, &token, &format!("query/sims?iccid={SIM}")).await.json();
    assert_eq!(found[0]["profiles"][format!("{SIM}5")]["iccid"], format!("{SIM}5"));
    assert_eq!(found[1]["profiles"][SIM]["iccid"], SIM);
    assert!(found[1].get("iccid").is_none());
    assert_ne!(found[1]["simId"], SIM);
    let id = found[1]["simId"].as_str().unwrap().to_owned();
    let window = format!("from={}&to={}&period=month", NOW / 1_000 - 86_400, NOW / 1_000);
    let stats = get(&world, &token, &format!("stats/air/sims/{id}?{window}")).await.json();
    assert_eq!((&stats[0]["date"], &stats[0]["unixtime"]), (&"20260501".into(), &1_777_593_600.into()));
    let classes = stats[0]["dataTrafficStatsMap"].as_object().unwrap();
    let sum: u64 = classes
        .values()
        .map(|class| {
            class["uploadByteSizeTotal"].as_u64().unwrap() + class["downloadByteSizeTotal"].as_u64().unwrap()
        })
        .sum();
    assert_eq!((classes.len(), sum), (2, 123_456_789));
    let counted = world.simulator.stats("soracom");
    assert_eq!((counted.requests, counted.logins, counted.data_requests), (3, 1, 1));
    assert_eq!(counted.count_for(SIM), 1);

    world.simulator.set_usage("soracom", SIM, 0);
    assert_eq!(get(&world, &token, &format!("stats/air/sims/{id}?{window}")).await.text, "[]");
    assert_eq!(get(&world, &token, &format!("stats/air/sims/{id}")).await.status, 400);
    let unknown = get(&world, &token, &format!("query/sims?iccid={UNKNOWN}")).await.json();
    assert_eq!(unknown.as_array().unwrap().len(), 1);
    assert!(unknown[0]["profiles"].get(UNKNOWN).is_none());
    assert_eq!(get(&world, &token, "query/sims?iccid=8").await.status, 400);
    assert_eq!(get(&world, &token, &format!("query/sims?iccid={SIM}&limit=101")).await.status, 400);
}

#[tokio::test]
async fn both_headers_are_needed_and_the_token_lives_as_long_as_asked() {
    let world = World::new(SimulatorConfig { token_ttl_seconds: 86_400, ..SimulatorConfig::fixed() }).await;
    let wrong = log_in(&world, &j!({"authKeyId": "sim-user", "authKey": "x"})).await;
    assert_eq!(wrong.status, 401);
    let asked = j!({"authKeyId": "sim-user", "authKey": "sim-secret", "tokenTimeoutSeconds": 100});
    let answer = log_in(&world, &asked).await.json();
    let short = (answer["apiKey"].as_str().unwrap().to_owned(), answer["token"].as_str().unwrap().to_owned());
    let path = format!("query/sims?iccid={SIM}");
    assert_eq!(get(&world, &short, &path).await.status, 200);
    assert_eq!(get(&world, &(short.0.clone(), "other".to_owned()), &path).await.status, 401);
    world.pass(Duration::from_secs(100));
    assert_eq!(get(&world, &short, &path).await.status, 401);
}
