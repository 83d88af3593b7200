use crate::support::{Answer, SIM, UNKNOWN, World};

const TOKEN: &str = "kore_super_sim/api-services/v1/auth/token";

async fn get(world: &World, token: &str, path: &str) -> Answer {
    world.get_with_bearer(token, &format!("kore_super_sim/v1/{path}")).await
}

#[tokio::test]
async fn sim_billing_period_usage() {
    let world = World::with_usage("kore_super_sim", 3_000).await;
    let token = world.log_in_by_form(TOKEN, "sim-secret").await.text_at("/access_token");
    let sims = get(&world, &token, &format!("Sims?Iccid={SIM}")).await.json();
    assert_eq!((&sims["sims"][0]["iccid"], &sims["sims"][0]["status"]), (&SIM.into(), &"active".into()));
    let sid = sims["sims"][0]["sid"].as_str().unwrap();
    assert_eq!((sid.len(), &sid[..2]), (34, "HS"));
    let periods = get(&world, &token, &format!("Sims/{sid}/BillingPeriods")).await.json();
    let start = periods["billing_periods"][1]["start_time"].as_str().unwrap();
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
    let login = world.log_in_by_form(TOKEN, "x").await;
    assert_eq!((login.status, login.fields("").join(" ").as_str()), (401, "error error_description"));
    let gone = get(&world, "x", &format!("Sims?Iccid={SIM}")).await;
    assert_eq!((gone.status, gone.fields("").join(" ").as_str()), (401, "status message code more_info"));
}
