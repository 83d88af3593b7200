use crate::support::{Answer, SIM, UNKNOWN, World, send};
use serde_json::json;

async fn ask(world: &World, path: &str) -> Answer {
    send(world.get(&format!("onomondo/{path}")).header("Authorization", "sim-secret")).await
}

fn bytes(answer: &Answer) -> u64 {
    answer.json()["usage"].as_array().unwrap().iter().map(|one| one["bytes"].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn records_of_a_month_add_up() {
    let world = World::with_usage("onomondo", 1_425_946).await;
    let usage = ask(&world, &format!("usage/{SIM}?filter=time:2026-05")).await;
    assert_eq!(bytes(&usage), 1_425_946);
    assert_eq!(usage.json()["usage"][0]["iccid"], SIM);
    assert_eq!(usage.json()["pagination"].to_string(), r#"{"has_more":false}"#);
    for (name, value) in [("x-ratelimit-limit", "600"), ("x-ratelimit-remaining", "599")] {
        assert_eq!(usage.header(name), Some(value));
    }
    assert_eq!(usage.header("x-ratelimit-reset"), Some("1778235132"));
    assert_ne!(bytes(&ask(&world, &format!("usage/{SIM}?filter=time:2026-04")).await), 1_425_946);
    assert_eq!(bytes(&ask(&world, &format!("usage/{SIM}?filter=time:2026-06")).await), 0);
    assert_eq!(ask(&world, &format!("usage/{SIM}")).await.text, r#"{"error":"time_begin_invalid"}"#);
    let sim = ask(&world, &format!("sims/{SIM}")).await.json();
    assert_eq!(sim["usage"], 1_663_603, "a sixth more: not what the data limit counts");
    let limit = ["used", "type", "period", "resets_at"].map(|name| sim["data_limit"][name].clone());
    let reset = "2026-06-01T00:00:00.000Z";
    assert_eq!(json!(limit), json!([1_425_946, "monthly", "202605", reset]));
    let id = sim["id"].as_str().unwrap();
    assert_eq!(ask(&world, &format!("sims/{id}")).await.json()["iccid"], SIM);
    let filtered = format!("usage?filter[]=time:2026-05&filter[]=sim_id:{id}");
    assert_eq!(bytes(&ask(&world, &filtered).await), 1_425_946);
}

#[tokio::test]
async fn errors_are_one_code() {
    let world = World::fixed().await;
    let bearer = world.get_with_bearer("sim-secret", &format!("onomondo/sims/{SIM}")).await;
    assert_eq!(bearer.status, 401, "the key is sent as it is");
    let unknown = ask(&world, &format!("sims/{UNKNOWN}")).await;
    assert_eq!((unknown.status, unknown.text.as_str()), (404, r#"{"error":"sim_not_found"}"#));
    assert_eq!(ask(&world, "sims?limit=1001").await.status, 400);
}

#[tokio::test]
async fn lists_go_on_at_a_cursor() {
    let world = World::fixed().await;
    for number in 0..7_u64 {
        world.simulator.set_usage("onomondo", &format!("894573873000000{number:04}"), number * 100);
    }
    for (path, list) in [("sims?limit=3", "sims"), ("usage?filter=time:2026-05&limit=6", "usage")] {
        let (mut calls, mut found, mut next) = (0, Vec::new(), String::new());
        loop {
            let page = ask(&world, &format!("{path}{next}")).await.json();
            found.extend(page[list].as_array().unwrap().clone());
            calls += 1;
            if page["pagination"]["has_more"] == false {
                break;
            }
            let cursor = page["pagination"]["next_page"].as_str().unwrap().replace('=', "%3D");
            next = format!("&next_page={}", cursor.replace('+', "%2B"));
        }
        let sum: u64 = found
            .iter()
            .filter_map(|one| one.get("bytes").unwrap_or_else(|| &one["data_limit"]["used"]).as_u64())
            .sum();
        assert_eq!((calls, sum), (3, 2_100), "{list}");
    }
    assert_eq!(world.simulator.stats("onomondo").violations, 0);
}
