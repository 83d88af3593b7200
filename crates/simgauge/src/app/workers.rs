//! What a node does beside answering calls: upkeep, lanes, the outbox.

use super::background::Background;
use crate::config::Config;
use simgauge_service::lanes::{self, LaneSettings, LaneSetup};
use simgauge_service::lease::LeaseSettings;
use simgauge_service::outbox::{self, NotifySettings};
use simgauge_service::secrets::Sealer;
use simgauge_service::services::Services;
use simgauge_service::{activity, checkpoint, guard, retention};
use std::time::Duration;

/// This process among those that share a store.
pub(super) struct Node {
    /// Its name in leases: unique, also after a restart.
    name: String,
    /// Whether it is the only server of its store. A lease that a crash left behind is then taken over at
    /// once.
    alone: bool,
}

impl Node {
    pub(super) fn new(alone: bool) -> Self {
        Self { name: format!("{}-{:08x}", std::process::id(), rand::random::<u32>()), alone }
    }
}

/// Starts what every node does.
///
/// # Errors
/// The configuration names an unknown time zone.
pub(super) fn start_upkeep(
    background: &mut Background,
    config: &Config,
    services: &Services,
    node: &Node,
) -> anyhow::Result<()> {
    let stopping = background.stopping();
    let Services { store, clock, apps, accepter, waiters, .. } = services.clone();
    background.start("app directory", apps.keep_fresh(config.api.app_reload(), stopping.clone()));
    background.start("clock", clock.clone().keep_correct(store.clone(), stopping.clone()));
    let watching = checkpoint::watch_files(store.clone(), config.store.serve_damaged, stopping.clone());
    background.start("store files", watching);
    if config.server.role.works() {
        let days = config.usage.keep_readings_days;
        let pruning =
            retention::prune_daily(store.clone(), clock.clone(), config.zone()?, days, stopping.clone());
        background.start("retention", pruning);
        let settling = guard::settle_due(store.clone(), clock.clone(), stopping.clone());
        background.start("guard", settling);
    }
    let activity = activity::keep(store, clock, node.name.clone(), accepter, waiters, stopping);
    background.start("activity", activity);
    Ok(())
}

/// Starts the lanes and the outbox. A node that only answers calls just counts the lanes' queues.
///
/// # Errors
/// The system cannot start a thread.
pub(super) fn start_lanes(
    background: &mut Background,
    config: &Config,
    services: &Services,
    setups: Vec<LaneSetup>,
    sealer: &Sealer,
    node: &Node,
) -> anyhow::Result<()> {
    let stopping = background.stopping();
    let settings = lane_settings(config, services, node);
    background.start("queue lengths", lanes::watch(settings.clone(), stopping.clone()));
    if !config.server.role.works() {
        return Ok(());
    }
    background.start("lanes", lanes::start(setups, &settings, &stopping)?);
    let notify = NotifySettings {
        store: services.store.clone(),
        clock: services.clock.clone(),
        sealer: sealer.clone(),
        refreshes_ended: services.waiters.any_ended(),
        lease: settings.lease,
        telemetry: services.telemetry.clone(),
        config: config.notify.clone(),
    };
    background.start("outbox", outbox::deliver(notify, stopping));
    Ok(())
}

fn lane_settings(config: &Config, services: &Services, node: &Node) -> LaneSettings {
    LaneSettings {
        store: services.store.clone(),
        clock: services.clock.clone(),
        registry: services.registry.clone(),
        waiters: services.waiters.clone(),
        lease: LeaseSettings {
            node: node.name.clone(),
            duration: Duration::from_secs(config.lanes.lease_seconds),
            alone: node.alone,
        },
        poll: Duration::from_secs_f64(config.lanes.poll_seconds),
        begin_within: config.refresh.begin_within(),
        retry: config.refresh.retry_rule(),
        breaker: config.lanes.breaker_rule(),
        telemetry: services.telemetry.clone(),
        guard: config.guard.rule(),
    }
}
