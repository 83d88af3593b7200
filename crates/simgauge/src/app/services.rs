//! What the open API, the console and the lanes share.

use crate::config::Config;
use simgauge_service::apps::AppDirectory;
use simgauge_service::clock::Clock;
use simgauge_service::intake::{AcceptSettings, Accepter, CadenceWatch};
use simgauge_service::lanes::{LaneRegistry, LaneSetup};
use simgauge_service::secrets::Sealer;
use simgauge_service::services::Services;
use simgauge_service::telemetry::{Telemetry, TelemetrySettings};
use simgauge_service::waiters::Waiters;
use simgauge_store::Store;
use std::sync::Arc;
use tokio::runtime::Handle;

pub(super) async fn build_services(
    config: &Config,
    setups: &[LaneSetup],
    store: Store,
    sealer: &Sealer,
    clock: Clock,
    callers: &Handle,
) -> anyhow::Result<Services> {
    let apps = AppDirectory::load(store.clone(), sealer.clone(), config.api.account_quota()).await?;
    let entries = setups.iter().map(LaneSetup::registry_entry).collect();
    let registry = LaneRegistry::new(entries, config.refresh.max_wait());
    let telemetry = Telemetry::new(
        TelemetrySettings {
            lanes: config.operator_accounts.iter().map(|account| account.name.as_str()).collect(),
            store: store.dialect(),
            slow: config.log.slow_thresholds(),
            trace: &config.trace,
        },
        vec![Handle::current(), callers.clone()],
    )?;
    store.remember_open().await?;
    let rules = config.card_rules();
    let accepter = Accepter::start(
        store.clone(),
        registry.clone(),
        clock.clone(),
        telemetry.clone(),
        AcceptSettings {
            rules,
            queue: config.refresh.accept_queue,
            highest_id: store.highest_refresh_id().await?,
        },
    )?;
    Ok(Services {
        clock,
        store,
        apps,
        accepter,
        waiters: Waiters::default(),
        registry,
        cadence: Arc::new(CadenceWatch::new(config.refresh.steady_beat)),
        rules,
        zone: config.zone()?,
        telemetry,
    })
}
