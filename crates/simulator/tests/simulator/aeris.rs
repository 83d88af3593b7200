use crate::support::{Answer, SIM, UNKNOWN, World, form, json, send};
use serde_json::json as j;
use simgauge_simulator::{Fault, FaultSpan};
use std::time::Duration;

async fn log_in(world: &World, password: &str) -> Answer {
    let fields = [
        ("grant_type", "password"),
        ("client_id", "cm-public-api-client"),
        ("username", "sim-user"),
        ("password", password),
    ];
    send(form(world.post("aeris/iot/api/auth/token"), &fields)).await
}

async fn token(world: &World) -> String {
    log_in(world, "sim-secret").await.text_at("/access_token")
}

async fn ask(world: &World, token: &str, fields: &str, iccids: &[&str]) -> Answer {
    let request = world.post(&format!("aeris/subscriptions/details{fields}")).bearer_auth(token);
    send(json(request, &j!({"identifierType": "ICC", "identifierValues": iccids}))).await
}

#[tokio::test]
async fn many_subscriptions_come_at_once() {
    let world = World::with_usage("aeris", 8_500_000_000).await;
    let token = token(&world).await;
    let other = "8988308650100525012";
    world.simulator.set_usage("aeris", other, 33_230);
    let fields = "?additionalFields=LABEL&additionalFields=MONTHLY_DATA";
    let answer = ask(&world, &token, fields, &[other, UNKNOWN, SIM]).await;
    let found = answer.json()["subscriptions"].as_array().unwrap().clone();
    let usage: Vec<_> = found.iter().map(|one| (&one["iccid"], &one["monthlyData"])).collect();
    assert_eq!(usage, [(&other.into(), &33_230.into()), (&SIM.into(), &8_500_000_000_u64.into())]);
    for (name, value) in [("second", "9"), ("minute", "149")] {
        assert_eq!(answer.header(&format!("x-ratelimit-remaining-{name}")), Some(value));
    }
    let without = ask(&world, &token, "", &[SIM]).await.json();
    assert_eq!(without["subscriptions"][0].get("monthlyData"), None);
    let stats = world.simulator.stats("aeris");
    assert_eq!((stats.data_requests, stats.asked.len(), stats.count_for(SIM)), (2, 4, 2));
}

#[tokio::test]
async fn one_of_many_can_be_answered_wrongly() {
    let world = World::fixed().await;
    let token = token(&world).await;
    let asked = [SIM, "8988308650100525012", "8988308650100525020"];
    world.simulator.set_fault("aeris", Some(asked[1]), Fault::WrongCard, FaultSpan::Count(1));
    let numbers = async || {
        let answer = ask(&world, &token, "?additionalFields=MONTHLY_DATA", &asked).await.json();
        let found = answer["subscriptions"].as_array().unwrap().clone();
        found.iter().map(|one| one["iccid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(numbers().await, [asked[0], "8988308650100525017", asked[2]]);
    assert_eq!(numbers().await, asked);
}

#[tokio::test]
async fn a_company_is_listed_by_links() {
    let world = World::with_usage("aeris", 1).await;
    world.simulator.set_usage("aeris", "8988308650100525012", 2);
    let token = token(&world).await;
    let path = "subscriptions/details?q=company==1&limit=1&additionalFields=MONTHLY_DATA";
    let first = world.get_with_bearer(&token, &format!("aeris/{path}")).await.json();
    let next = first["next"].as_str().unwrap();
    assert_eq!(next, format!("/details?q=company==1&limit=1&cursor={SIM}&additional_fields=MONTHLY_DATA"));
    let second = world.get_with_bearer(&token, &format!("aeris/subscriptions{next}")).await.json();
    assert_eq!((&second["subscriptions"][0]["monthlyData"], second.get("next")), (&2.into(), None));
    let all = world.get_with_bearer(&token, "aeris/subscriptions/details").await;
    assert_eq!((all.status, &all.json()["title"]), (400, &"Bad Request".into()));
}

#[tokio::test]
async fn errors_are_problems_and_log_ins_have_their_own() {
    let world = World::fixed().await;
    let wrong = log_in(&world, "x").await;
    assert_eq!(wrong.text, r#"{"code":2040,"httpStatus":401,"message":"Invalid credentials"}"#);
    let gone = ask(&world, "x", "", &[SIM]).await;
    assert_eq!((gone.status, &gone.json()["detail"]), (401, &"Token expired".into()));
    assert_eq!(gone.header("content-type"), Some("application/problem+json"));
    let token = token(&world).await;
    assert_eq!(ask(&world, &token, "", &[]).await.status, 400);
    for _ in 0..8 {
        assert_eq!(ask(&world, &token, "", &[SIM]).await.status, 200);
    }
    let limited = ask(&world, &token, "", &[SIM]).await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, None));
    world.pass(Duration::from_secs(1));
    assert_eq!(ask(&world, &token, "", &[SIM]).await.status, 200);
}
