//! Booking what was held back for a day, and forgetting what was decided long ago.

use crate::clock::Clock;
use crate::interval::every;
use simgauge_store::Store;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(60);
/// At most so many at once, so that callers are not held up.
const MANY: i64 = 500;
/// Decided ones are kept so long.
const KEEP: Duration = Duration::from_hours(24 * 62);

/// Works until stopped. Any number of nodes may.
pub async fn settle_due(store: Store, clock: Clock, stopping: CancellationToken) {
    let mut ticks = every(EVERY);
    while stopping.run_until_cancelled(ticks.tick()).await.is_some() {
        let now = clock.now();
        match store.settle_due_suspects(now, now.before(KEEP), MANY).await {
            Ok(settled) => {
                if settled.booked > 0 {
                    tracing::info!(count = settled.booked, "usages that fell were booked after a day");
                }
                for (profile, error) in settled.damaged {
                    let message = "a usage that is held back cannot be booked; trying again in a day";
                    tracing::error!(%profile, %error, "{message}");
                }
            }
            Err(error) => tracing::warn!(%error, "what was held back could not be booked; trying again"),
        }
    }
}
