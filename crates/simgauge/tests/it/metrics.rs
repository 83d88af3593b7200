//! Metrics: what they count, that every one is documented, and that nothing else is asked of Prometheus.

use crate::support::process::Process;
use crate::support::{ICCID, LANE, OPERATOR, SECRET, TestServer, server, sqlite_store};
use serde_json::{Value, json};
use simgauge_simulator::{Fault, FaultSpan};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

const TIMEOUT: Duration = Duration::from_secs(10);
const OPERATIONS: &str = include_str!("../../../../docs/en/operations.md");
const RULES: &str = include_str!("../../../../deploy/prometheus/rules.yml");
const DASHBOARD: &str = include_str!("../../../../deploy/prometheus/dashboard.json");

/// The value of one line.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
}

/// Waits for a value.
async fn becomes(server: &TestServer, series: &str, expected: f64) {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let text = server.metrics();
        if (value(&text, series) - expected).abs() < 1e-9 {
            return;
        }
        assert!(Instant::now() < deadline, "{series} is not {expected}: {text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_happens_is_counted() {
    let server = server().start().await;
    let id = server.refresh_sim(ICCID).await.refresh_id();
    server.refresh_sim(ICCID).await.expect("429");
    server.ended(&id, TIMEOUT).await;
    let calls = |operation: &str, code: u16| {
        format!("simgauge_calls_total{{operation=\"{operation}\",code=\"{code}\"}}")
    };
    let text = server.metrics();
    assert_eq!(value(&text, &calls("card/refreshUsage", 200)), 1.0);
    assert_eq!(value(&text, &calls("card/refreshUsage", 429)), 1.0);
    assert!(value(&text, &calls("refresh/get", 200)) >= 1.0);
    assert_eq!(value(&text, "simgauge_refused_from_memory_total"), 1.0);
    assert_eq!(value(&text, "simgauge_accept_seconds_count"), 1.0);
    assert_eq!(value(&text, "simgauge_accept_group_calls_sum"), 1.0);
    let succeeded = format!("{{lane=\"{LANE}\",outcome=\"succeeded\"}}");
    assert_eq!(value(&text, &format!("simgauge_readings_total{succeeded}")), 1.0);
    assert_eq!(value(&text, &format!("simgauge_reading_seconds_count{{lane=\"{LANE}\"}}")), 1.0);
    assert_eq!(value(&text, &format!("simgauge_operator_call_seconds_count{{lane=\"{LANE}\"}}")), 1.0);
    becomes(&server, &format!("simgauge_refreshes_ended_total{succeeded}"), 1.0).await;
    becomes(&server, &format!("simgauge_lane_held{{lane=\"{LANE}\"}}"), 1.0).await;
    becomes(&server, &format!("simgauge_lane_waiting{{lane=\"{LANE}\"}}"), 0.0).await;
    assert!(text.contains(&format!(
        "simgauge_build_info{{version=\"{}\",store=\"sqlite\"}} 1",
        env!("CARGO_PKG_VERSION")
    )));
    assert!(value(&text, "process_resident_memory_bytes") > 1e6);
    assert!(value(&text, "process_open_fds") > 3.0);
    assert!(!text.contains(ICCID), "a card is never a label");
}

#[tokio::test]
async fn tasks_follow_open_connections() {
    const CONNECTIONS: u32 = 40;
    let mut server = server().start().await;
    let before = value(&server.metrics(), "process_tasks");
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        open.push(tokio::net::TcpStream::connect(server.app().address()).await.unwrap());
    }
    let deadline = Instant::now() + TIMEOUT;
    // Some of the tasks of the start may have ended meanwhile.
    while value(&server.metrics(), "process_tasks") < before + f64::from(CONNECTIONS) / 2.0 {
        assert!(Instant::now() < deadline, "connections are not among the tasks");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_paused_lane_and_what_waits_there_are_counted() {
    let configure = |config: &mut simgauge::config::Config| {
        config.lanes.lease_seconds = 2;
        config.lanes.poll_seconds = 0.1;
        config.lanes.breaker_failures = 1;
        config.lanes.breaker_pause_seconds = 60.0;
    };
    let server = server().configure(configure).start().await;
    server.simulator.set_fault(OPERATOR, None, Fault::Status(500), FaultSpan::Forever);
    server.refresh_sim(ICCID).await.expect("200");
    becomes(&server, &format!("simgauge_lane_breaker{{lane=\"{LANE}\"}}"), 2.0).await;
    becomes(&server, &format!("simgauge_lane_waiting{{lane=\"{LANE}\"}}"), 1.0).await;
    let text = server.metrics();
    assert!(
        value(&text, &format!("simgauge_readings_total{{lane=\"{LANE}\",outcome=\"temporary\"}}")) >= 1.0
    );
    server.simulator.clear_faults();
    server.simulator.set_fault(OPERATOR, None, Fault::Hang, FaultSpan::Forever);
    server.travel_to(120);
    assert!(
        value(&server.metrics(), &format!("simgauge_lane_oldest_waiting_seconds{{lane=\"{LANE}\"}}"))
            >= 120.0
    );
    // The pause is over, so a probe goes out.
    becomes(&server, &format!("simgauge_lane_breaker{{lane=\"{LANE}\"}}"), 1.0).await;
    server.store().pause_lane(LANE, "ann", "they asked", server.clock.now()).await.unwrap();
    becomes(&server, &format!("simgauge_lane_paused{{lane=\"{LANE}\"}}"), 1.0).await;
}

#[tokio::test]
async fn they_are_served_on_a_listener_of_their_own() {
    let mut server = server().start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    server.app().serve_metrics(listener);
    let response = reqwest::get(&url).await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    assert!(response.text().await.unwrap().ends_with("# EOF\n"));
    let elsewhere = server.request(reqwest::Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(elsewhere.status(), 404, "not where the API is");
    server.stop().await;
    assert!(reqwest::get(&url).await.is_err(), "gone with the rest");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_simgauge"))
        .arg("serve")
        .env("SIMGAUGE__SERVER__LISTEN", "127.0.0.1:0")
        .env("SIMGAUGE__METRICS__LISTEN", &address)
        .env("SIMGAUGE__STORE__URL", format!("sqlite://{}", dir.path().join("s.db").display()))
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(error.contains(&address) && error.contains("metrics.listen"), "{error}");
}

/// Names as they stand in a text, without the endings that Prometheus adds to histograms.
fn names(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("simgauge_") || word.starts_with("process_"))
        .map(|word| {
            let ending =
                ["_bucket", "_sum", "_count"].into_iter().find_map(|ending| word.strip_suffix(ending));
            ending.unwrap_or(word).to_owned()
        })
        .collect()
}

#[tokio::test]
async fn every_metric_is_documented_and_only_metrics_are_asked_for() {
    let server = server().start().await;
    let text = server.metrics();
    let exposed: String =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    let exposed = names(&exposed);
    assert!(exposed.len() > 25, "{exposed:?}");
    let (_, documented) = OPERATIONS.split_once("## Metrics").unwrap();
    let documented = names(documented.split_once("\n## ").unwrap().0);
    assert_eq!(exposed.difference(&documented).collect::<Vec<_>>(), Vec::<&String>::new(), "not documented");
    assert_eq!(documented.difference(&exposed).collect::<Vec<_>>(), Vec::<&String>::new(), "not exposed");
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    for asked in [names(RULES), names(&dashboard["panels"].to_string())] {
        assert!(asked.len() > 10);
        assert_eq!(
            asked.difference(&exposed).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "asked for, not exposed"
        );
    }
}

/// One line for each thing that was slow, with what took the time and without a secret.
#[tokio::test]
async fn what_is_slow_is_logged() {
    const SLOW_MS: u64 = 50;
    let configure = |config: &mut simgauge::config::Config| {
        config.log.slow_call_ms = SLOW_MS;
        config.log.slow_reading_ms = SLOW_MS;
        config.log.slow_commit_ms = SLOW_MS;
    };
    let mut server = server().configure(configure).start().await;
    server.stop().await;
    server.simulator.set_fault(
        OPERATOR,
        None,
        Fault::Delay(Duration::from_millis(SLOW_MS)),
        FaultSpan::Forever,
    );
    let dir = tempfile::tempdir().unwrap();
    let process = Process::serve(&server, dir.path());
    server.url = process.url.clone();
    // Somebody else writes, so that the commit has to wait.
    let other = sqlite_store(&server.config.store.url);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let release = async {
        tokio::time::sleep(Duration::from_millis(2 * SLOW_MS)).await;
        other.execute_batch("COMMIT").unwrap();
    };
    let body = server.signed(json!({ "iccid": ICCID, "wait": 8 })).to_string();
    let (answer, ()) = tokio::join!(server.post("/api/v3/card/refreshUsage", body), release);
    assert_eq!(answer.expect("200")["state"], "succeeded");
    let log = process.log.clone();
    assert!(process.terminate());
    let text = std::fs::read_to_string(log).unwrap();
    let line =
        |of: &str| text.lines().find(|line| line.contains(of)).unwrap_or_else(|| panic!("no {of}: {text}"));
    let milliseconds = |line: &str, name: &str| -> u64 {
        let (_, value) = line.split_once(&format!(" {name}=")).unwrap();
        value.split(' ').next().unwrap().parse().unwrap()
    };
    let reading = line("a reading was slow");
    assert!(reading.contains("lane=\"main\"") && reading.contains(" calls=1 logins=0 "), "{reading}");
    assert!(milliseconds(reading, "operator_ms") >= SLOW_MS, "{reading}");
    assert!(milliseconds(reading, "limits_ms") < milliseconds(reading, "took_ms"), "{reading}");
    let commit = line("a group commit was slow");
    assert!(commit.contains(" calls=1 ") && milliseconds(commit, "commit_ms") >= SLOW_MS, "{commit}");
    assert!(milliseconds(line("a call was slow"), "held_ms") >= SLOW_MS, "{text}");
    assert!(!text.contains(SECRET) && !text.contains("sim-secret"));
}
