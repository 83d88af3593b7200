use crate::support::{Answer, SIM, UNKNOWN, World, json, send};
use serde_json::json as j;

async fn log_in(world: &World, password: &str) -> Answer {
    let request = world.post("bics/api/login").header("X-Requested-With", "XMLHttpRequest");
    send(json(request, &j!({"username": "sim-user", "password": password}))).await
}

async fn ask(world: &World, token: &str, path: &str) -> Answer {
    send(world.get(&format!("bics/api/{path}")).header("X-Authorization", format!("Bearer {token}"))).await
}

#[tokio::test]
async fn an_end_point_has_its_days_and_their_sum() {
    let world = World::with_usage("bics", 13_107_200).await;
    let token = log_in(&world, "sim-secret").await.text_at("/AccessToken");
    let row = ask(&world, &token, &format!("fetchSIM?iccid={SIM}")).await;
    let end_point = row.text_at("/Response/responseParam/rows/0/endPointId");
    let usage = async |first: &str, last: &str| {
        let path = format!("GetStatistics?endPointId={end_point}&from_date={first}&to_date={last}");
        ask(&world, &token, &path).await.json()
    };
    let month = usage("20260501", "20260508").await;
    let found = &month["Response"]["responseParam"];
    assert_eq!(
        (&month["Response"]["resultCode"], &found["dataTotalUsage"]["totalVolume"]),
        (&"0".into(), &"12.500".into())
    );
    assert_eq!(
        (&found["dataUsage"][7]["date"], &found["dataUsage"][7]["totalVolume"]),
        (&"08/05/2026".into(), &"1.562".into())
    );
    let before = usage("20260401", "20260430").await;
    assert_eq!(before["Response"]["resultParam"]["resultCode"], "1340");
    let unknown = ask(&world, &token, &format!("fetchSIM?iccid={UNKNOWN}")).await.json();
    assert_eq!(unknown["Response"]["responseParam"]["rows"], j!([]));
}

#[tokio::test]
async fn errors_are_inner_codes() {
    let world = World::fixed().await;
    assert_eq!(log_in(&world, "x").await.json()["Response"]["resultCode"], "1");
    let bearer = world.get_with_bearer("x", &format!("bics/api/fetchSIM?iccid={SIM}")).await;
    assert_eq!((bearer.status, bearer.text_at("/Response/resultParam/resultCode").as_str()), (200, "401"));
    let token = log_in(&world, "sim-secret").await.text_at("/AccessToken");
    let path = "GetStatistics?endPointId=ep-1&from_date=20260501&to_date=20260508";
    let unknown = ask(&world, &token, path).await;
    assert_eq!(unknown.text_at("/Response/resultParam/resultCode"), "6413");
}
