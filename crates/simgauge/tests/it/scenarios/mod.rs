//! Whatever dies, the rules hold. Each scenario ends with the same audit.

mod audit;
mod disk;
mod load;
mod nodes;
mod postgres;

use crate::support::{Builder, Database, server};
use simgauge_domain::limits::{Bucket, Limits, Scope};
use simgauge_simulator::SimulatorConfig;

/// How much of something: the long run is `scripts/soak`.
fn times<T>(short: T, long: T) -> T {
    if std::env::var_os("SIMGAUGE_TEST_WHOLE").is_some() { long } else { short }
}

/// Calls a second that the operator allows.
const RATE: u32 = 200;

/// A store, cards and an operator whose limits are enforced; lanes change hands quickly.
fn scene(database: Database) -> Builder {
    let limits = Limits {
        buckets: vec![Bucket { scope: Scope::Credential, limit: RATE, per_seconds: 1 }],
        max_concurrent: 4,
        min_refresh_seconds: 0,
        retry_after_max_seconds: None,
    };
    server()
        .database(database)
        .simulator(SimulatorConfig { enforce_limits: true, ..SimulatorConfig::default() })
        .simulator_limits(limits.clone())
        .configure(move |config| {
            config.refresh.max_wait_seconds = 0;
            // The long run has the lease that the configuration has by default.
            config.lanes.lease_seconds = times(3, 10);
            config.lanes.poll_seconds = 0.5;
            config.operator_accounts[0].limits = Some(limits.clone());
        })
}
