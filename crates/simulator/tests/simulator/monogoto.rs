use crate::support::{Answer, SIM, UNKNOWN, World, json, send};
use serde_json::json as j;

async fn log_in(world: &World, password: &str) -> Answer {
    send(json(world.post("monogoto/Auth"), &j!({"UserName": "sim-user", "Password": password}))).await
}

#[tokio::test]
async fn a_thing_is_named_by_its_iccid() {
    let world = World::with_usage("monogoto", 147_062_784).await;
    let token = log_in(&world, "sim-secret").await.text_at("/token");
    let ask = async |path: &str| world.get_with_bearer(&token, &format!("monogoto/{path}")).await;
    let thing = ask(&format!("thing/ThingId_ICCID_{SIM}")).await.json();
    assert_eq!((&thing["ExternalUniqueId"], &thing["Data"]), (&SIM.into(), &147_062_784.into()));
    let status = ask(&format!("thing/status?ThingIds=ThingId_ICCID_{SIM}&limit=50&offset=0")).await.json();
    assert_eq!((&status["Success"], &status["Data"][0]["ProvisionStatus"]), (&true.into(), &"ACTIVE".into()));
    assert_eq!(ask("things?limit=50&offset=0").await.json()[0]["ThingId"], format!("ThingId_ICCID_{SIM}"));
    assert_eq!(ask("things?limit=50&offset=50").await.text, "[]");
    assert_eq!(ask("things?limit=51").await.status, 400);
    assert_eq!(ask(&format!("thing/ThingId_ICCID_{UNKNOWN}")).await.status, 404);
}

#[tokio::test]
async fn a_wrong_log_in_and_a_token_that_is_gone_are_refused() {
    let world = World::fixed().await;
    let wrong = log_in(&world, "x").await;
    assert_eq!((wrong.status, wrong.text.contains("Access denied")), (401, true));
    assert_eq!(world.get_with_bearer("x", "monogoto/things").await.status, 401);
}
