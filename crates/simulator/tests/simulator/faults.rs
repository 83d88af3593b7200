use crate::support::{Answer, SIM, World, send};
use simgauge_simulator::{Fault, FaultSpan, Simulator, SimulatorConfig};
use std::time::{Duration, Instant};

const CISCO: &str = "cisco_control_center";

fn ask(world: &World, iccid: &str) -> reqwest::RequestBuilder {
    world
        .get(&format!("{CISCO}/rws/api/v1/devices/{iccid}/ctdUsages"))
        .basic_auth("sim-user", Some("sim-secret"))
}

async fn answer_with(world: &World, fault: Fault) -> Answer {
    world.pass(Duration::from_secs(1));
    world.simulator.set_fault(CISCO, None, fault, FaultSpan::Count(1));
    send(ask(world, SIM)).await
}

#[tokio::test]
async fn answers_that_are_no_answer() {
    let world = World::fixed().await;
    let broken = answer_with(&world, Fault::Status(503)).await;
    assert_eq!((broken.status, broken.fields("").join(" ").as_str()), (503, "errorMessage errorCode"));
    let limited = answer_with(&world, Fault::RateLimited { retry_after: Some(7) }).await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("7")));
    let limited = answer_with(&world, Fault::RateLimited { retry_after: None }).await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, None));
    let page = answer_with(&world, Fault::Nonsense).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("<html>"));
    let empty = answer_with(&world, Fault::EmptyBody).await;
    assert_eq!((empty.status, empty.text.as_str()), (200, ""));
    let expired = answer_with(&world, Fault::AuthExpired).await;
    assert_eq!((expired.status, &expired.json()["errorCode"]), (401, &"10000001".into()));
    let elsewhere = answer_with(&world, Fault::Redirect("http://127.0.0.1:9/".into())).await;
    assert_eq!((elsewhere.status, elsewhere.header("location")), (302, Some("http://127.0.0.1:9/")));
    let huge = answer_with(&world, Fault::Huge).await;
    assert!(huge.text.len() > 50_000_000);
    assert_eq!(world.simulator.stats(CISCO).readings, 0);
    // A counted fault is used up.
    world.pass(Duration::from_secs(1));
    assert_eq!(send(ask(&world, SIM)).await.status, 200);
}

#[tokio::test]
async fn answers_that_are_subtly_wrong() {
    let world = World::growing().await;
    let right = send(ask(&world, SIM)).await.json();
    let wrong = answer_with(&world, Fault::WrongCard).await.json();
    assert_ne!(wrong["iccid"], right["iccid"]);
    assert_ne!(wrong["ctdDataUsage"], right["ctdDataUsage"]);
    let renamed = answer_with(&world, Fault::MissingUsed).await.json();
    assert_eq!(renamed.get("ctdDataUsage"), None);
    assert_eq!(renamed["iccid"], SIM);
    world.pass(Duration::from_secs(1));
    let before = send(ask(&world, SIM)).await.json();
    let same = answer_with(&world, Fault::Unchanged).await.json();
    assert_eq!(same, before);
    world.pass(Duration::from_secs(1));
    assert_ne!(send(ask(&world, SIM)).await.json(), before);
}

#[tokio::test]
async fn hanging_up_is_no_answer_at_all() {
    let world = World::fixed().await;
    world.simulator.set_fault(CISCO, None, Fault::HangUp, FaultSpan::Forever);
    let error = ask(&world, SIM).send().await.unwrap_err();
    assert!(!error.is_timeout() && error.status().is_none(), "{error:?}");
    world.simulator.clear_faults();
    assert_eq!(send(ask(&world, SIM)).await.status, 200);
}

#[tokio::test]
async fn hanging_and_trickling_outlast_the_caller() {
    // The caller's next call may arrive before the operator notices that the caller has gone.
    let config = SimulatorConfig { enforce_limits: false, ..SimulatorConfig::fixed() };
    let world = World::new(config).await;
    let short = Duration::from_millis(200);
    world.simulator.set_fault(CISCO, None, Fault::Hang, FaultSpan::Count(1));
    assert!(ask(&world, SIM).timeout(short).send().await.unwrap_err().is_timeout());
    world.simulator.set_fault(CISCO, None, Fault::Trickle, FaultSpan::Count(1));
    let slow = ask(&world, SIM).timeout(short).send().await.unwrap();
    assert_eq!(slow.status(), 200);
    assert!(slow.bytes().await.unwrap_err().is_timeout());
    assert_eq!(send(ask(&world, SIM)).await.status, 200);
}

#[tokio::test]
async fn a_delay_joins_another_fault() {
    let world = World::fixed().await;
    let wait = Duration::from_millis(150);
    world.simulator.set_fault(CISCO, None, Fault::Delay(wait), FaultSpan::Forever);
    world.simulator.set_fault(CISCO, None, Fault::Status(500), FaultSpan::Count(1));
    let start = Instant::now();
    assert_eq!(send(ask(&world, SIM)).await.status, 500);
    assert!(start.elapsed() >= wait);
    assert_eq!(send(ask(&world, SIM)).await.status, 200);
    assert!(start.elapsed() >= wait * 2);
}

#[tokio::test]
async fn faults_end_and_keep_to_their_sim() {
    let world = World::fixed().await;
    let other = "8988308650100525004";
    world.simulator.set_fault(CISCO, Some(other), Fault::Status(500), FaultSpan::Forever);
    assert_eq!(send(ask(&world, SIM)).await.status, 200);
    assert_eq!(send(ask(&world, other)).await.status, 500);
    world.simulator.clear_faults();
    let end = world.now().after(Duration::from_secs(20));
    world.simulator.set_fault(CISCO, None, Fault::Status(502), FaultSpan::Until(end));
    assert_eq!(send(ask(&world, SIM)).await.status, 502);
    world.pass(Duration::from_secs(20));
    assert_eq!(send(ask(&world, SIM)).await.status, 200);
    // Another copy of the operator never had it.
    world.simulator.set_fault(CISCO, None, Fault::Status(500), FaultSpan::Forever);
    assert_eq!(world.simulator.stats("cisco_control_center@b").requests, 0);
    let path = format!("{CISCO}@b/rws/api/v1/devices/{SIM}/ctdUsages");
    assert_eq!(send(world.get(&path).basic_auth("sim-user", Some("sim-secret"))).await.status, 200);
}

#[tokio::test]
async fn it_stops_with_its_last_handle_or_when_told() {
    let world = World::fixed().await;
    let clone: Simulator = world.simulator.clone();
    clone.shutdown().await;
    clone.shutdown().await;
    assert!(ask(&world, SIM).send().await.unwrap_err().is_connect());

    let World { simulator, http, .. } = World::fixed().await;
    let url = simulator.base_url(CISCO);
    drop(simulator);
    // The server's task ends a moment later; each try is a real one.
    for _ in 0..1_000 {
        if http.get(&url).send().await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("still serving");
}
