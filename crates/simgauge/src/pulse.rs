//! Writing down every few seconds how much this process did, for the console's minutes.

use crate::clock::Clock;
use crate::refresh::{Accepter, Waiters};
use simgauge_store::{Activity, Store};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What happened since is lost with the process.
const EVERY: Duration = Duration::from_secs(2);
/// Minutes are kept so long.
const KEEP: Duration = Duration::from_secs(25 * 3600);

/// Writes until stopped, and once more then.
pub async fn keep(
    store: Store,
    clock: Clock,
    node: String,
    accepter: Accepter,
    waiters: Waiters,
    stopping: CancellationToken,
) {
    let mut written = Activity::default();
    let mut rounds = 0_u64;
    loop {
        let goes_on = stopping.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some();
        let (succeeded, failed) = waiters.ended_so_far();
        let now = Activity { accepted: accepter.accepted(), succeeded, failed };
        let done = Activity {
            accepted: now.accepted - written.accepted,
            succeeded: now.succeeded - written.succeeded,
            failed: now.failed - written.failed,
        };
        if !done.is_empty() {
            match store.add_activity(&node, done, clock.now()).await {
                Ok(()) => written = now,
                Err(error) => {
                    tracing::warn!(%error, "the minute's counts could not be written; trying again")
                }
            }
        }
        if !goes_on {
            return;
        }
        if rounds.is_multiple_of(512)
            && let Err(error) = store.forget_activity(before(&clock)).await
        {
            tracing::warn!(%error, "old minutes could not be forgotten; trying again later");
        }
        rounds += 1;
    }
}

fn before(clock: &Clock) -> simgauge_domain::time::UnixMs {
    let keep = i64::try_from(KEEP.as_millis()).unwrap_or(0);
    simgauge_domain::time::UnixMs(clock.now().0 - keep)
}
