use crate::support::{Answer, SIM, UNKNOWN, World, json, send};
use serde_json::{Value, json as j};

async fn log_in(world: &World, secret: &str) -> Answer {
    let body = j!({"accountId": "sim-user", "secret": secret});
    send(json(world.post("tuge/openapi/oauth/token"), &body)).await
}

async fn ask(world: &World, token: &str, call: &str, body: &Value) -> Answer {
    let request = world.post(&format!("tuge/openapi/eSIMApi/v2/order/{call}")).bearer_auth(token);
    send(json(request, body)).await
}

#[tokio::test]
async fn an_iccid_leads_to_orders_and_an_order_to_usage() {
    let world = World::with_usage("tuge", 13_107_200).await;
    let token = log_in(&world, "sim-secret").await.text_at("/data/accessToken");
    let orders = ask(&world, &token, "orders", &j!({"iccid": SIM, "lang": "en"})).await.json();
    let orders = orders["data"]["list"].as_array().unwrap().clone();
    let order = orders.iter().find(|order| order["orderStatus"] == "INUSE").unwrap();
    assert_eq!((orders.len(), &order["cardInfo"]["iccid"]), (2, &SIM.into()));
    assert_eq!(order["activatedStartTime"], "2026-01-01T00:00:00Z");
    let usage = ask(&world, &token, "usage", &j!({"orderNo": order["orderNo"]})).await.json();
    assert_eq!((&usage["code"], &usage["data"]["dataUsage"]), (&"0000".into(), &"12.50".into()));
    let none = ask(&world, &token, "orders", &j!({"iccid": UNKNOWN})).await.text;
    assert_eq!(none, r#"{"code":"0000","msg":"success","data":{"list":[]}}"#);
    let stats = world.simulator.stats("tuge");
    assert_eq!((stats.data_requests, stats.count_for(SIM)), (1, 1));
}

#[tokio::test]
async fn errors_are_codes_in_http_200() {
    let world = World::fixed().await;
    assert_ne!(log_in(&world, "x").await.json()["code"], "0000");
    let token = log_in(&world, "sim-secret").await.text_at("/data/accessToken");
    for (token, order, code) in [("x", "SE1", "2004"), (token.as_str(), "SE1", "5032")] {
        let refused = ask(&world, token, "usage", &j!({ "orderNo": order })).await;
        assert_eq!((refused.status, refused.text_at("/subCode").as_str()), (200, code));
    }
}
