//! Calls about many SIMs: what they answer, and how many a call may have.

use crate::support::{Answer, NOW, SIM, UNKNOWN, World, form, json, send};
use serde_json::json as j;
use sha2::{Digest, Sha256};
use simgauge_simulator::{Fault, FaultSpan};

/// Another SIM than [`SIM`].
const OTHER: &str = "8988308650100525009";

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("898830865010{number:07}")).collect()
}

async fn simboss(world: &World, iccids: &str) -> Answer {
    let text = format!("appid=sim-user&iccids={iccids}&timestamp={NOW}sim-secret");
    let (sign, now) = (hex::encode(Sha256::digest(text)), NOW.to_string());
    let pairs = [("iccids", iccids), ("appid", "sim-user"), ("timestamp", &now), ("sign", &sign)];
    send(form(world.post("simboss/device/detail/batch"), &pairs)).await
}

async fn onelink(world: &World, number: u32, call: &str, rest: &str) -> Answer {
    let transaction = format!("sim-user20260508181112{number:08}");
    send(world.get(&format!("onelink_v5/{call}?transid={transaction}&{rest}"))).await
}

async fn onelink_token(world: &World) -> String {
    let answer = onelink(world, 1, "get/token", "appid=sim-user&password=sim-secret").await;
    answer.text_at("/result/0/token")
}

async fn huawei_token(world: &World) -> String {
    let user = j!({"name": "sim-user", "password": "sim-secret", "domain": {"name": "d"}});
    let body = j!({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}});
    let answer = send(json(world.post("huawei_gsl/v3/auth/tokens"), &body)).await;
    answer.header("x-subject-token").unwrap().to_owned()
}

async fn huawei(world: &World, token: &str, iccids: &[impl AsRef<str>]) -> Answer {
    let iccids: Vec<&str> = iccids.iter().map(AsRef::as_ref).collect();
    let request = world.post("huawei_gsl/v1/sim-price-plans/usage/batch-query").header("X-Auth-Token", token);
    send(json(request, &j!({ "iccids": iccids }))).await
}

fn violations(world: &World, operator: &str) -> u64 {
    world.simulator.stats(operator).violations
}

#[tokio::test]
async fn telnyx_lists_its_sims_by_page() {
    let world = World::fixed().await;
    let iccids = numbers(251);
    for iccid in &iccids {
        world.simulator.set_usage("telnyx", iccid, 1_500_000);
    }
    world.simulator.set_unknown("telnyx", &iccids[250], true);
    let page = |size: &'static str, number: usize| {
        let world = &world;
        let path = format!("telnyx/sim_cards?page%5Bsize%5D={size}&page%5Bnumber%5D={number}");
        async move { world.get_with_bearer("sim-secret", &path).await }
    };
    let first = page("249", 1).await.json();
    assert_eq!(first["data"].as_array().unwrap().len(), 249);
    assert_eq!(first["data"][0]["iccid"], iccids[0]);
    assert_eq!(first["data"][0]["current_billing_period_consumed_data"]["amount"], "1.5");
    let meta = j!({"page_number": 1, "page_size": 249, "total_pages": 2, "total_results": 250});
    assert_eq!(first["meta"], meta);
    let second = page("249", 2).await.json();
    assert_eq!(
        (second["data"].as_array().unwrap().len(), &second["data"][0]["iccid"]),
        (1, &j!(iccids[249]))
    );
    assert_eq!(page("249", 3).await.json()["data"], j!([]));
    assert_eq!(violations(&world, "telnyx"), 0);
    assert_eq!((page("251", 1).await.status, violations(&world, "telnyx")), (400, 1));
}

#[tokio::test]
async fn simboss_takes_a_hundred_and_leaves_out_whom_it_does_not_know() {
    let world = World::with_usage("simboss", 1_048_576).await;
    let answer = simboss(&world, &format!("{SIM},{UNKNOWN},{OTHER}")).await.json();
    let list = answer["data"].as_array().unwrap();
    assert_eq!((list.len(), &list[0]["iccid"], &list[1]["iccid"]), (2, &j!(SIM), &j!(OTHER)));
    assert_eq!(list[0]["usedDataVolume"], j!(1.0));
    assert_eq!(simboss(&world, &numbers(100).join(",")).await.json()["code"], "0");
    assert_eq!(violations(&world, "simboss"), 0);
    assert_eq!(simboss(&world, &numbers(101).join(",")).await.json()["code"], "446");
    let stats = world.simulator.stats("simboss");
    assert_eq!((stats.violations, stats.data_requests), (1, 3));
    assert_eq!(stats.violation_notes[0].note, "101 SIMs in a call, 100 allowed");
    assert_eq!((stats.count_for(SIM), stats.readings), (1, 102));
}

#[tokio::test]
async fn onelink_takes_a_hundred_of_this_month() {
    let world = World::with_usage("onelink_v5", 2_560).await;
    let token = onelink_token(&world).await;
    let batch = |number: u32, iccids: String, month: &'static str| {
        let (world, rest) = (&world, format!("token={token}&iccids={iccids}&queryDate={month}"));
        async move { onelink(world, number, "query/sim-data-usage-monthly/batch", &rest).await.json() }
    };
    world.simulator.set_usage("onelink_v5", OTHER, 0);
    let answer = batch(2, format!("{SIM}_{OTHER}"), "202605").await;
    let list = &answer["result"][0]["dataAmountList"];
    assert_eq!(list[0]["dataAmount"], "2.5");
    assert_eq!(list[0]["apnDataAmountList"][0]["apnDataAmount"], "2.5");
    assert_eq!(list[1], j!({"iccid": OTHER, "dataAmount": "0"}));
    for (number, iccids, month, status) in [
        (3, format!("{SIM}_{UNKNOWN}"), "202605", "12010"),
        (4, SIM.to_owned(), "2026-05", "11000"),
        (5, numbers(100).join("_"), "202605", "0"),
    ] {
        assert_eq!(batch(number, iccids, month).await["status"], status, "{number}");
    }
    assert_eq!(violations(&world, "onelink_v5"), 0);
    assert_eq!(batch(6, numbers(101).join("_"), "202605").await["status"], "11000");
    assert_eq!(violations(&world, "onelink_v5"), 1);
}

#[tokio::test]
async fn huawei_takes_fifty_and_names_whom_it_does_not_know() {
    let world = World::fixed().await;
    let token = huawei_token(&world).await;
    let plans = huawei(&world, &token, &[SIM, OTHER]).await.json();
    assert_eq!(plans.as_array().unwrap().len(), 4);
    let unknown = huawei(&world, &token, &[SIM, UNKNOWN]).await;
    assert_eq!((unknown.status, unknown.text_at("/error_code").as_str()), (400, "GSL.00011011"));
    assert_eq!(unknown.text_at("/error_msg"), format!("The iccid:[{UNKNOWN}] does not exist."));
    assert_eq!(huawei(&world, &token, &numbers(50)).await.status, 200);
    assert_eq!(violations(&world, "huawei_gsl"), 0);
    let many = huawei(&world, &token, &numbers(51)).await;
    assert_eq!((many.status, many.text_at("/error_code").as_str()), (400, "GSL.00011010"));
    assert_eq!(violations(&world, "huawei_gsl"), 1);
}

#[tokio::test]
async fn a_fault_of_one_sim_among_many_is_its_elements() {
    let world = World::with_usage("simboss", 1_048_576).await;
    let list = async || simboss(&world, &format!("{SIM},{OTHER}")).await.json()["data"].clone();
    for (fault, wanted) in [
        (Fault::Nonsense, j!([null, OTHER])),
        (Fault::EmptyBody, j!([OTHER])),
        (Fault::HangUp, j!([SIM, OTHER])),
    ] {
        world.simulator.set_fault("simboss", Some(SIM), fault, FaultSpan::Count(1));
        let numbers: Vec<_> =
            list().await.as_array().unwrap().iter().map(|element| element["iccid"].clone()).collect();
        assert_eq!(j!(numbers), wanted);
    }
    world.simulator.set_fault("simboss", Some(SIM), Fault::WrongCard, FaultSpan::Count(1));
    assert_ne!(list().await[0]["iccid"], SIM);
    assert_eq!(list().await[0]["iccid"], SIM);
}
