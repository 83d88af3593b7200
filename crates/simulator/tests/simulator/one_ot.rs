use crate::support::{Answer, SIM, UNKNOWN, World, send};
use serde_json::Value;

async fn log_in(world: &World, password: &str) -> Answer {
    let fields = format!("grant_type=password&client_id=sim-user&username=sim-user&password={password}");
    send(world.post(&format!("1ot/v1/oauth/token?{fields}"))).await
}

async fn token(world: &World) -> String {
    let answer = log_in(world, "sim-secret").await;
    assert_eq!(answer.json()["expires_in"], "3600", "a text");
    answer.text_at("/access_token")
}

fn sum(answer: &Value) -> u64 {
    answer["sessions"].as_array().unwrap().iter().map(|one| one["data_size"].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn the_sessions_of_a_month_add_up() {
    let world = World::with_usage("1ot", 1_048_576).await;
    let token = token(&world).await;
    let ask = async |path: &str| world.get_with_bearer(&token, &format!("1ot/v1/{path}")).await;
    let month = ask(&format!("get_sim_sessions?iccid={SIM}")).await.json();
    assert_eq!(
        (&month["total"], &month["from"], sum(&month)),
        (&3.into(), &1_777_593_600_000_u64.into(), 1_048_576)
    );
    let rest = ask(&format!("get_sim_sessions?iccid={SIM}&offset=2")).await.json();
    assert_eq!((&rest["found"], &rest["total"]), (&1.into(), &3.into()));
    let longer = ask(&format!("get_sim_sessions?iccid={SIM}&from=0")).await.json();
    assert_eq!(longer["total"], 4);
    let one = ask(&format!("get_sim?iccid={SIM}")).await.json();
    assert_eq!((&one["iccid"], &one["status"]["secondary"]), (&SIM.into(), &"LIVE".into()));
    let some = ask(&format!("get_sims?iccid={SIM},{UNKNOWN}")).await.json();
    assert_eq!((&some["total"], &some["sims"][0]["iccid"]), (&1.into(), &SIM.into()));
}

#[tokio::test]
async fn errors_have_a_code() {
    let world = World::fixed().await;
    let wrong = log_in(&world, "x").await;
    assert_eq!((wrong.status, &wrong.json()["error"]), (401, &"invalid_grant".into()));
    let token = token(&world).await;
    let many = vec![SIM; 1_001].join(",");
    for (path, status, code) in [
        (format!("get_sim_sessions?iccid={UNKNOWN}"), 404, "E002"),
        (format!("get_sims?iccid={many}"), 400, "E230"),
    ] {
        let answer = world.get_with_bearer(&token, &format!("1ot/{path}")).await;
        assert_eq!((answer.status, answer.text_at("/error_code").as_str()), (status, code));
    }
    assert_eq!(world.simulator.stats("1ot").violations, 1, "1,001 SIMs in a call");
    let gone = world.get_with_bearer("x", &format!("1ot/get_sim?iccid={SIM}")).await;
    assert_eq!((gone.status, &gone.json()["error"]), (401, &"invalid_token".into()));
}
