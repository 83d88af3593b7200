//! Every built-in definition reads the simulator's operator of the same name.

use crate::support::{ICCID, NOW, built_in, operator, profile};
use simgauge_domain::time::UnixMs;
use simgauge_operators::NoGate;
use simgauge_operators::simulator::{Simulator, SimulatorConfig};
use std::sync::Arc;

async fn simulator() -> Simulator {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    Simulator::start(listener, SimulatorConfig::fixed(), Arc::new(|| UnixMs(NOW))).await.unwrap()
}

#[tokio::test]
async fn cisco_control_center() {
    let simulator = simulator().await;
    let operator = operator(&built_in("cisco_control_center"), &simulator.base_url("cisco_control_center"));
    let reading = operator.read(&profile(ICCID), &NoGate).await.unwrap();
    assert_eq!(reading.raw_status.as_deref(), Some("ACTIVATED"));
}
