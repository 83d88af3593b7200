//! Lanes: limits kept, turns given, trouble kept to itself.

use crate::support::{Database, ICCID, LANE, OPERATOR, TestServer, import, operator_account, row, server};
use serde_json::json;
use simgauge_domain::limits::{Bucket, Limits, Scope};
use simgauge_operators::Catalog;
use simgauge_simulator::{Fault, FaultSpan, SimulatorConfig};
use simgauge_store::ImportRow;
use std::time::{Duration, Instant};

/// The limits of Cisco Control Center.
fn jasper() -> Limits {
    Limits {
        buckets: vec![Bucket { scope: Scope::Credential, limit: 5, per_seconds: 1 }],
        max_concurrent: 1,
        min_refresh_seconds: 60,
        retry_after_max_seconds: None,
    }
}

/// Puts refreshes of these cards into the queue.
async fn queue(server: &TestServer, appkey: &str, numbers: &[String]) {
    for chunk in numbers.chunks(200) {
        let calls = chunk.iter().map(|number| async move {
            let body = server.signed_as(appkey, json!({ "iccid": number })).to_string();
            server.post("/api/v3/card/refreshUsage", body).await.expect("200");
        });
        futures::future::join_all(calls).await;
    }
}

/// How many cards the long stories take: all of them where somebody asks for it, a part of them in the daily
/// run.
fn scaled(daily: u32, whole: u32) -> u32 {
    if std::env::var_os("SIMGAUGE_TEST_WHOLE").is_some() { whole } else { daily }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limited_lane_is_busy_and_never_over_the_limit() {
    let server = server()
        .simulator(SimulatorConfig { latency: Duration::from_millis(10), ..SimulatorConfig::default() })
        .configure(|config| {
            config.refresh.max_wait_seconds = 0;
            config.operator_accounts[0].limits = Some(jasper());
        })
        .start()
        .await;
    let count = scaled(100, 1_000);
    let numbers = server.add_cards(count).await;
    queue(&server, "k", &numbers).await;
    let stats = server.simulator.wait_until(OPERATOR, |stats| stats.requests >= u64::from(count)).await;
    assert_eq!(stats.violations, 0, "{:?}", stats.violation_notes);
    assert_eq!(stats.max_concurrent_seen, 1);
    let took = stats.last_request.unwrap().since(stats.first_request.unwrap()).as_secs_f64();
    // The first five leave at once, so the rest decides.
    let rate = f64::from(count - 5) / took;
    assert!(rate >= 0.95 * 5.0, "{rate:.3} readings a second of 5 allowed");
    println!("{count} readings in {took:.1} s: {:.3} of the allowed rate", rate / 5.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_card_of_another_account_is_among_the_next_two() {
    let server = server()
        .configure(|config| {
            config.refresh.max_wait_seconds = 0;
            config.operator_accounts[0].limits = Some(jasper());
        })
        .start()
        .await;
    let many = server.add_cards(5_000).await;
    let one = "8986000000000009999".to_owned();
    import(server.store(), &[ImportRow { account: "other".into(), ..row(&one, &one, "other") }]).await;
    queue(&server, "k", &many).await;
    queue(&server, "k2", std::slice::from_ref(&one)).await;
    let asked_before = server.simulator.stats(OPERATOR).asked.len();
    let stats =
        server.simulator.wait_until(OPERATOR, |stats| stats.asked.iter().any(|iccid| **iccid == *one)).await;
    let position = stats.asked.iter().position(|iccid| **iccid == *one).unwrap();
    assert!(position < asked_before + 2, "it was number {} after it was queued", position + 1 - asked_before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_at_three_operators_does_not_slow_the_fourth() {
    let names = ["hanging", "failing", "talking-nonsense", LANE];
    // An operator that takes as long as real ones do, so that the ratio is about lanes and not about this
    // machine's noise.
    let latency = Duration::from_millis(150);
    let server = server()
        .simulator(SimulatorConfig { latency, enforce_limits: false, ..SimulatorConfig::fixed() })
        .configure(|config| {
            config.refresh.deadline_seconds = 20;
            config.operator_accounts[0].limits = Some(Limits {
                buckets: vec![Bucket { scope: Scope::Credential, limit: 200, per_seconds: 1 }],
                max_concurrent: 4,
                min_refresh_seconds: 0,
                retry_after_max_seconds: None,
            });
            let good = config.operator_accounts[0].clone();
            let base = good.base_url.clone().unwrap();
            for name in ["hanging", "failing", "talking-nonsense"] {
                let mut account = operator_account(name, &format!("{base}@{name}"));
                account.limits.clone_from(&good.limits);
                config.operator_accounts.push(account);
            }
        })
        .start()
        .await;
    for (name, fault) in
        [("hanging", Fault::Hang), ("failing", Fault::Status(500)), ("talking-nonsense", Fault::Nonsense)]
    {
        server.simulator.set_fault(&format!("{OPERATOR}@{name}"), None, fault, FaultSpan::Forever);
    }
    let cards = |prefix: u32, lane: &'static str| -> Vec<ImportRow> {
        (0..40)
            .map(|n| {
                let number = format!("8986000000002{prefix}{n:05}");
                ImportRow { operator_account: lane.into(), ..row(&number, &number, "acme") }
            })
            .collect()
    };
    let quiet = cards(0, LANE);
    let loud = cards(1, LANE);
    import(server.store(), &quiet).await;
    import(server.store(), &loud).await;
    let alone = p95_of_waits(&server, &quiet).await;
    for (n, name) in (2..).zip(&names[..3]) {
        let rows = cards(n, name);
        import(server.store(), &rows).await;
        let numbers: Vec<String> = rows.into_iter().map(|row| row.number).collect();
        queue(&server, "k", &numbers).await;
    }
    let beside = p95_of_waits(&server, &loud).await;
    println!("p95 alone {alone:?}, beside three operators in trouble {beside:?}");
    assert!(beside <= alone.mul_f64(1.2), "{alone:?} -> {beside:?}");
}

/// Refreshes cards one after the other, each answer held until it is done.
async fn p95_of_waits(server: &TestServer, rows: &[ImportRow]) -> Duration {
    let mut times = Vec::new();
    for row in rows {
        let body = server.signed(json!({ "iccid": row.number, "wait": 8 })).to_string();
        let started = Instant::now();
        let answer = server.post("/api/v3/card/refreshUsage", body).await;
        assert_eq!(answer.expect("200")["state"], "succeeded");
        times.push(started.elapsed());
    }
    times.sort_unstable();
    times[times.len() * 95 / 100]
}

/// Two nodes, and nobody looks by himself for a minute: what one accepts the other learns of through the
/// database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_accepted_at_one_node_wakes_the_lane_at_another() {
    let server = server()
        .database(Database::Postgres)
        .configure(|config| config.lanes.poll_seconds = 60.0)
        .start()
        .await;
    let cards = server.add_cards(10).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while !server.store().lanes().await.unwrap().iter().any(|lane| lane.name == LANE && lane.lease_until > 0)
    {
        assert!(Instant::now() < deadline, "nobody took the lane");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = server.config.clone();
    config.server.role = simgauge::config::Role::Api;
    let api_only = simgauge::app::App::start(&config, listener, server.clock.clone()).await.unwrap();
    let url = format!("http://{}/api/v3/card/refreshUsage", api_only.address());
    let mut times = Vec::new();
    for (n, card) in (1..).zip(&cards) {
        let body = server.signed(json!({ "iccid": card })).to_string();
        let response = reqwest::Client::new().post(&url).body(body).send().await.unwrap();
        crate::support::call::read(response).await.expect("200");
        let answered = Instant::now();
        server.simulator.wait_until(OPERATOR, |stats| stats.requests >= n).await;
        times.push(answered.elapsed());
    }
    times.sort_unstable();
    println!(
        "from the answer to the operator: median {:?}, longest {:?}",
        times[times.len() / 2],
        times[times.len() - 1]
    );
    assert!(times[times.len() / 2] <= Duration::from_millis(50), "{times:?}");
    api_only.stop().await.unwrap();
}

#[tokio::test]
async fn the_least_interval_of_a_sim_is_kept_and_shown() {
    let server = server()
        .configure(|config| {
            config.operator_accounts[0].limits = Some(Limits { min_refresh_seconds: 400, ..jasper() });
        })
        .start()
        .await;
    let id = server.refresh_sim(ICCID).await.refresh_id();
    server.ended(&id, Duration::from_secs(10)).await;
    server.travel_to(301);
    let second = server.refresh_sim(ICCID).await;
    let estimate = second.expect("200")["estimatedSeconds"].as_u64().unwrap();
    assert!((95..=100).contains(&estimate), "{estimate}");
    server.simulator.wait_until(OPERATOR, |stats| stats.requests >= 1).await;
    assert_eq!(server.refresh(&second.refresh_id()).await.expect("200")["state"], "queued");
    server.travel_to(402);
    assert_eq!(server.ended(&second.refresh_id(), Duration::from_secs(10)).await["state"], "succeeded");
}

#[tokio::test]
async fn what_an_operator_asks_for_is_honoured() {
    let server = server().start().await;
    let limited = Fault::RateLimited { retry_after: Some(2) };
    server.simulator.set_fault(OPERATOR, None, limited, FaultSpan::Count(1));
    let started = Instant::now();
    let id = server.refresh_sim(ICCID).await.refresh_id();
    let report = server.ended(&id, Duration::from_secs(15)).await;
    assert_eq!(report["state"], "succeeded");
    assert!(started.elapsed() >= Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(server.simulator.stats(OPERATOR).requests, 2);
}

/// Every built-in definition, through the running server, against the simulated operator.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_built_in_operator_is_read_through_the_server() {
    let catalog = Catalog::load(None).unwrap();
    let names: Vec<String> = catalog.iter().map(|definition| definition.name().to_owned()).collect();
    assert!(names.len() >= 9, "{names:?}");
    let server = server()
        .configure(|config| {
            // The first account tells where the simulator is.
            let base = config.operator_accounts[0].base_url.clone().unwrap();
            let root = base.strip_suffix(OPERATOR).unwrap();
            let catalog = Catalog::load(None).unwrap();
            config.operator_accounts = catalog
                .iter()
                .map(|definition| simgauge::demo::simulated_account(definition, root))
                .collect();
        })
        .start()
        .await;
    // Whole in every operator's own unit: a multiple of 10^6 and of 2^20.
    let bytes = 16_384_000_000_u64;
    for (n, name) in names.iter().enumerate() {
        let number = format!("898600000000300{n:04}");
        let lane = server.config.operator_accounts[n].name.clone();
        import(server.store(), &[ImportRow { operator_account: lane, ..row(&number, &number, "acme") }])
            .await;
        server.simulator.set_usage(name, &number, bytes);
        let body = server.signed(json!({ "iccid": number, "wait": 8 })).to_string();
        let answer = server.post("/api/v3/card/refreshUsage", body).await;
        let data = answer.expect("200");
        assert_eq!(data["state"], "succeeded", "{name}: {data}");
        assert_eq!(data["usage"]["usedBytes"], bytes, "{name}");
        assert_eq!(server.simulator.stats(name).violations, 0, "{name}");
    }
}

/// A ninth operator is a file.
#[tokio::test]
async fn an_operator_is_added_by_a_file_alone() {
    let dir = tempfile::tempdir().unwrap();
    let definition = r#"
        name = "my_operator"
        title = "An operator of our own"
        [secrets.username]
        about = "user"
        [secrets.api_key]
        about = "key"
        [auth.basic]
        user = "{{ secret.username }}"
        password = "{{ secret.api_key }}"
        [[steps]]
        name = "usage"
        request = { path = "/rws/api/v1/devices/{{ iccid }}/ctdUsages" }
        [answer]
        identity = ".iccid"
        used = { add = ".ctdDataUsage", unit = "KB", base = 1000 }
        [answer.period]
        kind = "billing_cycle"
    "#;
    std::fs::write(dir.path().join("my_operator.toml"), definition).unwrap();
    let path = dir.path().to_owned();
    let server = server()
        .configure(move |config| {
            config.operators.definitions_dir.clone_from(&path);
            config.operator_accounts[0].definition = "my_operator".into();
        })
        .start()
        .await;
    server.simulator.set_usage(OPERATOR, ICCID, 1234);
    let body = server.signed(json!({ "iccid": ICCID, "wait": 8 })).to_string();
    let answer = server.post("/api/v3/card/refreshUsage", body).await;
    assert_eq!(answer.expect("200")["usage"]["usedBytes"], 1_234_000, "kilobytes of 1000, as the file says");
}
