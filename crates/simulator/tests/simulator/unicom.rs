use crate::support::{Answer, SIM, UNKNOWN, World, json, send};
use serde_json::json as j;
use sm3::{Digest, Sm3};

async fn ask(world: &World, secret: &str, time: &str, number: u32, iccids: &[&str]) -> Answer {
    let digits: String = time.chars().filter(char::is_ascii_digit).collect();
    let id = format!("{digits}{number:06}");
    let text = format!("app_idsim-usertimestamp{time}trans_id{id}{secret}");
    let data = j!({"messageId": "1", "openId": "10000ouAbCdEfGh", "version": "1.0", "iccids": iccids});
    let body = j!({
        "app_id": "sim-user",
        "timestamp": time,
        "trans_id": id,
        "token": hex::encode(Sm3::digest(text)),
        "data": data,
    });
    send(json(world.post("unicom_cmp/api/wsGetTerminalDetails/V1/1Main/vV1.1"), &body)).await
}

/// Beijing is eight hours ahead.
const TIME: &str = "2026-05-08 18:11:12 000";

#[tokio::test]
async fn many_terminals_come_at_once_in_megabytes() {
    let world = World::with_usage("unicom_cmp", 13_107_200).await;
    let other = "89860000000000000002";
    world.simulator.set_usage("unicom_cmp", other, 0);
    let answer = ask(&world, "sim-secret", TIME, 1, &[SIM, UNKNOWN, other]).await.json();
    assert_eq!((&answer["status"], &answer["data"]["resultCode"]), (&"0000".into(), &"0000".into()));
    assert_eq!(answer["data"]["timestamp"], "2026-05-08 18:11:12");
    let terminals = answer["data"]["terminals"].as_array().unwrap();
    let usage: Vec<_> = terminals.iter().map(|one| (&one["iccid"], &one["monthToDateDataUsage"])).collect();
    assert_eq!(usage, [(&SIM.into(), &"12.5".into()), (&other.into(), &"0".into())]);
    assert_eq!(terminals[1]["dateActivated"], "");
}

#[tokio::test]
async fn the_gateway_refuses_without_data_and_the_platform_within() {
    let world = World::fixed().await;
    for (secret, time, number) in [
        ("x", TIME, 1),
        ("sim-secret", "2026-05-08 10:11:12 000", 2),
        ("sim-secret", "2026-05-08 18:11:12", 3),
    ] {
        let refused = ask(&world, secret, time, number, &[SIM]).await;
        assert_eq!(refused.status, 200);
        assert_ne!(refused.json()["status"], "0000", "{time}");
        assert_eq!(refused.json().get("data"), None);
    }
    let many = ask(&world, "sim-secret", TIME, 4, &[SIM; 51]).await.json();
    assert_eq!(many["status"], "0000");
    assert_ne!(many["data"]["resultCode"], "0000");
    assert_eq!(many["data"].get("terminals"), None);
    assert_eq!(world.simulator.stats("unicom_cmp").violations, 1, "51 SIMs in a call");
    assert_eq!(ask(&world, "sim-secret", TIME, 5, &[SIM]).await.json()["status"], "0000");
    assert_ne!(ask(&world, "sim-secret", TIME, 5, &[SIM]).await.json()["status"], "0000");
    assert_eq!(world.simulator.stats("unicom_cmp").violations, 2, "a trans_id was used twice");
}
