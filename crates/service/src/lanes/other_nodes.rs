//! What a node learns of the others: new work for the lanes it works, and how long the queues of the other
//! lanes are.

use super::registry::Counted;
use super::settings::LaneSettings;
use simgauge_store::{Store, StoreError, Wakeup};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Waiting tasks of one account are counted up to here.
const COUNT_MAX: i64 = 100_000;
/// Pause after the store failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Passes on wake-ups by other nodes, until stopped. An embedded store has no other nodes.
pub(super) async fn listen(settings: LaneSettings, stopping: CancellationToken) {
    stopping
        .run_until_cancelled(async {
            loop {
                match pass_on(&settings).await {
                    Ok(()) => return,
                    Err(error) => {
                        tracing::warn!(%error, "news of other nodes cannot be heard; trying again")
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
        .await;
}

async fn pass_on(settings: &LaneSettings) -> Result<(), StoreError> {
    let Some(mut wakeups) = settings.store.wakeups().await? else { return Ok(()) };
    loop {
        match wakeups.next().await? {
            Wakeup::Work { lane, account } => settings.registry.mark_pending(&lane, &account),
            // Every lane polls, so what was missed is found.
            Wakeup::LookEverywhere => tracing::debug!("wake-ups by other nodes may have been missed"),
        }
    }
}

/// Counts the queues of lanes that are worked elsewhere, for estimates and for refusing what would wait too
/// long.
pub(super) async fn count(settings: LaneSettings, stopping: CancellationToken) {
    while stopping.run_until_cancelled(tokio::time::sleep(settings.poll)).await.is_some() {
        for lane in settings.registry.held_elsewhere() {
            match waiting(&settings.store, &lane).await {
                Ok(counted) => settings.registry.counted(&lane, counted),
                Err(error) => tracing::warn!(lane, %error, "a queue could not be counted; trying again"),
            }
        }
    }
}

/// What waits in a lane.
pub(super) async fn waiting(store: &Store, lane: &str) -> Result<Counted, StoreError> {
    let mut counted = Counted::default();
    for account in store.waiting_accounts(lane).await? {
        let waiting = store.count_waiting(lane, &account, COUNT_MAX).await?;
        counted.oldest = counted.oldest.into_iter().chain(waiting.since).min();
        counted.waiting.insert(account, waiting.count);
    }
    Ok(counted)
}
