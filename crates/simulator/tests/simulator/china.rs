//! SIMBOSS and OneLink: HTTP 200 with the error inside.

use crate::support::{Answer, NOW, SIM, UNKNOWN, World, form, send};
use sha2::{Digest, Sha256};
use simgauge_simulator::{Fault, FaultSpan};

async fn simboss(world: &World, secret: &str, iccid: &str, timestamp: &str) -> Answer {
    let text = format!("appid=sim-user&iccid={iccid}&timestamp={timestamp}{secret}");
    let sign = hex::encode(Sha256::digest(text));
    let pairs = [("iccid", iccid), ("appid", "sim-user"), ("timestamp", timestamp), ("sign", &sign)];
    send(form(world.post("simboss/device/detail"), &pairs)).await
}

#[tokio::test]
async fn simboss_takes_a_signed_form() {
    let world = World::fixed().await;
    let now = NOW.to_string();
    world.simulator.set_usage("simboss", SIM, 12 * 1_048_576 + 524_288);
    let answer = simboss(&world, "sim-secret", SIM, &now).await.json();
    assert_eq!(answer["code"], "0");
    let data = &answer["data"];
    assert_eq!((&data["iccid"], &data["usedDataVolume"]), (&SIM.into(), &12.5.into()));
    assert_eq!(data["totalDataVolume"].to_string(), "100.0");
    assert_eq!(data["ratePlanEffetiveDate"], "2026-05-01 00:00:00");
    assert_eq!(data["ratePlanExpirationDate"], "2026-05-31 23:59:59");
    assert_eq!(data["lastSyncDate"], "2026-05-08 18:11:12");

    for (answer, code) in [
        (simboss(&world, "x", SIM, &now).await, "445"),
        (simboss(&world, "sim-secret", UNKNOWN, &now).await, "2001"),
        (simboss(&world, "sim-secret", SIM, "1.778235072E12").await, "446"),
    ] {
        assert_eq!((answer.status, answer.json()["code"].as_str()), (200, Some(code)));
    }
    world.simulator.set_usage("simboss", SIM, 0);
    let never_activated = simboss(&world, "sim-secret", SIM, &now).await.json();
    assert_eq!(never_activated["data"]["status"], "inventory");
    assert!(never_activated["data"].get("usedDataVolume").is_none(), "{never_activated}");
}

fn transaction(number: u32) -> String {
    format!("sim-user20260508181112{number:08}")
}

async fn onelink(world: &World, call: &str, number: u32, rest: &str) -> Answer {
    send(world.get(&format!("onelink_v5/{call}?transid={}&{rest}", transaction(number)))).await
}

async fn token(world: &World, number: u32) -> String {
    let answer = onelink(world, "get/token", number, "appid=sim-user&password=sim-secret").await.json();
    answer["result"][0]["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn onelink_counts_kilobytes_in_a_string() {
    let world = World::fixed().await;
    let token = token(&world, 1).await;
    let letters = "898600D6991330004146";
    world.simulator.set_usage("onelink_v5", letters, 20_480 * 1_024 + 512);
    let asked = format!("token={token}&iccid={letters}");
    let usage = onelink(&world, "query/sim-data-usage", 2, &asked).await;
    assert_eq!(usage.text, r#"{"status":"0","message":"正确","result":[{"dataAmount":"20480.5"}]}"#);
    world.simulator.set_usage("onelink_v5", letters, 0);
    let blank = onelink(&world, "query/sim-data-usage", 3, &asked).await;
    assert_eq!(blank.json()["result"][0]["dataAmount"], " ");
    let margin = onelink(&world, "query/sim-data-margin", 4, &asked).await.json();
    assert_eq!(margin["result"][0]["accmMarginList"][0]["totalAmount"], "102400.0");
    let status = onelink(&world, "query/sim-status", 5, &asked).await.json();
    assert!(status["result"][0]["cardStatus"].is_string());
    assert_eq!(world.simulator.stats("onelink_v5").data_requests, 2);
}

#[tokio::test]
async fn onelink_says_token_gone_in_the_body() {
    let world = World::fixed().await;
    let status = |answer: Answer| (answer.status, answer.json()["status"].as_str().unwrap().to_owned());
    let wrong = onelink(&world, "get/token", 1, "appid=sim-user&password=x").await;
    assert_eq!(status(wrong), (200, "12022".into()));
    let good = token(&world, 2).await;
    let usage = "query/sim-data-usage";
    let gone = onelink(&world, usage, 3, &format!("token=x&iccid={SIM}")).await;
    assert_eq!(status(gone), (200, "12021".into()));
    let unknown = onelink(&world, usage, 4, &format!("token={good}&iccid={UNKNOWN}")).await;
    assert_eq!(status(unknown), (200, "12010".into()));
    let both = onelink(&world, usage, 5, &format!("token={good}&iccid={SIM}&msisdn=1")).await;
    assert_eq!(status(both), (200, "11000".into()));
    let again = onelink(&world, usage, 5, &format!("token={good}&iccid={SIM}")).await;
    assert_eq!(status(again), (200, "11000".into()));
    assert_eq!(world.simulator.stats("onelink_v5").violation_notes[0].note, "a transid was used twice");

    world.simulator.set_fault("onelink_v5", None, Fault::AuthExpired, FaultSpan::Count(1));
    let asked = format!("token={good}&iccid={SIM}");
    for number in [6, 7] {
        assert_eq!(status(onelink(&world, usage, number, &asked).await), (200, "12021".into()));
    }
}
