use crate::support::{Answer, SIM, UNKNOWN, World, send};

async fn ask(world: &World, path: &str) -> Answer {
    send(world.get(&format!("hologram/api/1/{path}")).basic_auth("apikey", Some("sim-secret"))).await
}

/// The link of a SIM within a device.
fn link(device: &serde_json::Value, iccid: &str) -> serde_json::Value {
    let links = device["links"]["cellular"].as_array().unwrap();
    links.iter().find(|link| link["sim"] == iccid).unwrap().clone()
}

#[tokio::test]
async fn a_link_leads_to_its_device_and_that_has_the_usage() {
    let world = World::with_usage("hologram", 1_234_567).await;
    let links = ask(&world, &format!("links/cellular?sim={SIM}")).await.json();
    assert_eq!((&links["success"], &links["size"]), (&true.into(), &1.into()));
    assert_eq!(links["data"][0].get("cur_billing_data_used"), None);
    let device = ask(&world, &format!("devices/{}", links["data"][0]["deviceid"])).await.json();
    let link = link(&device["data"], SIM);
    assert_eq!(link["cur_billing_data_used"], 1_234_567);
    // 127 days after the first of January the fifth cycle of thirty days is running.
    assert_eq!(
        (&link["whenclaimed"], &link["whenexpires"]),
        (&"2026-01-01 00:00:00".into(), &"2026-05-31 00:00:00".into())
    );
    let unknown = ask(&world, &format!("links/cellular?sim={UNKNOWN}")).await.json();
    assert_eq!((&unknown["success"], &unknown["size"]), (&true.into(), &0.into()));
}

#[tokio::test]
async fn a_device_is_found_by_its_sim() {
    let world = World::with_usage("hologram", 1_234_567).await;
    let found = ask(&world, &format!("devices?sim={SIM}")).await.json();
    assert_eq!((&found["success"], &found["size"]), (&true.into(), &1.into()));
    assert_eq!(link(&found["data"][0], SIM)["cur_billing_data_used"], 1_234_567);
    let unknown = ask(&world, &format!("devices?sim={UNKNOWN}")).await.json();
    assert_eq!((&unknown["success"], &unknown["data"]), (&true.into(), &serde_json::json!([])));
}

#[tokio::test]
async fn devices_are_listed_behind_the_last_one() {
    let world = World::fixed().await;
    for number in 0..205_u64 {
        world.simulator.set_usage("hologram", &format!("894450000000000{number:04}"), number);
    }
    let (mut found, mut path) = (Vec::new(), "devices?limit=100".to_owned());
    for size in [100, 100, 5] {
        let page = ask(&world, &path).await.json();
        assert_eq!((&page["size"], page.get("continues").is_some()), (&size.into(), size == 100));
        let devices = page["data"].as_array().unwrap().clone();
        path = format!("devices?limit=100&startafter={}", devices.last().unwrap()["id"]);
        found.extend(devices);
    }
    for (number, device) in found.iter().enumerate() {
        let link = link(device, &format!("894450000000000{number:04}"));
        assert_eq!(link["cur_billing_data_used"], number);
    }
    assert_eq!(ask(&world, "devices?limit=100&orgid=").await.json()["size"], 0);
}

#[tokio::test]
async fn errors_are_texts() {
    let world = World::fixed().await;
    let path = format!("hologram/devices?sim={SIM}");
    let wrong = send(world.get(&path).basic_auth("sim-user", Some("sim-secret"))).await;
    assert_eq!((wrong.status, &wrong.json()["success"]), (401, &false.into()));
    assert_eq!(send(world.get(&path)).await.status, 401);
    assert_eq!(send(world.get(&format!("{path}&apikey=sim-secret"))).await.status, 200);
    let missing = ask(&world, "nothing").await;
    assert_eq!(missing.text, r#"{"error":"API method does not exist","success":false}"#);
}
