//! What the demo's routes share.

use super::signed_calls::SignedCalls;
use crate::config::OperatorAccountConfig;
use simgauge_simulator::Simulator;
use simgauge_store::Store;
use std::time::Duration;

/// The state of the demo's routes.
pub struct DemoState {
    /// Makes the commands on the page.
    pub calls: SignedCalls,
    pub simulator: Simulator,
    pub store: Store,
    /// The accounts at the simulated operators.
    pub operator_accounts: Vec<OperatorAccountConfig>,
    /// How long attempts are made.
    pub deadline: Duration,
    /// Whether the clock may be moved.
    pub time_travel: bool,
    /// Whether the server has its pages about the API.
    pub docs: bool,
}
