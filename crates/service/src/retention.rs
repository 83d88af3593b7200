//! Folding old readings into daily totals, once a day.

use crate::clock::Clock;
use simgauge_domain::ids::CardId;
use simgauge_domain::period::TimeZone;
use simgauge_domain::time::UnixMs;
use simgauge_store::{Store, StoreError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The first time is soon after the start, for nodes that are restarted every day.
const FIRST: Duration = Duration::from_secs(60);
/// Pause between two groups of cards, so that callers are not held up.
const PAUSE: Duration = Duration::from_millis(50);

/// Prunes once a day until stopped; never where `keep_days` is 0.
pub async fn prune_daily(
    store: Store,
    clock: Clock,
    zone: TimeZone,
    keep_days: u32,
    stopping: CancellationToken,
) {
    if keep_days == 0 {
        return;
    }
    stopping
        .run_until_cancelled(async {
            let mut wait = FIRST;
            loop {
                tokio::time::sleep(std::mem::replace(&mut wait, DAY)).await;
                match prune_once(&store, clock.now(), &zone, keep_days, PAUSE).await {
                    Ok(readings) => tracing::info!(readings, "old readings were folded into daily totals"),
                    Err(error) => {
                        tracing::warn!(%error, "old readings could not be folded; trying again tomorrow")
                    }
                }
            }
        })
        .await;
}

/// Prunes every card once, or those that are left where it was broken off on the same day; answers how many
/// readings went.
///
/// # Errors
/// The store failed; what was pruned until then stays so.
pub async fn prune_once(
    store: &Store,
    now: UnixMs,
    zone: &TimeZone,
    keep_days: u32,
    pause: Duration,
) -> Result<usize, StoreError> {
    let keep_from = UnixMs(now.0 - i64::from(keep_days) * 86_400_000);
    let mut after = store.prune_place(zone, keep_from).await?;
    if after == CardId(i64::MAX) {
        return Ok(0);
    }
    let mut gone = 0;
    loop {
        let (last, count) = store.prune_readings(after, zone, keep_from).await?;
        gone += count;
        match last {
            Some(last) => after = last,
            None => return Ok(gone),
        }
        tokio::time::sleep(pause).await;
    }
}
