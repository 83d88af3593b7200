use crate::support::{Answer, SIM, UNKNOWN, World, form, send};

async fn log_in(world: &World, secret: &str) -> Answer {
    let pairs = [("grant_type", "client_credentials"), ("client_id", "sim-user"), ("client_secret", secret)];
    send(form(world.post("kore_super_sim/api-services/v1/auth/token"), &pairs)).await
}

async fn get(world: &World, token: &str, path: &str) -> Answer {
    send(world.get(&format!("kore_super_sim/v1/{path}")).bearer_auth(token)).await
}

#[tokio::test]
async fn sim_billing_period_usage() {
    let world = World::fixed().await;
    world.simulator.set_usage("kore_super_sim", SIM, 3_000);
    let token = log_in(&world, "sim-secret").await.json()["access_token"].as_str().unwrap().to_owned();
    let sims = get(&world, &token, &format!("Sims?Iccid={SIM}")).await.json();
    assert_eq!((&sims["sims"][0]["iccid"], &sims["sims"][0]["status"]), (&SIM.into(), &"active".into()));
    let sid = sims["sims"][0]["sid"].as_str().unwrap();
    assert_eq!((sid.len(), &sid[..2]), (34, "HS"));
    let periods = get(&world, &token, &format!("Sims/{sid}/BillingPeriods")).await.json();
    let start = periods["billing_periods"][0]["start_time"].as_str().unwrap();
    assert_eq!(start, "2026-05-01T00:00:00Z");
    let records = async |window: String| {
        get(&world, &token, &format!("UsageRecords?Sim={sid}&Granularity=all{window}")).await
    };
    let usage = records(format!("&StartTime={start}")).await.json();
    assert_eq!(usage["usage_records"][0]["data_total"], 3_000);
    assert_eq!(usage["meta"]["key"], "usage_records");
    // Without a start the window reaches back into the last period.
    assert!(records(String::new()).await.json()["usage_records"][0]["data_total"].as_u64().unwrap() > 3_000);
    world.simulator.set_usage("kore_super_sim", SIM, 0);
    assert_eq!(
        records(format!("&StartTime={start}")).await.json()["usage_records"].as_array().unwrap().len(),
        0
    );
    assert_eq!(world.simulator.stats("kore_super_sim").count_for(SIM), 3);

    let unknown = get(&world, &token, &format!("Sims?Iccid={UNKNOWN}")).await.json();
    assert_eq!(unknown["sims"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn errors_have_kores_shape() {
    let world = World::fixed().await;
    for answer in [log_in(&world, "x").await, get(&world, "x", &format!("Sims?Iccid={SIM}")).await] {
        assert_eq!(
            (answer.status, answer.fields("").join(" ").as_str()),
            (401, "status message code more_info")
        );
    }
}
