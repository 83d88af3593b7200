use crate::support::{Answer, NOW, SIM, UNKNOWN, World, hmac_sha256_hex, json, send};
use serde_json::{Value, json as j};
use std::time::Duration;

async fn ask(world: &World, call: &str, code: &str, body: &Value) -> Answer {
    let request = world.post(&format!("esim_access/api/v1/open/esim/{call}")).header("RT-AccessCode", code);
    send(json(request, body)).await
}

fn by_iccid(iccid: &str) -> Value {
    j!({"orderNo": "", "iccid": iccid, "pager": {"pageNum": 1, "pageSize": 50}})
}

#[tokio::test]
async fn a_profile_is_found_by_iccid_and_read_by_its_number() {
    let world = World::with_usage("esim_access", 1_453_344_832).await;
    let found = ask(&world, "query", "sim-secret", &by_iccid(SIM)).await.json();
    assert_eq!((&found["success"], &found["errorCode"]), (&true.into(), &"0".into()));
    let profile = &found["obj"]["esimList"][0];
    assert_eq!((&profile["iccid"], &profile["orderUsage"]), (&SIM.into(), &1_453_344_832_u64.into()));
    assert_eq!(profile["totalVolume"], 5_368_709_120_u64);
    assert_eq!(found["obj"]["pager"], j!({"pageSize": 50, "pageNum": 1, "total": 1}));
    let number = profile["esimTranNo"].clone();
    let usage = ask(&world, "usage/query", "sim-secret", &j!({"esimTranNoList": [number, "1"]})).await.json();
    let list = usage["obj"]["esimUsageList"].as_array().unwrap();
    assert_eq!(list.len(), 1, "unknown numbers are left out");
    assert_eq!((&list[0]["esimTranNo"], &list[0]["dataUsage"]), (&number, &1_453_344_832_u64.into()));
    assert_eq!(list[0]["lastUpdateTime"], "2026-05-08T10:11:12+0000");
    world.simulator.set_usage("esim_access", SIM, 0);
    let unused = ask(&world, "query", "sim-secret", &by_iccid(SIM)).await.json();
    let unused = &unused["obj"]["esimList"][0];
    assert_eq!((&unused["activateTime"], &unused["eid"]), (&Value::Null, &"".into()));
}

#[tokio::test]
async fn errors_are_codes_in_http_200() {
    let world = World::fixed().await;
    let many: Vec<String> = (0..11).map(|number| number.to_string()).collect();
    for (call, code, body, expected) in [
        ("query", "x", by_iccid(SIM), "101003"),
        ("query", "sim-secret", by_iccid(UNKNOWN), "310403"),
        ("query", "sim-secret", j!({"iccid": SIM, "pager": {"pageNum": 1, "pageSize": 4}}), "000107"),
        ("query", "sim-secret", j!({"iccid": SIM}), "000105"),
        ("usage/query", "sim-secret", j!({"esimTranNoList": many}), "000107"),
        ("usage/query", "sim-secret", j!({}), "000105"),
    ] {
        let answer = ask(&world, call, code, &body).await;
        assert_eq!((answer.status, answer.text_at("/errorCode").as_str()), (200, expected));
    }
    let none = send(json(world.post("esim_access/api/v1/open/esim/query"), &by_iccid(SIM))).await;
    assert_eq!(none.text_at("/errorCode"), "000101");
    assert_eq!(world.simulator.stats("esim_access").violations, 1, "11 SIMs in a call");
    for _ in 0..2 {
        ask(&world, "query", "sim-secret", &by_iccid(SIM)).await;
    }
    assert_eq!(world.simulator.stats("esim_access").violations, 2, "the ninth call in a second");
}

#[tokio::test]
async fn a_signed_call_is_held_to_its_sign() {
    let world = World::fixed().await;
    let body = by_iccid(SIM).to_string();
    let signed = async |time: i64, secret: &str| {
        let text = format!("{time}5f0c{}{body}", "sim-user");
        let request = world
            .post("esim_access/api/v1/open/esim/query")
            .header("RT-AccessCode", "sim-user")
            .header("RT-RequestID", "5f0c")
            .header("RT-Timestamp", time.to_string())
            .header("RT-Signature", hmac_sha256_hex(secret, &text));
        send(json(request, &by_iccid(SIM))).await.text_at("/errorCode")
    };
    assert_eq!(signed(NOW, "sim-secret").await, "0");
    assert_eq!(signed(NOW, "x").await, "101003");
    assert_eq!(signed(NOW - 301_000, "sim-secret").await, "101001");
}

#[tokio::test]
async fn a_listing_has_every_sim_that_was_set() {
    let world = World::fixed().await;
    for number in 0..12 {
        world.simulator.set_usage("esim_access", &format!("894310000000000{number:04}"), number);
    }
    let page = async |number: u64| {
        let body = j!({"pager": {"pageNum": number, "pageSize": 5}});
        let answer = ask(&world, "query", "sim-secret", &body).await.json();
        assert_eq!(answer["obj"]["pager"]["total"], 12);
        let list = answer["obj"]["esimList"].as_array().unwrap().clone();
        list.iter().map(|one| one["orderUsage"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(page(1).await, [0, 1, 2, 3, 4]);
    assert_eq!(page(3).await, [10, 11]);
    world.pass(Duration::from_secs(1));
    assert!(page(4).await.is_empty());
    let stats = world.simulator.stats("esim_access");
    assert_eq!((stats.data_requests, stats.readings, stats.asked.len()), (3, 7, 0));
}
