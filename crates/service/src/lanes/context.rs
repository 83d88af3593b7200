//! What one lane works with, from lease to lease.

use super::pacer::{HostPaces, Pacer};
use super::result_writer::ResultWriter;
use super::settings::LaneSettings;
use super::setup::LaneSetup;
use crate::telemetry::LaneMetrics;
use simgauge_domain::guard::rule::GuardRule;
use simgauge_domain::lane_status::{LaneStatus, LeaseHandover};
use simgauge_domain::time::UnixMs;
use simgauge_store::Before;
use std::time::Duration;

pub(super) struct LaneContext {
    pub(super) setup: LaneSetup,
    pub(super) settings: LaneSettings,
    pub(super) pacer: Pacer,
    pub(super) metrics: LaneMetrics,
    pub(super) result_writer: ResultWriter,
}

impl LaneContext {
    pub(super) fn new(
        setup: LaneSetup,
        settings: LaneSettings,
        hosts: &HostPaces,
        result_writer: ResultWriter,
    ) -> Self {
        let pacer = Pacer::new(&setup.limits, setup.operator.host(), hosts);
        let metrics = settings.telemetry.metrics.lane(&setup.name);
        Self { setup, settings, pacer, metrics, result_writer }
    }

    pub(super) fn lane(&self) -> &str {
        &self.setup.name
    }

    pub(super) fn now(&self) -> UnixMs {
        self.settings.clock.now()
    }

    /// Goes on where the last holder left off: a change of holder permits no burst.
    pub(super) fn take_over(&self, before: &Before) {
        let handover = match before {
            Before::Nobody => return,
            Before::Lost => None,
            Before::GivenBack(text) => match serde_json::from_str::<LeaseHandover>(text) {
                Ok(handover) => Some(handover),
                Err(error) => {
                    let lane = self.lane();
                    tracing::error!(lane, %error, "what the last holder handed over is damaged");
                    None
                }
            },
        };
        // Without a handover the limits are taken to be used up.
        let counting = handover
            .as_ref()
            .map(|handover| (handover.counting.as_slice(), self.now().since(UnixMs(handover.at))));
        self.pacer.take_over(counting);
    }

    /// What the lane's readings are believed by.
    pub(super) fn guard_rule(&self) -> GuardRule {
        let lag = Duration::from_secs(self.setup.declared_lag_seconds.unwrap_or_default());
        GuardRule { lag, ..self.settings.guard.clone() }
    }

    /// What the next holder gets, as JSON.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub(super) fn handover(&self, status: LaneStatus) -> Result<String, serde_json::Error> {
        let counting = self.pacer.hand_over();
        serde_json::to_string(&LeaseHandover { status, counting, at: self.now().0 })
    }

    /// Makes known whether this process works the lane.
    pub(super) fn set_held(&self, held: bool) {
        self.settings.registry.set_held(self.lane(), held);
        self.metrics.set_held(held);
    }
}
