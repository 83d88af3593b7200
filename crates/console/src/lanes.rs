//! Lanes as the store, the configuration and this node's queues know them.

use crate::data_age::DataAge;
use crate::error::{PageError, PageResult};
use crate::state::{ConsoleState, OperatorFacts};
use simgauge_domain::lane_status::LaneStatus;
use simgauge_domain::time::UnixMs;
use simgauge_service::lanes::Queue;
use simgauge_store::{LanePause, LaneRow};
use std::collections::{BTreeMap, HashMap};

/// What is known of one operator account's lane.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) name: String,
    /// None if the operator account is not in the configuration.
    pub(super) operator: Option<OperatorFacts>,
    /// The node that works it, if one does.
    pub(super) holder: Option<String>,
    /// What its holder last wrote.
    pub(super) status: LaneStatus,
    pub(super) pause: Option<LanePause>,
}

impl Lane {
    /// Whether it reads nothing at present but for a probe, so that no rate tells when what waits is read.
    pub(super) fn is_stalled(&self) -> bool {
        self.pause.is_some()
            || self.holder.is_none()
            || self.status.is_failing
            || self.status.down_since.is_some()
            || self.status.limited_until.is_some()
    }

    /// Its health, a key of the texts `health`, and the tone of that word.
    pub(super) fn health(&self) -> (&'static str, &str) {
        if self.pause.is_some() {
            return ("warn", "paused");
        }
        if self.holder.is_none() {
            return ("bad", "nobody");
        }
        match self.status.health.as_str() {
            "limited" => ("bad", "limited"),
            health @ ("open" | "probing") => ("bad", health),
            "failing" => ("warn", "failing"),
            // Nobody pauses it any more, and its holder has not written yet that it goes on.
            "paused" => ("quiet", "resuming"),
            _ => ("good", "ok"),
        }
    }
}

/// Every configured operator account and every lane that the store knows, by name.
pub(super) async fn lanes(state: &ConsoleState) -> PageResult<BTreeMap<String, Lane>> {
    let store = &state.services.store;
    let now = state.services.clock.now();
    let mut lanes: BTreeMap<String, Lane> = state
        .operators
        .iter()
        .map(|(name, operator)| {
            let operator = Some(operator.clone());
            (name.clone(), Lane { name: name.clone(), operator, ..Lane::default() })
        })
        .collect();
    for row in store.lanes().await? {
        let status = status_of(&row)?;
        let lane = lanes.entry(row.name.clone()).or_default();
        lane.status = status;
        lane.holder = Some(row.holder).filter(|_| row.lease_until > now.0);
        lane.name = row.name;
    }
    for pause in store.lane_pauses().await? {
        if let Some(lane) = lanes.get_mut(&pause.lane) {
            lane.pause = Some(pause);
        }
    }
    Ok(lanes)
}

fn status_of(row: &LaneRow) -> PageResult<LaneStatus> {
    // A new lane has no status, and one that was just taken an empty one.
    if matches!(row.status.as_str(), "" | "{}") {
        return Ok(LaneStatus::default());
    }
    serde_json::from_str(&row.status).map_err(|error| {
        PageError::internal(format!("the status of the lane {} is damaged: {error}", row.name))
    })
}

/// A lane with what waits for it and how old its profiles' usage is.
pub(super) struct LaneLoad {
    pub(super) lane: Lane,
    /// Readings that wait.
    pub(super) waiting: u64,
    /// Since when the oldest of them waits.
    pub(super) oldest: Option<UnixMs>,
    /// Readings a second that the operator's limits allow.
    pub(super) rate: Option<f64>,
    pub(super) data_age: DataAge,
}

/// Every lane of [`lanes`], by name.
pub(super) async fn lane_loads(state: &ConsoleState) -> PageResult<Vec<LaneLoad>> {
    let services = &state.services;
    let mut queues: HashMap<String, Queue> =
        services.registry.queues().into_iter().map(|queue| (queue.lane.clone(), queue)).collect();
    let mut loads = Vec::new();
    for lane in lanes(state).await?.into_values() {
        let queue = queues.remove(&lane.name);
        loads.push(LaneLoad {
            oldest: queue.as_ref().and_then(|queue| queue.oldest),
            // A lane that has left this node's configuration was last counted by its holder.
            waiting: queue.map_or(lane.status.queue, |queue| queue.waiting),
            rate: services.registry.readings_per_second(&lane.name),
            data_age: state.data_ages.of(&services.store, &lane.name, services.clock.now()).await?,
            lane,
        });
    }
    Ok(loads)
}
