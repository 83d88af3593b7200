//! One lane: worked whenever its lease can be had.

use super::context::LaneContext;
use super::session::LaneSession;
use crate::lease::LeaseTaker;
use tokio_util::sync::CancellationToken;

/// Works the lane until stopped.
pub(super) async fn run(context: LaneContext, stopping: CancellationToken) {
    let settings = &context.settings;
    let mut taker = LeaseTaker::of_lane(context.lane(), &settings.lease, &settings.store, &settings.clock);
    while let Some((lease, before)) = taker.take(&stopping).await {
        context.take_over(&before);
        context.set_held(true);
        let ended = LaneSession::new(&context, lease).work(&stopping).await;
        context.set_held(false);
        let Some((lease, status)) = ended else { continue };
        match context.handover(status) {
            Ok(handover) => lease.give_back(&handover).await,
            Err(error) => {
                let lane = context.lane();
                tracing::error!(lane, %error, "the lane cannot be handed over; its lease will run out");
            }
        }
    }
}
