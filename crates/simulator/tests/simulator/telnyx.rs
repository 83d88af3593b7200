use crate::support::{Answer, SIM, UNKNOWN, World};
use simgauge_simulator::{Fault, FaultSpan};

async fn ask(world: &World, key: &str, iccid: &str) -> Answer {
    world.get_with_bearer(key, &format!("telnyx/sim_cards?filter%5Biccid%5D={iccid}")).await
}

#[tokio::test]
async fn the_filter_finds_neighbours_too() {
    let world = World::with_usage("telnyx", 150_500_000).await;
    let answer = ask(&world, "sim-secret", SIM).await.json();
    let found = answer["data"].as_array().unwrap();
    assert_eq!((found.len(), &answer["meta"]["total_results"]), (2, &2.into()));
    assert_eq!(found[0]["iccid"], format!("{SIM}5"));
    assert_eq!(found[1]["iccid"], SIM);
    let consumed = &found[1]["current_billing_period_consumed_data"];
    assert_eq!(consumed.to_string(), r#"{"amount":"150.5","unit":"MB"}"#);
    assert_eq!(found[1]["status"]["value"], "enabled");
    assert!(["MB", "GB"].contains(&found[1]["data_limit"]["unit"].as_str().unwrap()));
    let unknown = ask(&world, "sim-secret", UNKNOWN).await.json();
    assert_eq!(unknown["data"].as_array().unwrap().len(), 1);
    assert_ne!(unknown["data"][0]["iccid"], UNKNOWN);
}

#[tokio::test]
async fn errors_have_telnyxs_shape() {
    let world = World::fixed().await;
    let wrong = ask(&world, "x", SIM).await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.json()["errors"][0]["detail"].is_string());
    world.simulator.set_fault(
        "telnyx",
        None,
        Fault::RateLimited { retry_after: Some(3) },
        FaultSpan::Count(1),
    );
    let limited = ask(&world, "sim-secret", SIM).await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("3")));
    world.simulator.set_fault("telnyx", Some(SIM), Fault::MissingUsed, FaultSpan::Count(1));
    let renamed = ask(&world, "sim-secret", SIM).await.json();
    assert_eq!(renamed["data"][1].get("current_billing_period_consumed_data"), None);
    world.simulator.set_fault("telnyx", Some(SIM), Fault::WrongCard, FaultSpan::Count(1));
    let wrong = ask(&world, "sim-secret", SIM).await.json();
    assert!(wrong["data"].as_array().unwrap().iter().all(|sim| sim["iccid"] != SIM));
}
