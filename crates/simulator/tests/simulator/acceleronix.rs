use crate::support::{Answer, NOW, SIM, UNKNOWN, World, hmac_sha256_hex, json, send};
use serde_json::{Value, json as j};

async fn ask_with(world: &World, call: &str, body: &Value, secret: &str, time: &str) -> Answer {
    let sign = hmac_sha256_hex(secret, &format!("sim-user{time}{body}"));
    let request = world
        .post(&format!("acceleronix/gateway/openapi/sim/{call}"))
        .header("APP-Key", "sim-user")
        .header("Timestamp", time)
        .header("Signature", sign);
    send(json(request, body)).await
}

async fn ask(world: &World, call: &str, body: &Value) -> Answer {
    ask_with(world, call, body, "sim-secret", &(NOW / 1_000).to_string()).await
}

#[tokio::test]
async fn a_month_is_in_megabytes_and_the_details_in_bytes() {
    let world = World::fixed().await;
    // 12.5 MB of 1,048,576 bytes.
    world.simulator.set_usage("acceleronix", SIM, 13_107_200);
    let answer = ask(&world, "queryMonthData", &j!({"iccid": SIM, "month": "202605"})).await.json();
    let data = answer.get("data").unwrap_or(&answer);
    assert_eq!((&data["iccid"], &data["totalDataUsage"]), (&SIM.into(), &"12.500".into()));
    assert_eq!((&data["totalDataAllowance"], &data["remainingData"]), (&"100.000".into(), &"87.500".into()));
    let detail = ask(&world, "detail", &j!({"iccid": SIM})).await.json();
    assert_eq!((&detail["code"], &detail["msg"]), (&200.into(), &"OK".into()));
    assert_eq!(detail["data"]["usedDataOfCurrentPeriod"], 13_107_200);
    let next = ask(&world, "queryMonthData", &j!({"iccid": SIM, "month": "202606"})).await.json();
    assert_eq!(next.get("data").unwrap_or(&next)["totalDataUsage"], "0.000");
    let list = ask(&world, "page", &j!({"pageNum": 1, "pageSize": 1000})).await.json();
    assert_eq!((&list["data"]["total"], &list["data"]["list"][0]["simState"]), (&1.into(), &6.into()));
}

#[tokio::test]
async fn errors_are_codes_in_http_200() {
    let world = World::fixed().await;
    let (asked, seconds) = (j!({"iccid": SIM}), (NOW / 1_000).to_string());
    for (answer, code) in [
        (ask_with(&world, "detail", &asked, "x", &seconds).await, 401),
        (ask_with(&world, "detail", &asked, "sim-secret", &NOW.to_string()).await, 401),
        (ask(&world, "detail", &j!({"iccid": UNKNOWN})).await, 404),
        (ask(&world, "queryMonthData", &j!({"iccid": SIM, "month": "2026-05"})).await, 400),
        (ask(&world, "page", &j!({"pageNum": 1, "pageSize": 1001})).await, 400),
    ] {
        assert_eq!((answer.status, &answer.json()["code"]), (200, &code.into()), "{}", answer.text);
    }
}
