use crate::support::{Answer, NOW, SIM, UNKNOWN, World, json, send};
use serde_json::{Value, json as j};
use sha1::{Digest, Sha1};
use simgauge_simulator::SimulatorConfig;
use std::time::{Duration, Instant};

const EID: &str = "11111111111111111111111111";

async fn call(world: &World, secret: &str, path: &str, nonce: u32, fields: Value) -> Answer {
    let mut body = fields;
    body["appkey"] = "sim-user".into();
    body["timestamp"] = world.now().seconds().into();
    body["nonce"] = nonce.into();
    let mut parts: Vec<String> = body
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}={}", value.to_string().trim_matches('"')))
        .collect();
    parts.sort_unstable();
    body["sign"] = hex::encode_upper(Sha1::digest(format!("{}&secret={secret}", parts.join("&")))).into();
    send(json(world.post(&format!("oapi/api/v3/{path}")), &body)).await
}

#[tokio::test]
async fn refresh_there_then_read_there() {
    let world = World::with_usage("oapi", 1_000).await;
    let read =
        async |nonce| call(&world, "sim-secret", "card/getCardsInfo", nonce, j!({"iccid": SIM})).await.json();
    assert_eq!(read(10_001).await["data"]["usage"]["usedBytes"], 1_000);
    world.simulator.inject("oapi", SIM, 500);
    assert_eq!(read(10_002).await["data"]["usage"]["usedBytes"], 1_000);

    let refresh = async |nonce| {
        call(&world, "sim-secret", "card/refreshUsage", nonce, j!({"iccid": SIM, "operator": 5})).await
    };
    let accepted = refresh(20_001).await.json();
    assert_eq!((&accepted["code"], &accepted["message"]), (&"200".into(), &"操作成功".into()));
    assert_eq!(accepted["data"]["nextRefreshAt"], NOW / 1_000 + 300);
    let now = read(10_003).await;
    assert_eq!(now["data"]["usage"]["usedBytes"], 1_500);
    assert_eq!(now["data"]["refresh"]["state"], "succeeded");
    assert_eq!(
        (&now["data"]["refresh"]["before"], &now["data"]["refresh"]["after"]),
        (&1_000.into(), &1_500.into())
    );

    // The same call again is the same refresh; another one is too early.
    assert_eq!(refresh(20_001).await.json(), accepted);
    world.pass(Duration::from_secs(299));
    let early = refresh(20_002).await;
    assert_eq!((early.status, &early.json()["code"]), (200, &"429".into()));
    assert_eq!(
        (early.header("retry-after"), &early.json()["data"]["retryAfterSeconds"]),
        (Some("1"), &1.into())
    );
    world.pass(Duration::from_secs(1));
    assert_eq!(refresh(20_003).await.json()["code"], "200");
}

#[tokio::test]
async fn a_read_may_not_be_replayed_and_the_sign_is_checked() {
    let world = World::fixed().await;
    let read = async |secret, nonce, iccid| {
        call(&world, secret, "card/getCardsInfo", nonce, j!({"iccid": iccid})).await.json()
    };
    assert_eq!(read("sim-secret", 10_001, SIM).await["code"], "200");
    assert_eq!(read("sim-secret", 10_001, SIM).await["code"], "409");
    let wrong = read("x", 10_002, SIM).await;
    assert_eq!((&wrong["code"], &wrong["data"]["serverTime"]), (&"401".into(), &(NOW / 1_000).into()));
    assert!(wrong["data"]["stringToSign"].as_str().unwrap().ends_with("&secret=***"));
    assert_eq!(read("sim-secret", 9_999, SIM).await["code"], "400");
    assert_eq!(read("sim-secret", 10_003, UNKNOWN).await["code"], "41008");
}

#[tokio::test]
async fn an_answer_may_be_held_until_the_figure_is_new() {
    let delay = Duration::from_millis(300);
    let world = World::new(SimulatorConfig { sync_delay: delay, ..SimulatorConfig::fixed() }).await;
    world.simulator.set_usage("oapi", EID, 7);
    let refresh = async |nonce, wait: u64| {
        call(&world, "sim-secret", "cloudesim/refreshUsage", nonce, j!({"eid": EID, "wait": wait}))
            .await
            .json()
    };
    let start = Instant::now();
    let held = refresh(10_001, 5).await;
    assert!(start.elapsed() >= delay);
    assert_eq!((&held["message"], &held["data"]["state"]), (&"success".into(), &"succeeded".into()));
    assert_eq!(held["data"]["usage"]["usedBytes"], 7);
    world.pass(Duration::from_secs(300));
    assert_eq!(refresh(10_002, 0).await["data"]["state"], "queued");
    let read = call(&world, "sim-secret", "cloudesim/get", 10_003, j!({"eid": EID})).await.json();
    assert_eq!(read["data"]["refresh"]["state"], "running");
}
