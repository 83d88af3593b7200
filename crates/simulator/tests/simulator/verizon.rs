use crate::support::{Answer, SIM, UNKNOWN, World, form, json, send};
use serde_json::{Value, json as j};
use std::time::Duration;

async fn access(world: &World, secret: &str) -> Answer {
    let request = world.post("verizon_thingspace/api/ts/v1/oauth2/token");
    let request = request.basic_auth("sim-user", Some(secret));
    send(form(request, &[("grant_type", "client_credentials")])).await
}

async fn session(world: &World, access: &str, password: &str) -> Answer {
    let request = world.post("verizon_thingspace/api/m2m/v1/session/login").bearer_auth(access);
    send(json(request, &j!({"username": "sim-user", "password": password}))).await
}

struct Tokens {
    access: String,
    session: String,
}

async fn tokens(world: &World) -> Tokens {
    let access = access(world, "sim-secret").await.text_at("/access_token");
    let session = session(world, &access, "sim-secret").await.text_at("/sessionToken");
    Tokens { access, session }
}

async fn ask(world: &World, tokens: &Tokens, call: &str, body: &Value) -> Answer {
    let request = world
        .post(&format!("verizon_thingspace/api/m2m/v1/devices/{call}actions/list"))
        .bearer_auth(&tokens.access)
        .header("VZ-M2M-Token", &tokens.session);
    send(json(request, body)).await
}

fn of(iccid: &str, earliest: &str, latest: &str) -> Value {
    let day = |day: &str| format!("{day}T00:00:00Z");
    j!({"deviceId": {"id": iccid, "kind": "iccid"}, "earliest": day(earliest), "latest": day(latest)})
}

fn sum(answer: &Answer) -> (usize, u64) {
    let records = answer.json()["usageHistory"].as_array().unwrap().clone();
    (records.len(), records.iter().map(|record| record["bytesUsed"].as_u64().unwrap()).sum())
}

#[tokio::test]
async fn the_days_of_this_month_add_up() {
    let world = World::with_usage("verizon_thingspace", 4_096_003).await;
    let tokens = tokens(&world).await;
    let month = ask(&world, &tokens, "usage/", &of(SIM, "2026-05-01", "2026-05-31")).await;
    assert_eq!((month.status, sum(&month)), (200, (8, 4_096_003)));
    let first = &month.json()["usageHistory"][0];
    assert_eq!(
        (&first["timestamp"], &first["source"]),
        (&"2026-05-01T00:00:00Z".into(), &"Raw Usage".into())
    );
    let later = ask(&world, &tokens, "usage/", &of(SIM, "2026-05-02", "2026-05-31")).await;
    assert_eq!(sum(&later), (7, 7 * 512_000));
    let longer = ask(&world, &tokens, "usage/", &of(SIM, "2026-04-30", "2026-05-31")).await;
    assert!(sum(&longer).1 > 4_096_003);
    let device = ask(&world, &tokens, "", &j!({"deviceId": {"id": SIM, "kind": "iccid"}})).await;
    assert_eq!(device.json()["devices"][0]["billingCycleEndDate"], "2026-06-01T00:00:00Z");
}

#[tokio::test]
async fn more_devices_come_with_status_202() {
    let world = World::fixed().await;
    for number in 0..5 {
        world.simulator.set_usage("verizon_thingspace", &format!("891480000000000000{number:02}"), 1);
    }
    let tokens = tokens(&world).await;
    let (mut found, mut body) = (Vec::new(), j!({"maxNumberOfDevices": 2}));
    for status in [202, 202, 200] {
        let page = ask(&world, &tokens, "", &body).await;
        assert_eq!((page.status, &page.json()["hasMoreData"]), (status, &(status == 202).into()));
        let devices = page.json()["devices"].as_array().unwrap().clone();
        body["largestDeviceIdSeen"] = devices.last().unwrap()["deviceIds"][0]["id"].clone();
        found.extend(devices.iter().map(|device| device["deviceIds"][1]["id"].as_str().unwrap().to_owned()));
    }
    let numbers: Vec<String> = (0..5).map(|number| format!("891480000000000000{number:02}")).collect();
    assert_eq!(found, numbers);
}

#[tokio::test]
async fn errors_are_codes_in_http_400() {
    let world = World::fixed().await;
    assert_eq!(access(&world, "x").await.json()["error"], "invalid_client");
    let good = tokens(&world).await;
    assert_eq!(access(&world, "sim-secret").await.text_at("/access_token"), good.access, "within the hour");
    let asked = |iccid| of(iccid, "2026-05-01", "2026-05-31");
    let with = |session: &str| Tokens { access: good.access.clone(), session: session.to_owned() };
    let (unknown_guid, other_kind) = (
        with("bcce3ea6-fe4f-4952-bacf-eadd80718e83"),
        j!({"deviceId": {"id": SIM, "kind": "card"}, "earliest": "x", "latest": "x"}),
    );
    for (tokens, body, code) in [
        (&good, asked(UNKNOWN), "REQUEST_FAILED.DeviceNotFound"),
        (&good, other_kind, "INPUT_INVALID.Device.Kind.Invalid"),
        (&good, of(SIM, "2026-06-01", "2026-05-31"), "INPUT_INVALID.RequestUndefined"),
        (&with("x"), asked(SIM), "INPUT_INVALID.SessionToken.Invalid"),
        (&unknown_guid, asked(SIM), "REQUEST_FAILED.SessionToken.Expired"),
    ] {
        let answer = ask(&world, tokens, "usage/", &body).await;
        let expected = format!("UnifiedWebService.{code}");
        assert_eq!((answer.status, answer.text_at("/errorCode")), (400, expected));
    }
    let stranger = Tokens { access: "x".into(), session: good.session.clone() };
    assert_eq!(ask(&world, &stranger, "usage/", &asked(SIM)).await.status, 401);
}

#[tokio::test]
async fn a_session_lives_on_as_long_as_it_is_used() {
    let world = World::fixed().await;
    let tokens = tokens(&world).await;
    let asked = of(SIM, "2026-05-01", "2026-05-31");
    for _ in 0..2 {
        world.pass(Duration::from_secs(19 * 60));
        assert_eq!(ask(&world, &tokens, "usage/", &asked).await.status, 200);
    }
    world.pass(Duration::from_secs(20 * 60));
    let renewed = Tokens { access: access(&world, "sim-secret").await.text_at("/access_token"), ..tokens };
    let idle = ask(&world, &renewed, "usage/", &asked).await;
    assert_eq!(idle.text_at("/errorCode"), "UnifiedWebService.REQUEST_FAILED.SessionToken.Expired");
}

#[tokio::test]
async fn five_bad_log_ins_lock_the_user() {
    let world = World::fixed().await;
    let access = access(&world, "sim-secret").await.text_at("/access_token");
    for _ in 0..4 {
        session(&world, &access, "x").await;
    }
    assert_eq!(session(&world, &access, "sim-secret").await.status, 200, "a good one begins anew");
    for _ in 0..5 {
        let refused = session(&world, &access, "x").await;
        assert_eq!(refused.text_at("/errorCode"), "UnifiedWebService.INPUT_INVALID.Password.Invalid");
    }
    world.pass(Duration::from_secs(300));
    assert_eq!(session(&world, &access, "sim-secret").await.status, 400);
    assert_eq!(world.simulator.stats("verizon_thingspace").violations, 1);
}
