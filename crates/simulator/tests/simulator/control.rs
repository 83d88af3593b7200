use crate::support::{Answer, SIM, World, json, send};
use serde_json::{Value, json as j};
use std::time::Duration;

const CISCO: &str = "cisco_control_center";

async fn ask(world: &World) -> Answer {
    let path = format!("{CISCO}/rws/api/v1/devices/{SIM}/ctdUsages");
    send(world.get(&path).basic_auth("sim-user", Some("sim-secret"))).await
}

async fn post(world: &World, path: &str, body: Value) -> Answer {
    send(json(world.post(path), &body)).await
}

#[tokio::test]
async fn faults_and_usage_are_set_over_http() {
    let world = World::fixed().await;
    let set = post(&world, "_sim/usage", j!({"operator": CISCO, "iccid": SIM, "setBytes": 10})).await;
    assert_eq!((set.status, &set.json()["usedBytes"]), (200, &10.into()));
    post(&world, "_sim/usage", j!({"operator": CISCO, "iccid": SIM, "addBytes": 5})).await;
    assert_eq!(ask(&world).await.json()["ctdDataUsage"], 15);

    post(&world, "_sim/faults", j!({"operator": CISCO, "fault": "status", "status": 503, "seconds": 20}))
        .await;
    assert_eq!(ask(&world).await.status, 503);
    world.pass(Duration::from_secs(20));
    assert_eq!(ask(&world).await.status, 200);
    post(&world, "_sim/faults", j!({"operator": CISCO, "iccid": SIM, "fault": "nonsense"})).await;
    assert!(ask(&world).await.text.contains("<html>"));
    let cleared = send(world.http.delete(format!("{}/_sim/faults", world.simulator.url()))).await;
    assert_eq!(cleared.status, 200);
    world.pass(Duration::from_secs(1));
    assert_eq!(ask(&world).await.status, 200);

    let one = send(world.get(&format!("_sim/stats?operator={CISCO}"))).await.json();
    assert_eq!((&one["requests"], &one["readings"], &one["violations"]), (&5.into(), &3.into(), &0.into()));
    let all = send(world.get("_sim/stats")).await.json();
    assert_eq!(all["operators"][0], one);
}

#[tokio::test]
async fn it_says_what_it_is() {
    let world = World::fixed().await;
    for path in ["", "_sim", "_sim/"] {
        let about = send(world.get(path)).await.json();
        assert_eq!(about["operators"].as_array().unwrap().len(), 28);
    }
}

#[tokio::test]
async fn bad_orders_are_told_why() {
    let world = World::fixed().await;
    let fault = "_sim/faults";
    for (path, body, named) in [
        (fault, j!({"operator": "nobody", "fault": "hang"}), "\"nobody\""),
        (fault, j!({"operator": CISCO, "fault": "sulk"}), "\"sulk\""),
        (fault, j!({"operator": CISCO, "fault": "delay"}), "millis"),
        (fault, j!({"operator": CISCO, "fault": "status", "status": 99}), "status"),
        (fault, j!({"operator": CISCO, "fault": "hang", "count": 1, "seconds": 1}), "seconds"),
        (fault, j!({"operator": CISCO, "fault": "hang", "iccid": SIM, "login": true}), "login"),
        (fault, j!({"operator": CISCO, "fault": "hang", "colour": 1}), "colour"),
        (fault, j!([]), "JSON"),
        ("_sim/usage", j!({"operator": CISCO, "iccid": SIM}), "setBytes"),
        ("_sim/usage", j!({"operator": CISCO, "iccid": SIM, "addBytes": -1}), "-1"),
    ] {
        let answer = post(&world, path, body).await;
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(answer.status == 400 && error.contains(named), "{} {error}", answer.status);
    }
    assert_eq!(send(world.get("_sim/nothing")).await.status, 404);
    assert_eq!(send(world.get("_sim/faults")).await.status, 405);
    assert_eq!(send(world.get("nobody/v1/sims")).await.status, 404);
}
