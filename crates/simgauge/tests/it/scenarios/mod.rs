//! Whatever dies, the rules hold. Each scenario ends with the same audit.

mod audit;
mod disk;
mod load;
mod nodes;
mod postgres;

use crate::support::{Builder, Database, server};
use simgauge_domain::limits::{Bucket, Limits, Scope};
use simgauge_operators::simulator::SimulatorConfig;

/// A store, cards and an operator whose limits are enforced; lanes change hands quickly.
fn scene(database: Database) -> Builder {
    let limits = Limits {
        buckets: vec![Bucket { scope: Scope::Credential, limit: 200, per_seconds: 1 }],
        max_concurrent: 4,
        min_refresh_seconds: 0,
    };
    server()
        .database(database)
        .simulator(SimulatorConfig { enforce_limits: true, ..SimulatorConfig::default() })
        .simulator_limits(limits.clone())
        .configure(move |config| {
            config.refresh.max_wait_seconds = 0;
            config.lanes.lease_seconds = 3;
            config.lanes.poll_seconds = 0.5;
            config.operator_accounts[0].limits = Some(limits.clone());
        })
}
